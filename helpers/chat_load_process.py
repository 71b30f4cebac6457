"""The process that `members` starts: many members of a chat service, on one event loop.

Run by its path, so that nothing but members runs in it. It reads its orders from standard
input and writes answers to standard output, a line of JSON each; what goes on is told in lines
{"told": …}, the result in {"result": …}, and what the network did not allow in {"error": …}. It
ends with its standard input.

Messages are said at times that were drawn before: an open loop. Each carries the moment when
it was due, so every member can tell how long it took to be delivered.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import json
import random
import select
import selectors
import ssl
import struct
import sys
import time
from array import array
from collections import Counter
from functools import partial
from typing import Any

AT_ONCE = 32  # members that connect at the same time
LAST_SECONDS = 0.5  # without any delivery: then no more are expected
ANSWER_SECONDS = 10.0  # that a member waits for its JOINED
TICK = 0.25  # seconds between two lines of what goes on
WINDOW = 32  # messages that are said and not yet heard, of a member who pours

clock = time.perf_counter_ns


def frame(text: str) -> bytes:
    body = text.encode()
    return struct.pack("!H", len(body)) + body


class Member(asyncio.Protocol):
    """One connection."""

    def __init__(self, crowd: Crowd, number: int, room: str) -> None:
        self.crowd, self.number, self.room = crowd, number, room
        self.inbox = b""
        self.transport: Any = None
        self.joined = asyncio.get_running_loop().create_future()
        self.ended = asyncio.get_running_loop().create_future()
        self.may_write = asyncio.Event()
        self.may_write.set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.say(f"JOIN {self.room} m{self.number}")

    def data_received(self, data: bytes) -> None:
        now, inbox, at = clock(), self.inbox + data, 0
        while len(inbox) - at >= 2:
            end = at + 2 + (inbox[at] << 8 | inbox[at + 1])
            if end > len(inbox):
                break
            self.heard(inbox[at + 2 : end], now)
            at = end
        self.inbox = inbox[at:]

    def heard(self, body: bytes, now: int) -> None:
        if body.startswith(b"SAID "):
            self.crowd.delivered(self, body, now)
        elif not self.joined.done() and body.startswith(b"JOINED "):
            self.joined.set_result(True)
        elif body.startswith(b"BYE "):
            self.crowd.byes.append(body.decode(errors="replace"))

    def pause_writing(self) -> None:
        self.may_write.clear()

    def resume_writing(self) -> None:
        self.may_write.set()

    def connection_lost(self, _error: Exception | None) -> None:
        self.may_write.set()
        for future in (self.joined, self.ended):
            if not future.done():
                future.set_result(False)

    def say(self, text: str) -> None:
        self.transport.write(frame(text))


class Crowd:
    """All members that this process plays."""

    def __init__(self) -> None:
        self.members: list[Member] = []
        self.byes: list[str] = []
        self.begin()

    def begin(self) -> None:
        self.since, self.times, self.fresh = clock(), array("q"), array("q")
        self.heard, self.poured = 0, 0

    def delivered(self, member: Member, body: bytes, now: int) -> None:
        try:
            _, _, nick, text = body.split(b" ", 3)
            due = int(text.partition(b" ")[0]) if text[:1].isdigit() else -1
        except ValueError:  # a service that says something else: no delivery
            return
        self.heard += 1
        if nick == b"m%d" % member.number and text.startswith(b"pour"):
            self.poured += 1
            self.room_to_pour.set()
        if due >= self.since:
            self.times.append(now - due)
            self.fresh.append(now - due)

    # ------------------------------------------------------------------ orders

    async def join(
        self, address: list[Any], count: int, rooms: int, ca: str, name: str
    ) -> dict[str, Any]:
        """Have `count` members more, spread over the rooms."""
        loop = asyncio.get_running_loop()
        context = ssl.create_default_context(cadata=ca) if ca else None
        places = asyncio.Semaphore(AT_ONCE)

        async def come(number: int) -> None:
            room = f"room{number % rooms}"
            async with places:
                _, member = await loop.create_connection(
                    lambda: Member(self, number, room),
                    *address[:2],
                    ssl=context,
                    server_hostname=name if ca else None,
                )
                self.members.append(member)
                await asyncio.wait([member.joined], timeout=ANSWER_SECONDS)
                if not member.joined.done():
                    raise TimeoutError(f"a member heard no JOINED for {ANSWER_SECONDS:g} s")

        first = len(self.members)
        coming = (come(first + number) for number in range(count))
        ends = await asyncio.gather(*coming, return_exceptions=True)
        if failed := next((end for end in ends if isinstance(end, BaseException)), None):
            raise failed
        return {"members": sum(not member.ended.done() for member in self.members)}

    async def talk(
        self, rate: float, seconds: float, size: int, seed: int, flooders: int, deaf: int
    ) -> dict[str, Any]:
        """Say messages at random times, each time another member; time every delivery."""
        chance = random.Random(seed)
        gaps = [chance.expovariate(rate) for _ in range(round(rate * seconds))]
        well = self.members[flooders : len(self.members) - deaf]
        asleep = self.members[len(self.members) - deaf :]
        for member in asleep:
            member.transport.pause_reading()
        who = [chance.choice(well) for _ in gaps]
        hearing = self.members[: len(self.members) - deaf]
        hearers = Counter(member.room for member in hearing)
        self.begin()
        start = due = clock()
        end = start + int(seconds * 1e9)
        helpers = [asyncio.ensure_future(self.flood(m, end)) for m in self.members[:flooders]]
        helpers.append(asyncio.ensure_future(self.report()))
        late, expected = array("q"), 0
        for gap, member in zip(gaps, who, strict=True):
            due += int(gap * 1e9)
            await asyncio.sleep(max(0.0, (due - clock()) / 1e9))
            late.append(clock() - due)
            expected += hearers[member.room]
            text = f"{due} "
            member.say("SAY " + text + "x" * max(0, size - len(text)))
        await self.drain(expected)
        for task in helpers:
            task.cancel()
        for member in self.members[:flooders]:
            member.transport.abort()  # else all that it has said would have to be heard first
        for member in asleep:
            if not member.ended.done():
                member.transport.resume_reading()
        return {
            "times": base64.b64encode(self.times.tobytes()).decode(),
            "said": len(gaps),
            "expected": expected,
            "late": sorted(late)[int(0.99 * (len(late) - 1))] if late else 0,
            "seconds": (clock() - start) / 1e9,
        }

    async def flood(self, member: Member, until: int) -> None:
        """Say as much as the connection takes."""
        data = frame("SAY flood") * 50
        while clock() < until and not member.ended.done():
            member.transport.write(data)
            await asyncio.sleep(0)
            await member.may_write.wait()

    async def report(self) -> None:
        loop, at, said = asyncio.get_running_loop(), clock(), self.heard
        while True:
            await asyncio.sleep(TICK)
            fresh, self.fresh = sorted(self.fresh), array("q")
            p99 = fresh[int(0.99 * (len(fresh) - 1))] / 1e9 if fresh else None
            now = clock()
            rate = (self.heard - said) / ((now - at) / 1e9)
            at, said = now, self.heard
            told = {"at": (now - self.since) / 1e9, "p99": p99, "delivered": rate}
            await loop.run_in_executor(None, partial(tell, told=told))

    async def drain(self, expected: int) -> None:
        """Wait for deliveries that are missing, as long as any come."""
        last, before = clock(), -1
        while len(self.times) < expected and clock() - last < LAST_SECONDS * 1e9:
            if len(self.times) > before:
                last, before = clock(), len(self.times)
            await asyncio.sleep(0.01)

    async def pour(self, size: int, seconds: float) -> dict[str, Any]:
        """One member says as much as it hears again; count what all of them hear."""
        self.room_to_pour = asyncio.Event()
        member, text = self.members[0], "SAY pour" + "x" * max(0, size - 4)
        self.begin()
        start, said = clock(), 0
        while clock() - start < seconds * 1e9:
            while said - self.poured < WINDOW:
                member.say(text)
                said += 1
            self.room_to_pour.clear()
            async with asyncio.timeout(5):
                await self.room_to_pour.wait()
            await member.may_write.wait()
        heard, spent = self.heard, (clock() - start) / 1e9
        async with asyncio.timeout(5):
            while self.poured < said:
                await asyncio.sleep(0.005)
        return {"heard": heard, "seconds": spent}

    async def leave(self) -> dict[str, Any]:
        """All leave; wait until the service has ended their streams."""
        for member in self.members:
            if not member.ended.done():
                member.say("LEAVE")
        if self.members:
            await asyncio.wait([member.ended for member in self.members], timeout=3)
        for member in self.members:
            member.transport.abort()
        return {"byes": self.byes[:100]}


class Precise(selectors.DefaultSelector):
    """Waits by select() on the selector itself: epoll_wait() would round up to a millisecond."""

    def select(self, timeout: float | None = None) -> Any:
        if hasattr(self, "fileno") and (timeout is None or timeout > 0):
            select.select([self], [], [], timeout)
            timeout = 0
        return super().select(timeout)


def tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    with contextlib.suppress(OSError):  # Linux: a sleep may end 50 µs late, by default
        with open("/proc/self/timerslack_ns", "w") as slack:
            slack.write("1")
    loop = asyncio.SelectorEventLoop(Precise())
    crowd = Crowd()
    for line in sys.stdin:
        order = json.loads(line)
        gc.disable()
        try:
            tell(result=loop.run_until_complete(getattr(crowd, order["do"])(*order["with"])))
        except OSError as error:
            tell(error=str(error) or type(error).__name__)
        gc.enable()


if __name__ == "__main__":
    main()
