"""The process that holds private hosts, and carries the frames between them.

`helpers.network` starts it with the descriptors CONTROL, MEMORY and PARENT. Each
host is a network namespace (network_namespaces(7)); a veth pair (veth(4)) leads from its
interface to the wire's own namespace, where packet sockets take and give frames. An
ordinary user needs a user namespace around it all (user_namespaces(7)).

It makes sockets inside a host when asked and hands them over (SCM_RIGHTS, unix(7)). It
ends when the notebook's process does, and with it the namespaces and all that is in them.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import gc
import json
import mmap
import os
import select
import signal
import socket
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .linux import ETH_P_ALL, PACKET_STATISTICS, SO_RCVBUFFORCE, SO_TIMESTAMPNS, SOL_PACKET
from .topology import IPV4_PREFIX, IPV6_PREFIX
from .wire import Direction, Parameters
from .wire_records import Records

MAX_MESSAGE = 1 << 17
_NEWNET, _NEWUSER = 0x40000000, 0x10000000
_NODAD = 0x02  # IFA_F_NODAD: the address is usable at once, RFC 4429 is not needed
_SET_TIMERSLACK = 29  # prctl(2)
_IGNORE_OUTGOING = 23  # packet(7): what the wire's own kernel might send is no host's frame
_BUFFER = 8 << 20
_QUIET = 0.03  # seconds
_REPORTS = 2  # of each interface that has IPv6, at least
_PATIENCE, _WITHOUT_IPV6 = 1.5, 0.3  # seconds, to hear them; and to hear that there are none
_SIOCETHTOOL = 0x8946
# linux/ethtool.h: transmit checksums, TCP segmentation, generic segmentation, generic receive.
# All off: packets are then what a cable carries, of real size, with finished checksums.
_OFFLOADS = (0x17, 0x1F, 0x24, 0x2C)

# In every host. Where /proc/sys is read-only (some containers) the kernel's defaults stay.
_SETTINGS = {
    "ipv4/tcp_no_metrics_save": "1",  # a connection starts fresh, not with the last one's ssthresh
    "ipv4/icmp_ratelimit": "0",  # every probe of a traceroute is answered
    "ipv6/icmp/ratelimit": "0",
    "ipv4/ping_group_range": "0 0",  # ICMP sockets, without raw ones
    "ipv6/conf/default/accept_ra": "0",  # and so nobody solicits routers
    "ipv6/conf/default/router_solicitations": "0",
    "ipv6/conf/default/mldv2_unsolicited_report_interval": "1",  # said once, at the beginning
}
_FORWARDING = {"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1"}
# Of an interface that takes its address from a router's advertisement (RFC 4862). It still asks
# whether somebody has that address already, but at once, and waits 0.1 s for an answer.
_AUTOCONF = {
    "ipv6/conf/{}/accept_ra": "1",
    "ipv6/conf/{}/router_solicitation_delay": "0",
    "ipv6/neigh/{}/retrans_time_ms": "100",
}


def main(control: socket.socket, memory: int, parent: int) -> None:
    """Build what the first message asks for, then carry frames until the notebook ends."""
    try:
        plan = json.loads(control.recv(MAX_MESSAGE))
        hosts = Hosts(plan)
    except Exception as error:
        control.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        return
    wires = _wire_ends(plan, mmap.mmap(memory, 0))
    swallow_reports([end.near for end in wires])
    control.send(json.dumps({"error": ""}).encode())
    gc.freeze()
    gc.disable()  # nothing here makes cycles, and a pause would delay frames
    Carrier(control, parent, hosts, wires).run()


def swallow_reports(ends: list[socket.socket]) -> None:
    """Wait until the hosts have reported the multicast groups that they joined by coming up.

    Their kernels do so two or three times on each interface, usually within some 30 ms (RFC 3810,
    section 6.1). In a capture that began meanwhile, these reports would stand between what the
    learner's own cell sent. And an interface that has not reported may still be coming up: what
    is sent there is dropped, and asked for again a second later.
    """
    begun = time.monotonic()
    heard = dict.fromkeys(ends, 0)
    while (now := time.monotonic()) < begun + (_PATIENCE if any(heard.values()) else _WITHOUT_IPV6):
        for end in (ready := select.select(ends, [], [], _QUIET)[0]):
            end.recv(1 << 16)
            heard[end] += 1
        # Who woke up late shares the machine with others, as the kernel's workers do.
        in_time = time.monotonic() < now + 2 * _QUIET
        if not ready and in_time and min(heard.values()) >= _REPORTS:
            return


class Hosts:
    """The namespaces, by the names of their hosts, with all interfaces, addresses, routes."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        _enter_user_namespace(self._libc)
        self._wire_space = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._spaces: dict[str, int] = {}
        for name in plan["hosts"]:
            _call(self._libc.unshare, _NEWNET)
            self._spaces[name] = os.open("/proc/self/ns/net", os.O_RDONLY)
        for name, host in plan["hosts"].items():
            self._enter(self._spaces[name])
            self._equip(host)
        self._enter(self._wire_space)
        _raise_wire_ends()

    def socket(self, host: str, family: int, kind: int, proto: int) -> socket.socket:
        """A new socket that belongs to a host."""
        self._enter(self._spaces[host])
        try:
            return socket.socket(family, kind, proto)
        finally:
            self._enter(self._wire_space)

    def _enter(self, space: int) -> None:
        _call(self._libc.setns, space, _NEWNET)

    def _equip(self, host: dict[str, Any]) -> None:
        from pyroute2.iproute.linux import IPRoute

        for path, value in _SETTINGS.items():
            with contextlib.suppress(OSError):
                _write(path, value)
        if host["by_program"]:
            _write("ipv4/ip_forward", "0")  # some kernels begin with what their machine has
        if host["forwards"]:
            for path, value in _FORWARDING.items():
                _write(path, value)
        with IPRoute() as ip:
            ip.link("set", index=1, state="up")  # lo
            for interface in host["interfaces"]:
                far_end = {
                    "ifname": interface["far_end"],
                    "net_ns_fd": self._wire_space,
                    "mtu": interface["mtu"],
                }
                ip.link(
                    "add",
                    ifname=interface["name"],
                    kind="veth",
                    address=interface["mac"],
                    peer=far_end,
                )
                # Not always 2: some kernels put tunnels of their own into each namespace.
                number = ip.link_lookup(ifname=interface["name"])[0]
                _no_own_addresses(ip, number)
                _switch_off_offloads(interface["name"])
                if host["autoconf"]:
                    for path, value in _AUTOCONF.items():
                        with contextlib.suppress(OSError):
                            _write(path.format(interface["name"]), value)
                ip.link("set", index=number, mtu=interface["mtu"], state="up")
                ip.addr("add", index=number, address=interface["ipv4"], prefixlen=IPV4_PREFIX)
                for address in {interface["ipv6"], interface["link_local"]}:
                    ip.addr(
                        "add", index=number, address=address, prefixlen=IPV6_PREFIX, flags=_NODAD
                    )
            for network, gateway in host["routes"]:
                family = socket.AF_INET6 if ":" in gateway else socket.AF_INET
                ip.route("add", dst=network, gateway=gateway, family=family)


def _enter_user_namespace(libc: ctypes.CDLL) -> None:
    """A network namespace to begin with: by root's right, or inside a user namespace."""
    user, group = os.geteuid(), os.getegid()
    with contextlib.suppress(OSError):
        _call(libc.unshare, _NEWNET)
        return
    _call(libc.unshare, _NEWUSER | _NEWNET)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def _call(function: Any, *arguments: int) -> None:
    if function(*arguments):
        code = ctypes.get_errno()
        raise OSError(code, f"{function.__name__}: {os.strerror(code)}")


def _write(path: str, value: str) -> None:
    # Which namespace is meant: that of the thread that opens the file.
    Path("/proc/sys/net", path).write_text(value)


def _no_own_addresses(ip: Any, index: int) -> None:
    """Let the kernel make no link-local address by itself (RFC 4862): it would have to ask
    the others first, for seconds, whether it is free."""
    mode = {"attrs": [["IFLA_INET6_ADDR_GEN_MODE", 1]]}
    ip.link("set", index=index, IFLA_AF_SPEC={"attrs": [["AF_INET6", mode]]})


def _raise_wire_ends() -> None:
    from pyroute2.iproute.linux import IPRoute

    with IPRoute() as ip:
        for link in ip.get_links():
            name = link.get_attr("IFLA_IFNAME")
            if name.startswith("wire"):
                _no_own_addresses(ip, link["index"])
                _switch_off_offloads(name)
                ip.link("set", index=link["index"], state="up")


def _switch_off_offloads(interface: str) -> None:
    import fcntl  # which Windows does not have; it may look at this module all the same

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for command in _OFFLOADS:
            value = array.array("I", [command, 0])  # struct ethtool_value
            request = struct.pack("@16sP", interface.encode(), value.buffer_info()[0])
            fcntl.ioctl(sock, _SIOCETHTOOL, request)


@dataclass
class _End:
    """One end of a wire: frames come in here for one direction, and go out for the other."""

    near: socket.socket
    incoming: Direction
    far: socket.socket


def _wire_ends(plan: dict[str, Any], memory: mmap.mmap) -> list[_End]:
    ends = []
    for wire, both in enumerate(plan["wires"]):
        sockets = [_packet_socket(f"wire{wire}{end}") for end in "ab"]
        for side, parameters in enumerate(both):
            number = 2 * wire + side
            records = Records("", memory, number * Records.SIZE)
            seed = f"{plan['seed']} {number}"
            direction = Direction(Parameters(**parameters), records, seed)
            ends.append(_End(sockets[side], direction, sockets[1 - side]))
    return ends


def _packet_socket(interface: str) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setblocking(False)
    sock.setsockopt(SOL_PACKET, _IGNORE_OUTGOING, 1)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, _BUFFER)
    except PermissionError:  # inside a user namespace: as much as everyone may have
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    sock.bind((interface, ETH_P_ALL))
    return sock


class Carrier:
    """The loop: frames in, frames out when they are due, and now and then a request."""

    def __init__(self, control: socket.socket, parent: int, hosts: Hosts, ends: list[_End]) -> None:
        self._control = control
        self._parent = parent
        self._hosts = hosts
        self._ends = {end.near: end for end in ends}
        self._directions = [end.incoming for end in ends]
        # The clock of the frames' time stamps; but one that nobody sets while we run.
        self._origin = time.time_ns() - time.monotonic_ns()

    def run(self) -> None:
        """Carry until the notebook's process is gone, or closes the network."""
        waited_for: list[Any] = [self._control, self._parent, *self._ends]
        while True:
            for sock in select.select(waited_for, [], [], self._deliver())[0]:
                end = self._ends.get(sock)
                if end is not None:
                    self._take(end)
                elif sock is self._parent or not self._answer():
                    return

    def _now(self) -> int:
        return time.monotonic_ns() + self._origin

    def _deliver(self) -> float | None:
        """Send what is due. Gives the seconds until there is more to do."""
        now, following = self._now(), None
        for end in self._ends.values():
            direction = end.incoming
            event = direction.next_event()
            if event is not None and event <= now:
                for due, frame in direction.advance(now):
                    try:
                        end.far.send(frame)
                        direction.records.late(self._now() - due)
                    except OSError:  # the host's own queue is full
                        direction.records.drop(now, "overrun", len(frame))
                event = direction.next_event()
            if event is not None and (following is None or event < following):
                following = event
        return None if following is None else max(0, following - self._now()) / 1e9

    def _take(self, end: _End) -> None:
        """Take the frames that wait at one end, but no more than a few: others wait too."""
        arrive, receive = end.incoming.arrive, end.near.recvmsg
        shift = time.time_ns() - self._now()
        for _ in range(32):
            try:
                frame, ancillary, _, _ = receive(1 << 16, 32)
            except OSError:  # nothing more
                return
            seconds, nanoseconds = struct.unpack("@ll", ancillary[0][2])
            # When it left the host, not when we found the time to look.
            arrive(seconds * 1_000_000_000 + nanoseconds - shift, frame)
        counts = end.near.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
        for _ in range(struct.unpack("@II", counts)[1]):
            end.incoming.records.drop(self._now(), "overrun", 0)

    def _answer(self) -> bool:
        """Do what the notebook asks. False if it has gone."""
        request = self._control.recv(MAX_MESSAGE)
        if not request:
            return False
        asked = json.loads(request)
        answer = json.dumps({"number": asked["number"]}).encode()
        if "socket" in asked:
            try:
                with self._hosts.socket(**asked["socket"]) as sock:
                    socket.send_fds(self._control, [answer], [sock.fileno()])
            except OSError as error:
                answer = json.dumps({"number": asked["number"], "errno": error.errno}).encode()
                self._control.send(answer)
        else:
            for place, parameters in asked["change"].items():
                self._directions[int(place)].change(self._now(), Parameters(**parameters))
            self._control.send(answer)
        return True


if __name__ == "__main__":
    # An interrupt is for the notebook's cell, not for the hosts it made.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):  # root's wire goes before all other work of this machine
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    ctypes.CDLL(None).prctl(_SET_TIMERSLACK, 1, 0, 0, 0)  # wake up on time, to the nanosecond
    # The notebook may have thousands of files open. Here the numbers are low: select(2).
    control_fd, memory_fd, parent_fd = (os.dup(int(given)) for given in sys.argv[1:])
    main(socket.socket(fileno=control_fd), memory_fd, parent_fd)
