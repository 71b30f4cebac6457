"""Private hosts with real kernel stacks, joined by a wire whose delay and loss you choose.

Each host is a world of its own on this machine: its own interfaces, addresses, routes and
TCP. The wire between them is a program, so it can be changed while frames are under way.
No privilege is needed where ordinary users may have user namespaces.

    with Network(delay=0.010, rate=10e6) as net:
        with net.b.serve_tcp(echo) as server:
            client = net.a.socket()  # a plain socket, made inside host a
            client.connect(server.address)  # ("10.0.0.2", …)
            net.wire.delay = 0.050  # while it runs
            net.wire.a_to_b.loss = 0.02  # in one direction
    net.wire.drops  # what was lost, when, and why

All of it ends with the `with` block, and at the latest with the kernel of the notebook.
"""

from __future__ import annotations

import mmap
import os
import socket as sockets  # `socket` is a method here
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any, Self

from . import lifetimes
from .capture import Capture
from .machine import NotHere, this_machine
from .namespace_process import NamespaceProcess
from .network_wires import Wire, WireDirection
from .plain_errors import explained
from .raw_capture import RawCapture
from .server_threads import DatagramServer, Server
from .servers import serve_tcp
from .topology import HostPlan, plan_hosts
from .undisturbed import undisturbed
from .wire import NAMES, Parameters
from .wire_records import Records

__all__ = ["Host", "Network", "NoPrivateNetwork", "Wire", "WireDirection"]

_SIOCGIFINDEX = 0x8933  # netdevice(7)


class NoPrivateNetwork(NotHere):
    """This machine allows no private hosts. The message says why, and what helps."""


class Network:
    """Hosts and the wires between them. Two hosts, `a` and `b`, unless told otherwise.

    Parameters
    ----------
    names : sequence of str
        The hosts. Each is an attribute of the network: `net.a`.
    wires : sequence of (str, str)
        Which hosts are joined. A host on several wires is a router.
    mtu : int or sequence of int
        Bytes of the longest packet, 1280 to 9000: of all wires, or of each of them.
    seed : int
        For repeatable chance: the same seed, and the same frames in the same order.
    autoconf : sequence of str
        Hosts that get no IPv6 address but their link-local one. They take another, and a route,
        from router advertisements (RFC 4862), which somebody has to send.
    by_program : sequence of str
        Hosts on several wires whose kernels forward no IPv4: a program has to (`Router`).
    **parameters
        What all wires do in both directions: `delay`, `jitter`, `rate`, `queue_limit`, `aqm`,
        `loss`, `burst`, `reorder`, `duplicate`, `cut`. See `helpers.wire.Parameters`.

    Attributes
    ----------
    hosts : dict
        Each `Host` by its name.
    wires : tuple of Wire
        In the order in which they were asked for.

    Raises
    ------
    NoPrivateNetwork
        Where the machine does not allow it: an OSError.
    ValueError
        If a name or a parameter makes no sense.
    """

    def __init__(
        self,
        names: Sequence[str] = ("a", "b"),
        wires: Sequence[tuple[str, str]] = (("a", "b"),),
        *,
        mtu: int | Sequence[int] = 1500,
        seed: int = 0,
        autoconf: Sequence[str] = (),
        by_program: Sequence[str] = (),
        **parameters: Any,
    ) -> None:
        _check_names(names)
        plans = plan_hosts(names, wires)
        if not set(autoconf) <= plans.keys():
            raise ValueError(f"autoconf names hosts of the network, not {', '.join(autoconf)}.")
        if not set(by_program) <= {name for name, plan in plans.items() if plan.forwards}:
            raise ValueError(f"by_program names routers, not {', '.join(by_program)}.")
        for name in autoconf:  # as long as nobody advertises
            plans[name].interfaces = [replace(i, ipv6=i.link_local) for i in plans[name].interfaces]
            plans[name].routes = [route for route in plans[name].routes if ":" not in route[1]]
        mtus = _mtus(mtu, len(wires))
        start = _parameters(parameters)
        self._servers: list[Server] = []
        self._running = False
        message = _message(plans, wires, mtus, start, seed, autoconf, by_program)
        try:
            with undisturbed():
                self._process, self._memory = _start(message, 2 * len(wires))
                self.hosts = {name: Host(self, name, plan) for name, plan in plans.items()}
                self.wires = tuple(
                    Wire(self._process, number, ends, start, self._memory)
                    for number, ends in enumerate(wires)
                )
                self._running = True
                lifetimes.remember(self, self.stop, f"private network of {', '.join(names)}")
        except BaseException:  # an interrupt, too
            self.stop()
            raise

    @classmethod
    def chain(cls, *names: str, **options: Any) -> Self:
        """Hosts in a row, each joined to the next. Those in the middle are routers."""
        return cls(names, list(pairwise(names)), **options)

    @classmethod
    def star(cls, *names: str, router: str = "router", **options: Any) -> Self:
        """Hosts that are each joined to one router in their middle."""
        return cls([*names, router], [(name, router) for name in names], **options)

    @property
    def wire(self) -> Wire:
        """The wire, where there is only one."""
        if len(self.wires) > 1:
            raise AttributeError  # __getattr__ says it
        return self.wires[0]

    @undisturbed()
    def stop(self) -> None:
        """End the servers of the hosts, the hosts, and the wires. May be called again.

        What the wires have recorded stays readable. Sockets that you made stay yours to
        close; there is nobody left that they could reach.
        """
        if not self._running:
            return
        self._running = False
        for server in self._servers:
            server.stop()
        self._process.stop()
        for wire in self.wires:
            for direction in wire.directions:
                direction.keep_records()
        self._memory.close()
        lifetimes.forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def __getattr__(self, name: str) -> Host:
        hosts = self.__dict__.get("hosts", {})
        if name == "wire":
            raise AttributeError(f"There are {len(self.wires)} wires: choose one of net.wires.")
        if name not in hosts:
            raise AttributeError(f"There is no host {name!r}; there are {', '.join(hosts)}.")
        return hosts[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.hosts]

    def __repr__(self) -> str:
        state = "running" if self._running else "stopped"
        return "\n".join(
            [f"Private network, {state}:", *map(repr, [*self.hosts.values(), *self.wires])]
        )


class Host:
    """A host: a network stack of its own, in which sockets can be made.

    Attributes
    ----------
    name, ipv4, ipv6, mac : str
        Its name, and the addresses of its first interface.
    interfaces : list of Interface
        eth0, and on a router eth1 and so on, each with its addresses.
    routes : list of Route
        The routing table that it was given, as (network, gateway, interface); the gateway is
        empty where the wire itself leads to the receiver.
    """

    def __init__(self, network: Network, name: str, plan: HostPlan) -> None:
        self._network = network
        self.name = name
        self.interfaces = plan.interfaces
        self.routes = plan.table()
        first = plan.interfaces[0]
        self.ipv4, self.ipv6, self.mac = first.ipv4, first.ipv6, first.mac

    def socket(
        self, family: int = sockets.AF_INET, type: int = sockets.SOCK_STREAM, proto: int = 0
    ) -> sockets.socket:
        """A new `socket.socket` that belongs to this host. You close it.

        Raises OSError as `socket.socket` does, or if the network has been stopped. Raw and
        packet sockets are allowed: a host's user is its root.
        """
        return self._network._process.make_socket(self.name, int(family), int(type), proto)

    def zone(self, interface: str = "eth0") -> int:
        """The number of one of this host's interfaces: the scope ID of a link-local address.

        Raises OSError if the host has no such interface.
        """
        import fcntl  # which Windows does not have; it may look at this module all the same

        with self.socket(type=sockets.SOCK_DGRAM) as sock:
            request = struct.pack("@16si", interface.encode(), 0)
            answer = fcntl.ioctl(sock, _SIOCGIFINDEX, request + bytes(20))
        return int(struct.unpack_from("@16si", answer)[1])

    def serve_tcp(
        self,
        handler: Callable[[sockets.socket], object],
        *,
        port: int = 0,
        family: int = sockets.AF_INET,
        backlog: int = 128,
    ) -> Server:
        """Start a TCP server on this host: as `helpers.serve_tcp`, in threads of the notebook."""
        listener = self._bound(family, sockets.SOCK_STREAM, port)
        listener.listen(backlog)
        return self._keep(serve_tcp(handler, listener=listener))

    def serve_udp(
        self,
        handler: Callable[[sockets.socket], object],
        *,
        port: int = 0,
        family: int = sockets.AF_INET,
    ) -> Server:
        """Start a UDP server on this host: as `helpers.serve_udp`."""
        sock = self._bound(family, sockets.SOCK_DGRAM, port)
        return self._keep(DatagramServer(handler, sock).start())

    def capture(self, interface: str = "eth0", *, linger: float = 0.05) -> Capture:
        """Capture all frames of one interface of this host, for a `with` block.

        Parameters
        ----------
        interface : str
            Its name: "eth0", on a router also "eth1" and so on.
        linger : float
            Seconds to go on after the block, for what is still under way.

        Raises
        ------
        ValueError
            If the host has no such interface.
        """
        names = [known.name for known in self.interfaces]
        if interface not in names:
            raise ValueError(f"{self.name} has no {interface!r}; it has {', '.join(names)}.")
        tap = RawCapture((), interface, lambda: self.socket(sockets.AF_PACKET, sockets.SOCK_RAW))
        note = (
            f"Raw capture on {self.name}'s {interface}: every frame that left or reached it, as "
            "the wire carries it. Nothing is missing."
        )
        return Capture.by(tap, note, linger)

    def __repr__(self) -> str:
        return f"{self.name}: " + "; ".join(
            f"{i.name} {i.mac}, {i.ipv4}, {i.ipv6}" for i in self.interfaces
        )

    def _bound(self, family: int, kind: int, port: int) -> sockets.socket:
        sock = self.socket(family, kind)
        try:
            sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
            sock.bind((self.ipv6 if family == sockets.AF_INET6 else self.ipv4, port))
        except BaseException:
            sock.close()
            raise
        return sock

    def _keep(self, server: Server) -> Server:
        self._network._servers.append(server)
        return server


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if not name.isidentifier() or hasattr(Network, name) or name in ("hosts", "wires"):
            raise ValueError(
                f"A host cannot be called {name!r}: its name becomes an attribute of the network."
            )


def _mtus(mtu: int | Sequence[int], wires: int) -> list[int]:
    mtus = [mtu] * wires if isinstance(mtu, int) else list(mtu)
    if len(mtus) != wires or not all(isinstance(m, int) and 1280 <= m <= 9000 for m in mtus):
        # IPv6 asks for 1280 at least (RFC 8200, section 5).
        raise ValueError(f"mtu is 1280 to 9000 bytes, one value or {wires}; not {mtu!r}.")
    return mtus


def _parameters(given: dict[str, Any]) -> Parameters:
    unknown = given.keys() - set(NAMES)
    if unknown:
        raise ValueError(f"A wire has no {min(unknown)!r}; it has {', '.join(NAMES)}.")
    return Parameters(**given)


def _message(
    plans: dict[str, HostPlan],
    wires: Sequence[tuple[str, str]],
    mtus: Sequence[int],
    parameters: Parameters,
    seed: int,
    autoconf: Sequence[str],
    by_program: Sequence[str],
) -> dict[str, Any]:
    """What the process is asked to build."""
    hosts = {
        name: {
            "interfaces": [
                {
                    **asdict(i),
                    "far_end": f"wire{i.wire}{'ab'[wires[i.wire].index(name)]}",
                    "mtu": mtus[i.wire],
                }
                for i in plan.interfaces
            ],
            "routes": plan.routes,
            "forwards": plan.forwards and name not in by_program,
            "by_program": name in by_program,
            "autoconf": name in autoconf,
        }
        for name, plan in plans.items()
    }
    both = [asdict(parameters)] * 2
    return {"hosts": hosts, "wires": [both for _ in wires], "seed": seed}


def _start(message: dict[str, Any], directions: int) -> tuple[NamespaceProcess, mmap.mmap]:
    if sys.platform != "linux":
        raise NoPrivateNetwork(_why_not(f"{sys.platform} has no network namespaces."))
    try:
        with explained("a private network"):
            descriptor = os.memfd_create("records of a wire")
    except OSError as error:
        raise NoPrivateNetwork(_why_not(str(error))) from error
    try:
        os.ftruncate(descriptor, directions * Records.SIZE)
        with explained("a private network"):
            process = NamespaceProcess(message, descriptor)
        try:
            return process, mmap.mmap(descriptor, 0)
        except BaseException:
            process.stop()
            raise
    except OSError as error:
        raise NoPrivateNetwork(_why_not(str(error))) from error
    finally:
        os.close(descriptor)


def _why_not(error: str) -> str:
    """Why there is no private network: what the machine does not allow, or the error itself."""
    ability = this_machine().private_networks
    if ability.here:
        return f"The private network could not be built: {error}"
    return f"No private network on this machine. {ability.why_not} {ability.remedy}"
