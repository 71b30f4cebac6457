"""Does a certificate's name cover the host that was asked for? (RFC 9525, section 6.3)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Finding, call
from . import Exercise, changed

# The certificate's names, the host, whether it is covered, and why.
CASES: tuple[tuple[list[str], str, bool, str], ...] = (
    (["shop.test"], "shop.test", True, "The same name."),
    (["shop.test"], "bank.test", False, "Another name."),
    (["a.test", "shop.test"], "shop.test", True, "The second of two names."),
    ([], "shop.test", False, "A certificate without names covers nothing."),
    (["Shop.TEST"], "shop.test", True, "Upper and lower case are the same in DNS."),
    (["*.shop.test"], "www.shop.test", True, "A star stands for one label."),
    (["*.shop.test"], "WWW.SHOP.TEST", True, "A star, and upper case."),
    (["*.shop.test"], "shop.test", False, "A star stands for one label, not for none."),
    (["*.shop.test"], "a.b.shop.test", False, "A star stands for one label, not for two."),
    (["*.shop.test"], "www.xshop.test", False, "Labels end at dots."),
    (["shop.test"], "www.shop.test", False, "A name does not cover what is below it."),
    (["shop.test"], "evilshop.test", False, "The end of a name is not the name."),
    (["*.shop.test"], "www.shop.test.evil.test", False, "The beginning is not the name."),
    (["www.*.test"], "www.shop.test", False, "A star counts only as the first label."),
    (["w*.shop.test"], "www.shop.test", False, "A star counts only as a whole label."),
    (["shop.test"], "shop-test", False, "A dot is a dot, not any letter."),
    (["*.0.0.1"], "127.0.0.1", False, "A star never covers a part of an IP address."),
)


def examine(
    covers: Callable[[list[str], str], Any], names: list[str], host: str, wanted: bool, why: str
) -> Finding | None:
    got = call(covers, names, host)
    if got is wanted:
        return None
    shown = f"covers({names!r}, {host!r})"
    if got not in (True, False):
        why = "covers must return True or False."
    return Finding(f"In covers: {why}", shown, expected=wanted, got=got)


def check(covers: Callable[[list[str], str], Any]) -> Finding | None:
    return next((f for case in CASES if (f := examine(covers, *case))), None)


_SOLUTION = """\
def covers(names, host):
    wanted = host.lower().split(".")
    if wanted[-1].isdigit():
        return False  # an IP address
    for name in names:
        labels = name.lower().split(".")
        if labels == wanted or (labels[0] == "*" and labels[1:] == wanted[1:]):
            return True
    return False
"""

EXERCISE = Exercise(
    key="13-names",
    name="covers",
    statement="""\
Write `covers(names, host)`: is this host one of a certificate's DNS names? True or False. The rules
(RFC 9525, sections 6.3 and 6.4):

- upper and lower case are the same;
- a name covers exactly itself, nothing below it and nothing above;
- if the first label of a name is `*`, it stands for exactly one label; a star anywhere else, or
  with letters beside it, covers nothing;
- an IP address is covered by no DNS name: if the last label is a number, the answer is False.
""",
    starter='''\
def covers(names, host):
    """Whether one of a certificate's DNS names covers the host that was asked for."""
    ...  # your code
''',
    check=check,
    hints=(
        'Cut both into labels, `host.lower().split(".")`, and compare lists: then no dot can be '
        "taken for a letter.",
        "Without a star, the lists must be equal. With a star as the first label, what comes "
        "behind the first label must be equal, in both.",
        "Deal with the IP address first: its last label `isdigit()`.",
    ),
    solution=_SOLUTION,
    wrong={
        "only the same name": """\
def covers(names, host):
    return host in names
""",
        "fnmatch": """\
import fnmatch
def covers(names, host):
    return any(fnmatch.fnmatch(host.lower(), name.lower()) for name in names)
""",
        "the end of the name": """\
def covers(names, host):
    return any(host.lower().endswith(name.lower().removeprefix("*")) for name in names)
""",
        "a star for any number of labels": changed(
            _SOLUTION, ("labels[1:] == wanted[1:]", "labels[1:] == wanted[1 - len(labels) :]")
        ),
        "a regular expression": """\
import re
def covers(names, host):
    patterns = [name.replace("*", "[^.]+") for name in names]
    return any(re.fullmatch(each, host, re.IGNORECASE) is not None for each in patterns)
""",
        "a star in any place": """\
def covers(names, host):
    wanted = host.lower().split(".")
    for name in names:
        labels = name.lower().split(".")
        if len(labels) == len(wanted) and all(
            mine in ("*", theirs) for mine, theirs in zip(labels, wanted)
        ):
            return not wanted[-1].isdigit()
    return False
""",
        "IP addresses too": changed(_SOLUTION, ("wanted[-1].isdigit()", "False")),
        "case counts": changed(_SOLUTION, ("host.lower()", "host"), ("name.lower()", "name")),
    },
)
