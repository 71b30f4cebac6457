"""The chat service of notebook 15, finished: its classes put together as one.

    with serve_asyncio(ChatService(Limits()).serve) as server, joined(server.address, "ann"):
        ...

The notebook builds it in steps; what comes after it needs the whole. A test compares the two,
method by method. The protocol is told in `chat_trials`, and the limits are those there.

>>> names_in("JOIN tea ann")
('tea', 'ann')
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from .chat_trials import Limits
from .chat_trials import framed as frame


class Bye(Exception):
    """This connection ends. The text says why."""


@dataclass
class Room:
    """Its members by their nicks, and the number of its last event."""

    name: str
    members: dict[str, Any] = field(default_factory=dict)
    number: int = 0


@dataclass
class Member:
    """One connection: what waits for it, the task that sends it, and the task that reads."""

    writer: asyncio.StreamWriter
    nick: str = ""
    room: Any = None
    queue: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    pumping: Any = None
    serving: Any = None


def text_of(body: bytes) -> str:
    """The text of a message; `Bye` if it is not UTF-8."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Bye("not UTF-8") from None


def is_name(text: str) -> bool:
    """Whether this is a name for a room or a nick: 1 to 20 letters or digits."""
    return text.isalnum() and len(text) <= 20


def names_in(text: str) -> tuple[str, str]:
    """The room and the nick of a JOIN; `Bye` if it is none."""
    match text.split(" "):
        case ["JOIN", room, nick] if is_name(room) and is_name(nick):
            return room, nick
    raise Bye("not understood")


async def pump(member: Member) -> None:
    """Send what is queued for this member, until b"" or the end of the connection."""
    with contextlib.suppress(OSError):
        while data := await member.queue.get():
            member.writer.write(data)
            await member.writer.drain()


@contextlib.asynccontextmanager
async def deadline(seconds: float, reason: str) -> AsyncIterator[None]:
    """End the connection, for this reason, if the block takes longer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Bye(reason) from None


class ChatService:
    """A chat with rooms: a queue for each member, a deadline for each wait, and a goodbye.

    Parameters
    ----------
    limits : Limits
        Bytes of a message, messages in a queue, and seconds of patience and of silence.
    """

    closing = False

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.rooms: dict[str, Room] = {}

    # ------------------------------------------------------------------ the life of a connection

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from JOIN to its end: a handler for `serve_asyncio`."""
        member = Member(writer, serving=asyncio.current_task())
        member.pumping = asyncio.create_task(pump(member))
        try:
            await self.attend(reader, member)
        finally:
            await self.finish(member)

    async def attend(self, reader: asyncio.StreamReader, member: Member) -> None:
        """Talk; then say why it ends, and leave the room in every case."""
        with contextlib.suppress(EOFError, OSError):
            try:
                await self.talk(reader, member)
            except Bye as bye:
                await self.deliver(member, f"BYE {bye}")
            finally:
                await self.leave(member)

    async def talk(self, reader: asyncio.StreamReader, member: Member) -> None:
        """Read JOIN, then message after message."""
        await self.enter(member, await self.read(reader, first=True))
        while True:
            await self.obey(member, await self.read(reader))
            await asyncio.sleep(0)

    async def read(self, reader: asyncio.StreamReader, first: bool = False) -> str:
        """The next message, in time and within its bounds, or `Bye`."""
        limits = self.limits
        async with deadline(limits.patience if first else limits.silence, "silent"):
            begin = await reader.readexactly(1)
        async with deadline(limits.patience, "too late"):
            (size,) = struct.unpack("!H", begin + await reader.readexactly(1))
            if size > limits.message:
                raise Bye("too long")
            return text_of(await reader.readexactly(size))

    async def finish(self, member: Member) -> None:
        """Send what is queued, close, and wait no longer than `patience` for it."""
        member.queue.put_nowait(b"")
        try:
            async with asyncio.timeout(self.limits.patience):
                await member.pumping
                member.writer.close()
                await member.writer.wait_closed()
        except (TimeoutError, OSError):
            member.writer.transport.abort()

    # ------------------------------------------------------------------ rooms

    async def enter(self, member: Member, text: str) -> None:
        """Obey a JOIN."""
        if self.closing:
            raise Bye("shutdown")
        name, nick = names_in(text)
        room = self.rooms.setdefault(name, Room(name))
        if nick in room.members:
            raise Bye("nick taken")
        room.members[nick], member.nick, member.room = member, nick, room
        await self.publish(room, "JOINED", nick)

    async def leave(self, member: Member) -> None:
        """Out of the room; a room is forgotten with its last member."""
        if room := member.room:
            del room.members[member.nick]
            await self.publish(room, "LEFT", member.nick)
            if not room.members:
                self.rooms.pop(room.name, None)

    async def obey(self, member: Member, text: str) -> None:
        """Do what a message of a member in its room asks for."""
        match text.partition(" "):
            case ["SAY", " ", said]:
                await self.publish(member.room, "SAID", f"{member.nick} {said}")
            case ["PING", _, rest]:
                await self.deliver(member, f"PONG {rest}")
            case ["LEAVE", "", ""]:
                raise Bye("left")
            case _:
                raise Bye("not understood")

    async def publish(self, room: Room, kind: str, rest: str) -> None:
        """Tell all in the room of an event, with its number."""
        room.number += 1
        for member in list(room.members.values()):
            await self.deliver(member, f"{kind} {room.number} {rest}")

    async def deliver(self, member: Member, text: str) -> None:
        """Queue a message. Who is too slow is cut off, and nobody ever waits here."""
        if member.queue.qsize() >= self.limits.queue:
            member.writer.transport.abort()
        else:
            member.queue.put_nowait(frame(text))

    # ------------------------------------------------------------------ the end

    def members(self) -> list[Member]:
        """All who are in a room now."""
        return [m for room in list(self.rooms.values()) for m in list(room.members.values())]

    async def close(self) -> None:
        """Say goodbye to all; return when they have it, or patience ends."""
        self.closing, members = True, self.members()
        for member in members:
            await self.deliver(member, "BYE shutdown")
            member.queue.put_nowait(b"")
            member.serving.cancel()
        await asyncio.gather(*(m.serving for m in members), return_exceptions=True)
