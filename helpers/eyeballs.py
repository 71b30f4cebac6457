"""A name with many addresses, some of which never answer: for races of connections, offline.

    with dead_addresses(1) as silent, serve_tcp(echo) as server:
        with one_name(*silent, server.address) as name:
            socket.create_connection((name, 80), timeout=1)

Nobody answers at a listener whose queue is full: Linux drops the SYN in silence (listen(2)).
So no address of the Internet is needed, and no name server.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any
from unittest import mock

from .machine import NotHere

NAME = "many.test"  # RFC 6761, section 6.2: no such name exists anywhere else
_PATIENCE = 0.05  # seconds; on loopback a SYN that is answered is answered at once
_MOST = 8


@contextlib.contextmanager
def dead_addresses(count: int = 1, *, host: str = "::1") -> Iterator[list[tuple[Any, ...]]]:
    """Some addresses on loopback that never answer a SYN, for a `with` block.

    Parameters
    ----------
    count : int
        How many. They differ in their ports.
    host : str
        "::1", or "127.0.0.1".

    Raises
    ------
    NotHere
        Where there is no such host, or where a full queue answers all the same.
    """
    with contextlib.ExitStack() as stack:
        yield [_dead(stack, host) for _ in range(count)]


def _dead(stack: contextlib.ExitStack, host: str) -> tuple[Any, ...]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = stack.enter_context(socket.socket(family))
        listener.bind((host, 0))
    except OSError as error:
        raise NotHere(f"Nothing can listen on {host} here: {error}.") from error
    listener.listen(0)
    address: tuple[Any, ...] = listener.getsockname()
    for _ in range(_MOST):
        waiting = stack.enter_context(socket.socket(family))
        waiting.settimeout(_PATIENCE)
        try:
            waiting.connect(address)
        except TimeoutError:
            waiting.close()
            return address
        except OSError:  # Windows refuses
            break
    raise NotHere("On this system a listener whose queue is full does not stay silent.")


@contextlib.contextmanager
def one_name(*addresses: tuple[Any, ...]) -> Iterator[str]:
    """A name that stands for these socket addresses, in this order, for a `with` block.

    Only in this process, and only for what asks `socket.getaddrinfo`, as `create_connection`
    and asyncio do. Each address has its own port: the port that is asked for does not count.
    """
    real = socket.getaddrinfo

    def answer(host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if host != NAME:
            return real(host, port, *args, **kwargs)
        return [
            (
                socket.AF_INET6 if ":" in address[0] else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                address,
            )
            for address in addresses
        ]

    with mock.patch.object(socket, "getaddrinfo", answer):
        yield NAME
