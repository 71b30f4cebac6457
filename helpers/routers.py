"""A router of a private network whose forwarding is a function in Python.

    def wall(packet, interface):
        return []  # nothing passes

    with Network.chain("a", "router", "b", by_program=["router"]) as net:
        with Router(net, "router", wall):
            ...

The rule gets each IPv4 packet that is not for the router's own addresses, and says what goes
on instead: nothing, the packet, another one, an answer. `helpers.nat.Nat` is such a rule.
"""

from __future__ import annotations

import selectors
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import Self

from . import lifetimes
from .linux import ETH_P_ALL, SOL_PACKET
from .network import Network
from .rewriting import rewritten

Rule = Callable[[bytes, str], Iterable[bytes]]

_IGNORE_OUTGOING = 23  # packet(7): not what we sent ourselves
_IPV4 = b"\x08\x00"
_ETHERNET, _TTL = 14, 8
_MOST_ERRORS = 100


class Router:
    """A running router: a thread of this process that moves packets by a rule.

    It lowers the TTL before it asks the rule, and drops what arrives with a TTL of 1. It sends
    to neighbours only, hosts on one of its own wires, and carries no IPv6.

    Parameters
    ----------
    net : Network
        The host must be one of those in its `by_program`, or its kernel forwards as well.
    name : str
        The host that is the router.
    rule : callable
        Takes a packet as bytes, from its IPv4 header on, and the name of the interface that it
        came in by. Returns the packets to be sent, each to its own destination.

    Attributes
    ----------
    errors : list of BaseException
        What the rule raised, oldest first; such a packet is dropped. Shown at the end.
    """

    def __init__(self, net: Network, name: str, rule: Rule) -> None:
        self.name, self.rule = name, rule
        self.errors: list[Exception] = []
        host = net.hosts[name]
        self._own = {socket.inet_aton(interface.ipv4) for interface in host.interfaces}
        self._sockets: dict[socket.socket, str] = {}
        self._next_hops: dict[bytes, tuple[socket.socket, bytes]] = {}
        self._waker, self._wakened = socket.socketpair()
        self._running = True
        try:
            for interface in host.interfaces:
                sock = host.socket(socket.AF_PACKET, socket.SOCK_RAW)
                self._sockets[sock] = interface.name
                sock.setblocking(False)
                sock.setsockopt(SOL_PACKET, _IGNORE_OUTGOING, 1)
                sock.bind((interface.name, ETH_P_ALL))
                header = _mac(interface.mac) + _IPV4
                for other in net.hosts.values():
                    for far in other.interfaces if other is not host else ():
                        if far.wire == interface.wire:
                            hop = sock, _mac(far.mac) + header
                            self._next_hops[socket.inet_aton(far.ipv4)] = hop
        except BaseException:
            self._close()
            raise
        self._thread = threading.Thread(target=self._run, name=f"{name} router", daemon=True)
        self._thread.start()
        lifetimes.remember(self, self.stop, f"router {name} on a thread of this process")

    def stop(self) -> None:
        """End it. What its rule raised is shown. May be called again."""
        if not self._running:
            return
        self._running = False
        self._waker.send(b"!")
        self._thread.join()
        self._close()
        lifetimes.forget(self)
        for error in self.errors[:1]:
            print(f"The rule of {self.name} raised, {len(self.errors)} in all:", file=sys.stderr)
            traceback.print_exception(error, file=sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _close(self) -> None:
        for sock in (*self._sockets, self._waker, self._wakened):
            sock.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wakened, selectors.EVENT_READ)
            for sock, name in self._sockets.items():
                selector.register(sock, selectors.EVENT_READ, (sock, name))
            while self._running:
                for key, _ in selector.select():
                    if key.data is not None:
                        self._take(*key.data)

    def _take(self, sock: socket.socket, interface: str) -> None:
        try:
            frame = sock.recv(1 << 16)
        except OSError:  # the network has been stopped before us
            return
        if frame[12:14] == _IPV4:
            self._forward(frame[_ETHERNET:], interface)

    def _forward(self, packet: bytes, interface: str) -> None:
        length = int.from_bytes(packet[2:4], "big")
        packet = packet[:length]  # without the padding of a short frame
        if len(packet) < 20 or packet[16:20] in self._own or packet[_TTL] <= 1:
            return
        try:
            for sent in self.rule(rewritten(packet, ttl=packet[_TTL] - 1), interface):
                self._send(sent)
        except Exception as error:
            if len(self.errors) < _MOST_ERRORS:
                self.errors.append(error)

    def _send(self, packet: bytes) -> None:
        hop = self._next_hops.get(packet[16:20])
        if hop is not None:  # there is no way to anybody else
            sock, header = hop
            sock.send(header + packet)


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))
