"""The process that `crowd` starts: many clients of one server, on one thread.

Run by its path, so that nothing but clients runs in it. It reads its orders from standard
input and writes answers to standard output, a line of JSON each; progress comes in lines
{"done": n}, the result as {"result": …}. It ends with its standard input.

A request is 16 bytes, its answer too. Requests leave at times that were drawn before: an
open loop. A client whose last request was not yet answered sends the next one all the same,
and each answer is timed from the moment when its request was due.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import json
import random
import select
import selectors
import socket
import sys
import time
from array import array
from collections import deque
from typing import Any

MESSAGE = b"hello, network!\n"
SIZE = len(MESSAGE)
AT_ONCE = 32  # clients that have connected and not been answered: fewer than any backlog
SILENT_SECONDS = 0.25  # after so long those count as not served, and the next ones connect
LEAST_SECONDS = 0.1  # so long the last ones are waited for, however silent it was before
LAST_SECONDS = 1.0  # without any answer: then no more are expected
LEAVE_SECONDS = 2.0  # without any end of a stream: then no more are expected

clock = time.perf_counter_ns


class Client:
    """One connection: the times at which its requests were due, and what came of an answer."""

    __slots__ = ("again", "answered", "asked", "due", "got", "hopeless", "last", "loud", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.due: deque[int] = deque()
        self.asked = self.answered = False
        self.got = 0
        self.hopeless = False  # it has asked and was not answered, as long as others were
        self.again = 0  # ns: up to then it asks again as soon as it is answered
        self.loud = b""  # what to ask again and again, for a client that does so
        self.last = b""


class Crowd:
    """All clients of one server."""

    def __init__(self, address: list[Any]) -> None:
        self.address = tuple(address)
        self.family = socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
        self.selector = selectors.DefaultSelector()
        self.clients: list[Client] = []
        self.waiting = 0  # requests without an answer
        self.hopeless = 0  # those of them whose clients have never had one
        self.since = 0  # ns: requests that were due before are not timed
        self.times = array("q")  # ns from due to answered
        self.ended = 0  # how many streams the server has ended
        self.patience = SILENT_SECONDS  # halved by each silence, restored by an answer
        self.knock = SILENT_SECONDS  # so long the next client waits for its connection
        self.failed = ""

    # ------------------------------------------------------------------ connecting

    def grow(self, count: int, seconds: float) -> dict[str, Any]:
        """Have `count` clients, each of which has connected and asked once.

        Fewer if that takes more than `seconds`. It takes no longer if nobody answers: the
        first clients are waited for, the others less and less.
        """
        given_up = self.hopeless
        begun = told = self.begin()
        self.knock = SILENT_SECONDS
        while len(self.clients) < count and clock() - begun < seconds * 1e9:
            try:
                client = self.connect()
            except OSError as error:
                self.failed = str(error)
                break
            self.clients.append(client)
            self.ask(client, clock())
            before, silent_since = len(self.times), clock()
            while self.waiting - given_up >= AT_ONCE:
                self.wait(min(self.patience, 0.01))
                if len(self.times) > before:  # so it lives, and was only slow
                    before, silent_since, given_up = len(self.times), clock(), self.hopeless
                    self.patience = self.knock = SILENT_SECONDS
                elif clock() - silent_since > self.patience * 1e9:
                    given_up = self.waiting
                    self.patience /= 2
            if clock() - told > 100_000_000:
                told = clock()
                tell(done=len(self.clients))
        self.drain(LAST_SECONDS if self.times else max(self.patience, LEAST_SECONDS))
        for client in self.clients:
            client.hopeless = len(client.due) > 0 or not client.asked
        self.hopeless = self.waiting
        return {
            "clients": len(self.clients),
            "open": sum(map(connected, self.clients)),
            "served": sum(client.answered for client in self.clients),
            "seconds": (clock() - begun) / 1e9,
        }

    def connect(self) -> Client:
        sock = socket.socket(self.family)
        try:
            sock.settimeout(self.knock)
            try:
                sock.connect(self.address)
            except (TimeoutError, BlockingIOError):
                # A full backlog: the SYN was dropped, and will be sent again (RFC 9293, 3.8.1).
                # The next ones will fare no better, and do not wait.
                self.knock = 0
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = Client(sock)
            self.selector.register(sock, selectors.EVENT_READ, client)
        except BaseException:
            sock.close()
            raise
        return client

    def leave(self) -> None:
        """End all streams, and wait until the server has ended those that it serves."""
        for client in self.clients:
            with contextlib.suppress(OSError):
                client.sock.shutdown(socket.SHUT_WR)
        there = sum(not client.hopeless for client in self.clients)
        ended = self.ended
        last = clock()
        while self.ended - ended < there and clock() - last < LEAVE_SECONDS * 1e9:
            if self.wait(0.05):
                last = clock()
        for client in self.clients:
            client.sock.close()

    # ------------------------------------------------------------------ asking

    def begin(self) -> int:
        """Begin to time answers anew; return the time."""
        self.times = array("q")
        self.since = clock()
        return self.since

    def ask(self, client: Client, due: int) -> None:
        try:
            client.sock.send(client.loud or MESSAGE)
        except OSError:  # it has no connection, or no more: nobody will answer
            return
        client.asked = True
        client.due.append(due)
        self.waiting += 1
        self.hopeless += client.hopeless

    def wait(self, seconds: float) -> int:
        """Wait for answers, for at most so long; return how many connections had something."""
        # select() on the selector itself: epoll_wait() would round up to a millisecond.
        if hasattr(self.selector, "fileno"):
            select.select([self.selector], [], [], max(0.0, seconds))
            seconds = 0
        ready = self.selector.select(seconds)
        for key, _ in ready:
            self.receive(key.data)
        return len(ready)

    def receive(self, client: Client) -> None:
        try:
            data = client.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        now = clock()
        if not data:
            self.selector.unregister(client.sock)
            self.ended += not client.hopeless
            return
        if client.loud:
            client.last += data
            client.got = SIZE if client.last.endswith(b"\n") else 0
        else:
            client.got += len(data)
        while client.got >= SIZE and client.due:
            client.got -= SIZE
            self.waiting -= 1
            self.hopeless -= client.hopeless
            due = client.due.popleft()
            client.answered = True
            if not client.loud and due >= self.since:
                self.times.append(now - due)
            client.last = b""
            if now < client.again:
                self.ask(client, now)

    def drain(self, seconds: float = LAST_SECONDS) -> None:
        """Wait for the answers that are missing, until none has come for so long."""
        last = clock()
        while self.waiting > self.hopeless and clock() - last < seconds * 1e9:
            if self.wait(0.02):
                last = clock()

    def open_loop(self, rate: float, seconds: float, seed: int, loud: str) -> dict[str, Any]:
        """Ask at random times, `rate` times a second on average, each time another client."""
        chance = random.Random(seed)
        gaps = [chance.expovariate(rate) for _ in range(round(rate * seconds))]
        who = [chance.choice(self.clients) for _ in gaps]
        late = array("q")
        start = due = self.begin()
        shouting = self.shout(loud, start + int(seconds * 1e9))
        told = start
        for gap, client in zip(gaps, who, strict=True):
            due += int(gap * 1e9)
            while (now := clock()) < due:
                self.wait((due - now) / 1e9)
            late.append(now - due)
            self.ask(client, due)
            if now - told > 250_000_000:
                told = now
                tell(done=len(late))
        self.drain()
        if shouting:
            self.forget(shouting)
        times = base64.b64encode(self.times.tobytes()).decode()
        late = array("q", sorted(late))
        return {"times": times, "asked": len(gaps), "late": late[int(0.99 * (len(late) - 1))]}

    def shout(self, message: str, until: int) -> Client | None:
        """One more client, which asks for something else again and again."""
        if not message:
            return None
        client = self.connect()
        client.loud = message.encode()
        client.again = until
        self.ask(client, clock())
        return client

    def forget(self, client: Client) -> None:
        self.waiting -= len(client.due)
        with contextlib.suppress(KeyError):
            self.selector.unregister(client.sock)
        client.sock.close()

    def flood(self, at_once: int, seconds: float) -> dict[str, Any]:
        """Some clients ask again as soon as they are answered: a closed loop."""
        start = self.begin()
        end = start + int(seconds * 1e9)
        for client in self.clients[:at_once]:
            client.again = end
            self.ask(client, start)
        while (now := clock()) < end:
            self.wait((end - now) / 1e9)
        count, spent = len(self.times), (clock() - start) / 1e9
        self.drain()
        return {"answers": count, "seconds": spent}

    # ------------------------------------------------------------------ one round

    def turns(self, at: list[float]) -> list[dict[str, Any]]:
        """One client for each time: all connect at once, ask for work when it is their time,
        and leave when it is done."""
        clients = [self.connect() for _ in at]
        start = clock()
        told: dict[Client, dict[str, Any]] = {}
        plan = sorted(zip(at, range(len(at)), strict=True))
        for client in clients:
            told[client] = {"connected": start, "sent": 0, "got": 0, "answer": ""}
        last, pending = clock(), len(clients)
        while pending and clock() - last < 2e9:
            now = clock()
            while plan and start + plan[0][0] * 1e9 <= now:
                client = clients[plan.pop(0)[1]]
                told[client]["sent"] = last = clock()
                client.sock.send(b"work")
            next_due = start + plan[0][0] * 1e9 if plan else now + 1e8
            wait = max(0.0, min(next_due - now, 1e8) / 1e9)
            if hasattr(self.selector, "fileno"):
                select.select([self.selector], [], [], wait)
                wait = 0
            for key, _ in self.selector.select(wait):
                client = key.data
                if self.turn_ends(client, told[client]):
                    last, pending = clock(), pending - 1
        for client in clients:
            if client.sock.fileno() >= 0:  # without an answer
                self.selector.unregister(client.sock)
                client.sock.close()
        return list(told.values())

    def turn_ends(self, client: Client, told: dict[str, Any]) -> bool:
        """Read what came; whether this client is done."""
        try:
            data = client.sock.recv(65536)
        except OSError:
            data = b""
        client.last += data
        if data and not client.last.endswith(b"\n"):
            return False
        told["got"] = clock() if data else 0
        told["answer"] = client.last.decode() if data else ""
        self.selector.unregister(client.sock)
        client.sock.close()
        return True


def connected(client: Client) -> bool:
    """Whether it has a connection."""
    try:
        client.sock.getpeername()
    except OSError:
        return False
    return True


def tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    with contextlib.suppress(OSError):  # Linux: a sleep may end 50 µs late, by default
        with open("/proc/self/timerslack_ns", "w") as slack:
            slack.write("1")
    crowd = None
    for line in sys.stdin:
        order = json.loads(line)
        gc.disable()
        if crowd is None:
            crowd = Crowd(order["address"])
        result = getattr(crowd, order["do"])(*order["with"])
        tell(result=result, failed=crowd.failed)
        gc.enable()


if __name__ == "__main__":
    main()
