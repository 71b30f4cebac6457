"""The whole chat service, judged by all its behaviours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from ..chat_judge import first_failure
from ..findings import Finding
from . import Exercise, changed


def check(MyChat: Callable[..., Any]) -> Finding | None:
    found = first_failure(MyChat)
    return found and replace(found, message=f"In MyChat, {found.message}")


SOLUTION = """\
import asyncio


def packed(words):
    data = words.encode()
    return len(data).to_bytes(2, "big") + data


class Ended(Exception):
    pass


class Guest:
    def __init__(self, writer, limit):
        self.writer, self.limit = writer, limit
        self.outbox, self.fresh, self.last = [], asyncio.Event(), False
        self.home = self.nick = None

    def tell(self, words, last=False):
        if self.last:
            return
        if len(self.outbox) >= self.limit:
            self.last = True
            self.writer.transport.abort()
            return
        self.outbox.append(packed(words))
        self.last = last
        self.fresh.set()

    async def send_all(self):
        try:
            while self.outbox or not self.last:
                await self.fresh.wait()
                self.fresh.clear()
                while self.outbox:
                    self.writer.write(self.outbox.pop(0))
                    await self.writer.drain()
        except OSError:
            self.outbox.clear()


class MyChat:
    def __init__(self, limits):
        self.limits = limits
        self.homes, self.counts, self.guests = {}, {}, {}
        self.ending = False

    def announce(self, home, kind, words):
        self.counts[home] += 1
        for guest in tuple(self.homes[home].values()):
            guest.tell(f"{kind} {self.counts[home]} {words}")

    async def exactly(self, reader, size, seconds, reason):
        try:
            async with asyncio.timeout(seconds):
                return await reader.readexactly(size)
        except TimeoutError:
            raise Ended(reason) from None

    async def receive(self, reader, seconds):
        first = await self.exactly(reader, 1, seconds, "silent")
        by = asyncio.get_running_loop().time() + self.limits.patience
        second = await self.exactly(reader, 1, self.limits.patience, "too late")
        size = int.from_bytes(first + second, "big")
        if size > self.limits.message:
            raise Ended("too long")
        left = by - asyncio.get_running_loop().time()
        data = await self.exactly(reader, size, left, "too late")
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise Ended("not UTF-8") from None

    def admit(self, guest, words):
        verb, *names = words.split(" ")
        fine = all(name.isalnum() and len(name) <= 20 for name in names)
        if verb != "JOIN" or len(names) != 2 or not fine:
            raise Ended("not understood")
        home, nick = names
        if nick in self.homes.get(home, {}):
            raise Ended("nick taken")
        self.homes.setdefault(home, {})[nick] = guest
        self.counts.setdefault(home, 0)
        guest.home, guest.nick = home, nick
        self.announce(home, "JOINED", nick)

    def do(self, guest, words):
        verb, _, rest = words.partition(" ")
        if words == "LEAVE":
            raise Ended("left")
        elif verb == "SAY":
            self.announce(guest.home, "SAID", f"{guest.nick} {rest}")
        elif verb == "PING":
            guest.tell(f"PONG {rest}")
        else:
            raise Ended("not understood")

    async def serve(self, reader, writer):
        guest = Guest(writer, self.limits.queue)
        sending = asyncio.create_task(guest.send_all())
        self.guests[guest] = sending
        reason = ""
        try:
            if self.ending:
                raise Ended("shutdown")
            self.admit(guest, await self.receive(reader, self.limits.patience))
            while True:
                self.do(guest, await self.receive(reader, self.limits.silence))
                await asyncio.sleep(0)
        except Ended as ended:
            reason = str(ended)
        except (EOFError, OSError):
            reason = "gone"
        finally:
            if guest.home:
                del self.homes[guest.home][guest.nick]
                self.announce(guest.home, "LEFT", guest.nick)
                if not self.homes[guest.home]:
                    del self.homes[guest.home], self.counts[guest.home]
            guest.tell(f"BYE {reason}", last=True)
            await self.finish(guest, sending)
            del self.guests[guest]

    async def finish(self, guest, sending):
        await asyncio.wait([sending], timeout=self.limits.patience)
        if not sending.done():
            sending.cancel()
            guest.writer.transport.abort()
        guest.writer.close()

    async def close(self):
        self.ending = True
        there = dict(self.guests)
        for guest in there:
            guest.tell("BYE shutdown", last=True)
        if there:
            await asyncio.wait(there.values(), timeout=self.limits.patience)
        for guest, sending in there.items():
            if not sending.done():
                guest.writer.transport.abort()
            guest.writer.close()
"""
but = partial(changed, SOLUTION)

EXERCISE = Exercise(
    key="15-service",
    name="MyChat",
    statement="""\
Write your own chat service: a class `MyChat(limits)` with the coroutine functions
`serve(reader, writer)`, called for each connection, and `close()`. The protocol is that of the
section *The protocol comes first*, and `limits` has `message`, `queue`, `patience` and `silence`.
Design it as you like: one task for each member or two, queues or lists, dropping old messages or
cutting off the slow. The check tries all behaviours, the ones that judged the notebook's classes,
and tells you of the first that is missing what was sent and received.
""",
    starter='''\
class MyChat:
    def __init__(self, limits):
        self.limits = limits

    async def serve(self, reader, writer):
        """One connection, from JOIN to its end."""
        ...  # your code

    async def close(self):
        """Say goodbye to all; return when they have it, or patience ends."""
        ...  # your code
''',
    check=check,
    hints=(
        "Begin with one behaviour: read a frame, answer JOIN with `JOINED 1 nick`. Run the check, "
        "and let its message tell you the next step.",
        "Give each member an outbox, and a task that empties it. Whoever publishes only appends, "
        "and never waits: so nobody can be delayed by somebody else.",
        "Every reason to end raises one exception of yours, with the reason in it. Catch it in "
        "`serve`, in one place; there the member leaves its room, too, whatever has happened.",
        "Two deadlines for a frame: `silence` (or `patience`, before JOIN) until its first byte, "
        "and `patience` for all the rest of it, not for each `read`.",
        "After each message, `await asyncio.sleep(0)`: without it a flood is read in one go, "
        "nobody's outbox is emptied meanwhile, and those who read are taken for slow.",
    ),
    solution=SOLUTION,
    wrong={
        "says nothing to the others": but(
            (
                "for guest in tuple(self.homes[home].values()):",
                "for guest in tuple(self.homes[home].values())[-1:]:",
            )
        ),
        "one room for all": but(("home, nick = names", 'home, nick = "one", names[1]')),
        "one read is one message": but(
            (
                "return await reader.readexactly(size)",
                "return await reader.read(size)",
            )
        ),
        "a number for each member": but(
            (
                'guest.tell(f"{kind} {self.counts[home]} {words}")',
                'guest.tell(f"{kind} {self.counts[home]} {words}")\n            '
                "self.counts[home] += len(self.homes[home]) > 3",
            )
        ),
        "a nick for ever": but(("                del self.homes[guest.home][guest.nick]\n", "")),
        "a room for ever": but(
            ("                    del self.homes[guest.home], self.counts[guest.home]\n", ""),
            ("                if not self.homes[guest.home]:\n", ""),
        ),
        "believes every length": but(("size > self.limits.message", "size > 65535")),
        "raises for what is not UTF-8": but(("except UnicodeDecodeError:", "except KeyError:")),
        "no deadline for JOIN": but(
            (
                "self.receive(reader, self.limits.patience)",
                "self.receive(reader, self.limits.silence)",
            )
        ),
        "a limit for each byte": but(
            (
                '        data = await self.exactly(reader, size, left, "too late")\n',
                '        data = b""\n        while len(data) < size:\n'
                '            data += await self.exactly(reader, 1, left, "too late")\n',
            )
        ),
        "silence is allowed": but(
            (
                "self.receive(reader, self.limits.silence)",
                "self.receive(reader, None)",
            )
        ),
        "a queue without a bound": but(("if len(self.outbox) >= self.limit:", "if False:")),
        "a flood is read in one go": but(("                await asyncio.sleep(0)\n", "")),
        "closes without a word": but(
            (
                '            guest.tell("BYE shutdown", last=True)\n',
                "            guest.last = True\n",
            ),
        ),
        "closes at once": but(
            (
                "if not sending.done():\n                guest.writer.transport.abort()",
                "guest.writer.transport.abort()",
            ),
            ("        if there:\n", "        if not there:\n"),
        ),
        "waits for the deaf": but(
            ("there.values(), timeout=self.limits.patience", "there.values()"),
            ("[sending], timeout=self.limits.patience", "[sending]"),
        ),
    },
)
