"""Every packet on loopback, by a packet socket. Needs CAP_NET_RAW (packet(7)).

The kernel does the work: a filter, run in the kernel, keeps the wanted ports and one
copy of each packet, and a large buffer holds them. Python reads the buffer at the end,
or when it is a quarter full; so it does not disturb what is being measured meanwhile.

    with RawCapture({server.address[1]}) as raw:
        …
    raw.packets()
"""

from __future__ import annotations

import ctypes
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterable

from .linux import (
    ETH_P_ALL,
    PACKET_OUTGOING,
    PACKET_STATISTICS,
    SO_ATTACH_FILTER,
    SO_MEMINFO,
    SO_RCVBUFFORCE,
    SO_TIMESTAMPNS,
    SOL_PACKET,
)
from .packets import RAW, Packet

BUFFER_BYTES = 64 << 20
MAX_PORTS = 50
TRIALS = 1000  # of a millisecond each

# Classic BPF: bpf(4) of the BSDs, Documentation/networking/filter.rst.
_LD_BYTE, _LD_HALF, _LD_WORD = 0x30, 0x28, 0x20  # load from a fixed place
_LD_HALF_INDEXED = 0x48  # load from x + k
_LDX_IHL = 0xB1  # x = 4 * (byte & 0x0f): the length of an IPv4 header
_JEQ, _JSET, _JUMP, _RETURN = 0x15, 0x45, 0x05, 0x06
_ICMPV6 = 58  # socket.IPPROTO_ICMPV6, where Python has it
_PACKET_TYPE = 0xFFFFF000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE

Instruction = tuple[int, str, str, int]  # operation, where to if true, if false, operand


def packet_socket() -> socket.socket:
    """A packet socket that receives nothing yet (protocol 0): first the filter, then bind()."""
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)


class RawCapture:
    """Captures the TCP and UDP packets of some ports, and ICMP, on one interface.

    Parameters
    ----------
    ports : iterable of int
        A packet is kept if its source or its destination port is one of these.
        At most 50. None at all: every frame is kept, in both directions.
    interface : str
        Its name. "lo" is loopback.
    make_socket : callable
        Gives a new packet socket. The one of a private host sees that host's interfaces.

    Raises
    ------
    PermissionError
        Without CAP_NET_RAW.
    """

    def __init__(
        self,
        ports: Iterable[int],
        interface: str = "lo",
        make_socket: Callable[[], socket.socket] = packet_socket,
    ) -> None:
        self._ports = frozenset(ports)
        self._make_socket = make_socket
        self._interface = interface
        self._packets: list[Packet] = []
        self._lock = threading.Lock()
        self._lost = 0
        self._abandoned = False

    def __enter__(self) -> RawCapture:
        self._socket = self._make_socket()
        try:
            self._socket.setblocking(False)
            self._buffer = self._enlarge_buffer()
            if self._ports:
                attach_filter(self._socket, self._ports)
            self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            _wait_for_timestamps()
            self._socket.bind((self._interface, ETH_P_ALL))
            self._ending = threading.Event()
            self._thread = threading.Thread(target=self._relieve, name="raw capture", daemon=True)
            self._thread.start()
        except BaseException:
            self._socket.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ending.set()
        self._thread.join()
        with self._socket:
            self._drain()

    def abandon(self) -> None:
        """End at once: what the buffer still holds is nobody's any more."""
        self._abandoned = True
        self.__exit__()

    def packets(self) -> list[Packet]:
        """What has been captured so far, oldest first."""
        if not self._ending.is_set():
            self._drain()
        return list(self._packets)

    @property
    def lost(self) -> int:
        """How many packets the kernel had to drop because the buffer was full."""
        return self._lost

    def _enlarge_buffer(self) -> int:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        except PermissionError:  # needs CAP_NET_ADMIN: take what everyone may have
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    def _relieve(self) -> None:
        """Empty the buffer whenever it is a quarter full."""
        interval = 0.01 if self._buffer >= BUFFER_BYTES else 0.001
        while not self._ending.wait(interval):
            memory = self._socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36)
            if int.from_bytes(memory[:4], "little") > self._buffer // 4:
                self._drain()

    def _drain(self) -> None:
        receive, keep = self._socket.recvmsg, self._packets.append
        with self._lock:
            begun, came = time.time_ns(), 0
            # A flood that goes on must not keep us for ever.
            while came <= begun and not self._abandoned:
                try:
                    data, ancillary, _, _ = receive(1 << 18, 64)
                except OSError:  # nothing more; or the interface has gone with its host
                    break
                came = _stamp(ancillary)
                if not self._ports or not is_of_others(data, self._ports):
                    keep(Packet(came, data, RAW))
            counts = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
            self._lost += struct.unpack("@II", counts)[1]  # reading it sets it back to 0


def is_of_others(frame: bytes, ports: Collection[int]) -> bool:
    """Whether this is an ICMP message that is not about a packet of one of these ports.

    The kernel's filter lets every ICMP message through: what a message is about stands in
    the packet that it quotes (RFC 792, RFC 4443), too far inside for a simple filter.
    """
    if frame[12:14] == b"\x08\x00" and frame[23:24] == bytes([socket.IPPROTO_ICMP]):
        icmp = 14 + (frame[14] & 0x0F) * 4
        quoted = icmp + 8
        is_error = len(frame) > quoted and frame[icmp] in (3, 4, 5, 11, 12)
        place = quoted + (frame[quoted] & 0x0F) * 4 if is_error else 0
    elif frame[12:14] == b"\x86\xdd" and frame[20:21] == bytes([_ICMPV6]):
        is_error = len(frame) > 54 and frame[54] < 128
        place = 62 + 40
    else:
        return False
    if not is_error or len(frame) < place + 4:
        return True
    return not {*struct.unpack_from("!HH", frame, place)} & set(ports)


def _wait_for_timestamps() -> None:
    """Return when the kernel stamps packets as they arrive.

    It begins to only some time after it was asked (net_enable_timestamp in net/core/dev.c
    leaves the work for later). A packet without a stamp gets the time at which it is read,
    which would be wrong here by the length of the capture. So ask it: send a datagram to
    ourselves, let a moment pass, and see which time it carries.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        probe.bind(("127.0.0.1", 0))
        for _ in range(TRIALS):
            probe.sendto(b"", probe.getsockname())
            time.sleep(0.001)
            before_reading = time.time_ns()
            _, ancillary, _, _ = probe.recvmsg(1, 64)
            if _stamp(ancillary) < before_reading:
                return
    raise OSError("The kernel does not stamp packets with their time of arrival.")


def _stamp(ancillary: list[tuple[int, int, bytes]]) -> int:
    """Nanoseconds since 1970, from what came with a packet (SO_TIMESTAMPNS, socket(7))."""
    seconds, nanoseconds = struct.unpack("@ll", ancillary[0][2])
    return int(seconds * 1_000_000_000 + nanoseconds)


def attach_filter(sock: socket.socket, ports: Iterable[int]) -> None:
    """Let the kernel keep only the packets of these ports, each of them once (socket(7))."""
    program = _assemble(port_filter(sorted(ports)))
    array = ctypes.create_string_buffer(program)
    fprog = struct.pack("@HP", len(program) // 8, ctypes.addressof(array))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, fprog)


def port_filter(ports: list[int]) -> list[Instruction | str]:
    """The filter in words: labels are strings, jumps name a label ("" is the next line).

    Loopback shows every packet twice, leaving and arriving: the leaving one is dropped.
    """
    if not 0 < len(ports) <= MAX_PORTS:
        raise ValueError(f"A capture watches 1 to {MAX_PORTS} ports, not {len(ports)}.")

    def match_ports(load: int, first: int) -> list[Instruction | str]:
        lines: list[Instruction | str] = []
        for place in (first, first + 2):
            lines.append((load, "", "", place))
            lines += [(_JEQ, "keep", "", port) for port in ports]
        return [*lines, (_JUMP, "drop", "", 0)]

    return [
        (_LD_WORD, "", "", _PACKET_TYPE),
        (_JEQ, "drop", "", PACKET_OUTGOING),
        (_LD_HALF, "", "", 12),  # EtherType
        (_JEQ, "ipv4", "", 0x0800),
        (_JEQ, "ipv6", "drop", 0x86DD),
        "ipv4",
        (_LD_BYTE, "", "", 23),  # Protocol
        (_JEQ, "keep", "", socket.IPPROTO_ICMP),
        (_JEQ, "ipv4 ports", "", socket.IPPROTO_TCP),
        (_JEQ, "ipv4 ports", "drop", socket.IPPROTO_UDP),
        "ipv4 ports",
        (_LD_HALF, "", "", 20),  # Fragment Offset: later fragments have no ports
        (_JSET, "keep", "", 0x1FFF),
        (_LDX_IHL, "", "", 14),
        *match_ports(_LD_HALF_INDEXED, 14),
        "ipv6",
        (_LD_BYTE, "", "", 20),  # Next Header
        (_JEQ, "keep", "", _ICMPV6),
        *[(_JEQ, "keep", "", extension) for extension in (0, 43, 44, 60)],
        (_JEQ, "ipv6 ports", "", socket.IPPROTO_TCP),
        (_JEQ, "ipv6 ports", "drop", socket.IPPROTO_UDP),
        "ipv6 ports",
        *match_ports(_LD_HALF, 54),
        "keep",
        (_RETURN, "", "", 1 << 18),  # the whole packet
        "drop",
        (_RETURN, "", "", 0),
    ]


def _assemble(lines: list[Instruction | str]) -> bytes:
    labels: dict[str, int] = {}
    instructions: list[Instruction] = []
    for line in lines:
        if isinstance(line, str):
            labels[line] = len(instructions)
        else:
            instructions.append(line)

    def distance(label: str, here: int) -> int:
        return labels[label] - here - 1 if label else 0

    code = b""
    for here, (operation, yes, no, operand) in enumerate(instructions):
        if operation == _JUMP:
            code += struct.pack("@HBBI", operation, 0, 0, distance(yes, here))
        else:
            true, false = distance(yes, here), distance(no, here)
            code += struct.pack("@HBBI", operation, true, false, operand)
    return code
