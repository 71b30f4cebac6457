"""Source that runs in another Python as it did here."""

from __future__ import annotations

import socket as plain_socket
import subprocess
import sys
import time
from base64 import b64encode

import pytest

from helpers.shipping import source_of
from helpers.work import busy

SIZE = 3
HANDLE = object()


def first(text):
    return second(text)[:SIZE] if text else "nothing"


def second(text):
    return b64encode(text.encode()).decode() + str(plain_socket.AF_INET.value)


def even(number):
    return number == 0 or odd(number - 1)


def odd(number):
    return number != 0 and even(number - 1)


def worked():
    return busy(0.001).endswith(b"]]\n") and time.time() > 0


def nested():
    return [(lambda: first(each))() for each in ("a", "")]


alias = first


def by_alias():
    return alias("a")


def stays_behind():
    return HANDLE


def ran_elsewhere(function: object, call: str) -> str:
    code = source_of(function) + f"\nprint({call})\n"  # type: ignore[arg-type]
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("function", "call", "said"),
    [
        (first, "first('a')", "YQ="),
        (even, "even(7)", "False"),
        (worked, "worked()", "True"),
        (nested, "nested()", "['YQ=', 'nothing']"),
        (by_alias, "by_alias()", "YQ="),
        (stays_behind, "stays_behind()", "NameError: name 'HANDLE' is not defined"),
    ],
)
def test_a_function_takes_along_what_it_needs(function: object, call: str, said: str) -> None:
    assert ran_elsewhere(function, call) == said


def test_a_function_inside_a_function_is_refused_if_it_uses_its_variables() -> None:
    kept = 1

    def inner():
        return kept

    with pytest.raises(TypeError, match="inner uses kept of the function around it"):
        source_of(inner)


def test_what_has_no_source_is_refused() -> None:
    with pytest.raises(TypeError, match="written with def"):
        source_of(len)


class Base:
    def greet(self):
        return first("a")


class Derived(Base):
    """Uses its parent, and a function of this module."""

    size = 3

    def twice(self):
        return [self.greet()] * 2 + [even(self.size)]


class Nothing:
    pass


def makes_one():
    return Derived().twice()


def test_a_class_takes_along_its_parents_and_what_its_methods_use() -> None:
    assert ran_elsewhere(Derived, "Derived().twice()") == "['YQ=', 'YQ=', False]"
    assert ran_elsewhere(makes_one, "makes_one()") == "['YQ=', 'YQ=', False]"


def test_a_class_without_methods_is_refused() -> None:
    with pytest.raises(TypeError, match="Nothing has no method"):
        source_of(Nothing)
