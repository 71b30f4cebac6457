"""A coroutine run to its end from ordinary code, also within a running loop."""

from __future__ import annotations

import asyncio

import pytest

from helpers.coroutines import finished


async def twice(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def fails() -> None:
    raise ZeroDivisionError("on purpose")


def test_it_returns_what_the_coroutine_returns() -> None:
    assert finished(twice(21)) == 42


def test_it_raises_what_the_coroutine_raises() -> None:
    with pytest.raises(ZeroDivisionError, match="on purpose"):
        finished(fails())


def test_it_works_where_a_loop_is_running() -> None:
    async def within() -> int:
        return finished(twice(4))

    assert asyncio.run(within()) == 8


def test_waiting_can_be_skipped_and_what_never_comes_is_an_error() -> None:
    async def an_hour() -> float:
        begun = asyncio.get_running_loop().time()
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time() - begun

    async def for_ever() -> None:
        await asyncio.get_running_loop().create_future()

    assert finished(an_hour(), skip_waiting=True) == pytest.approx(3600)
    with pytest.raises(RuntimeError, match="never come"):
        finished(for_ever(), skip_waiting=True)
