"""A thread for each connection, and a bound: never more than so many at once."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from ..findings import Failed, Finding, call
from . import Exercise

PATIENCE = 0.5  # seconds in which a server should have started what it may
Serve = Callable[[socket.socket, Callable[[socket.socket], None], int, int], Any]


class Talks:
    """The handler that is given to the learner's server, and what it sees."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails
        self.lock = threading.Condition()
        self.now = self.most = self.begun = self.done = 0
        self.go_on = threading.Event()

    def __call__(self, conn: socket.socket) -> None:
        with conn:
            with self.lock:
                self.now += 1
                self.begun += 1
                self.most = max(self.most, self.now)
                self.lock.notify_all()
            self.go_on.wait(5)
            with self.lock:
                self.now -= 1
                self.done += 1
            if self.fails:
                raise ConnectionResetError("the client has left")


@contextlib.contextmanager
def clients(count: int) -> Iterator[socket.socket]:
    """A listener with so many clients waiting for it."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=16))
        for _ in range(count):
            stack.enter_context(socket.create_connection(listener.getsockname()))
        yield listener


@contextlib.contextmanager
def quiet_threads() -> Iterator[None]:
    """What a handler raises on its thread is meant here, and need not be shown."""
    before, threading.excepthook = threading.excepthook, lambda _args: None
    try:
        yield
    finally:
        threading.excepthook = before


def examine(serve: Serve, most: int, count: int, fails: bool = False) -> Finding | None:
    shown = f"serve(listener, talk, most={most}, clients={count})"
    talks = Talks(fails)
    seen: dict[str, int] = {}

    def watch() -> None:
        """Let the handlers wait until as many run as may; then look, and let them go on."""
        with talks.lock:
            talks.lock.wait_for(lambda: talks.now >= most, PATIENCE)
        time.sleep(0.1)  # for those that are one too many
        seen["threads"] = threading.active_count() - before - 1
        seen["together"] = talks.now
        talks.go_on.set()

    before = threading.active_count()
    watcher = threading.Thread(target=watch, daemon=True)
    with clients(count) as listener, quiet_threads():
        watcher.start()
        try:
            call(serve, listener, talks, most, count, shown=shown)
        except Failed as failed:
            if failed.stopped and talks.done < count:
                return Finding(
                    f"serve did not come back: {talks.done} of {count} clients were served. "
                    + (
                        "Each of these talks ended with an exception, as talks with clients do. "
                        "A place must become free in that case too."
                        if fails
                        else "A place must become free when a talk ends."
                    ),
                    shown,
                )
            raise
        finally:
            done = talks.done
            talks.go_on.set()
            watcher.join()
    return judge(most, count, talks, seen, done, shown)


def judge(
    most: int, count: int, talks: Talks, seen: dict[str, int], done: int, shown: str
) -> Finding | None:
    wanted = min(most, count)
    if talks.begun < count:
        return Finding(
            "serve returned before all clients were served.",
            shown,
            expected=f"{count} talks",
            got=f"{talks.begun} talks",
        )
    if talks.most > most:
        return Finding(
            "Too many talks ran at the same time.",
            shown,
            expected=f"at most {most}",
            got=f"{talks.most}",
        )
    if seen["together"] < wanted:
        return Finding(
            f"{wanted} clients could be served at the same time, and were not. talk(conn) "
            "returns only when its client has left: it needs a thread of its own.",
            shown,
            expected=f"{wanted} talks at once",
            got=f"{seen['together']}",
        )
    if seen["threads"] > most:
        return Finding(
            "The talks are bounded, the threads are not: each client that has to wait already "
            "has one. Wait for a free place before you accept; the backlog keeps the others.",
            shown,
            expected=f"at most {most} threads",
            got=f"{seen['threads']} threads",
        )
    if done < count:
        return Finding(
            "serve returned while talks were still running. Wait for their threads: join().",
            shown,
            expected=f"{count} talks done",
            got=f"{done} done",
        )
    return None


def check(serve: Serve) -> Finding | None:
    return (
        examine(serve, 2, 1)
        or examine(serve, 2, 5)
        or examine(serve, 3, 6)
        or examine(serve, 1, 3, fails=True)
    )


EXERCISE = Exercise(
    key="08-bound",
    name="serve",
    statement="""\
A thread for each connection is a good model while there is memory for the threads. Write
`serve(listener, talk, most, clients)`: it accepts `clients` connections from the listening
socket `listener` and runs `talk(conn)` for each on a thread of its own, but never has more than
`most` of these threads at once. Who comes when all places are taken waits in the listener's
backlog. It returns when all talks have ended. `talk` closes its connection, and may raise:
its place must become free all the same.
""",
    starter='''\
def serve(listener, talk, most, clients):
    """Serve so many clients, each on a thread, at most `most` at once; then return."""
    ...  # your code
''',
    check=check,
    hints=(
        "`threading.Semaphore(most)` counts the free places: `acquire()` takes one, and waits "
        "while there is none; `release()` gives it back.",
        "Take the place in the loop that accepts, before you call `accept()`. Give it back on the "
        "thread of the talk, at its end: in a `finally:`.",
        "Keep the threads in a list, and `join()` each of them at the end.",
    ),
    solution="""\
import threading

def serve(listener, talk, most, clients):
    free = threading.Semaphore(most)

    def talk_and_leave(conn):
        try:
            talk(conn)
        finally:
            free.release()

    talks = []
    for _ in range(clients):
        free.acquire()
        conn, _ = listener.accept()
        talks.append(threading.Thread(target=talk_and_leave, args=[conn]))
        talks[-1].start()
    for thread in talks:
        thread.join()
""",
    wrong={
        "no bound": """\
import threading

def serve(listener, talk, most, clients):
    talks = []
    for _ in range(clients):
        conn, _ = listener.accept()
        talks.append(threading.Thread(target=talk, args=[conn]))
        talks[-1].start()
    for thread in talks:
        thread.join()
""",
        "one after the other": """\
def serve(listener, talk, most, clients):
    for _ in range(clients):
        conn, _ = listener.accept()
        talk(conn)
""",
        "run() instead of start()": """\
import threading

def serve(listener, talk, most, clients):
    for _ in range(clients):
        conn, _ = listener.accept()
        threading.Thread(target=talk, args=[conn]).run()
""",
        "the threads wait, and are not bounded": """\
import threading

def serve(listener, talk, most, clients):
    free = threading.Semaphore(most)
    def wait_and_talk(conn):
        with free:
            talk(conn)
    talks = []
    for _ in range(clients):
        conn, _ = listener.accept()
        talks.append(threading.Thread(target=wait_and_talk, args=[conn]))
        talks[-1].start()
    for thread in talks:
        thread.join()
""",
        "a talk that raises keeps its place": """\
import threading

def serve(listener, talk, most, clients):
    free = threading.Semaphore(most)
    def talk_and_leave(conn):
        talk(conn)
        free.release()
    talks = []
    for _ in range(clients):
        free.acquire()
        conn, _ = listener.accept()
        talks.append(threading.Thread(target=talk_and_leave, args=[conn]))
        talks[-1].start()
    for thread in talks:
        thread.join()
""",
        "does not wait for the talks": """\
import threading

def serve(listener, talk, most, clients):
    free = threading.Semaphore(most)
    def talk_and_leave(conn):
        try:
            talk(conn)
        finally:
            free.release()
    for _ in range(clients):
        free.acquire()
        conn, _ = listener.accept()
        threading.Thread(target=talk_and_leave, args=[conn]).start()
""",
    },
)
