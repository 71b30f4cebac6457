"""The fields of every header are what tshark reads: in the course's captures, in captures of
tcpdump, dumpcap and scapy, and in captures with bits turned.
"""

from __future__ import annotations

import ipaddress
import random
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from mutations import captured

from helpers import echo, serve_tcp, serve_udp, this_machine
from helpers.fields import fields
from helpers.packets import RAW, Packet, Packets, scapy_ether

pytestmark = pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")

# Our name -> tshark's, and what tshark's number is to be divided by.
THEIRS: dict[str, tuple[str, int]] = {
    "Ethernet Destination Address": ("eth.dst", 1),
    "Ethernet Source Address": ("eth.src", 1),
    "Ethernet EtherType": ("eth.type", 1),
    "ARP Operation": ("arp.opcode", 1),
    "ARP Sender Hardware Address": ("arp.src.hw_mac", 1),
    "ARP Sender Protocol Address": ("arp.src.proto_ipv4", 1),
    "ARP Target Protocol Address": ("arp.dst.proto_ipv4", 1),
    "IPv4 Version": ("ip.version", 1),
    "IPv4 Internet Header Length": ("ip.hdr_len", 4),
    "IPv4 DSCP": ("ip.dsfield.dscp", 1),
    "IPv4 ECN": ("ip.dsfield.ecn", 1),
    "IPv4 Total Length": ("ip.len", 1),
    "IPv4 Identification": ("ip.id", 1),
    "IPv4 DF": ("ip.flags.df", 1),
    "IPv4 MF": ("ip.flags.mf", 1),
    "IPv4 Fragment Offset": ("ip.frag_offset", 1),
    "IPv4 Time to Live": ("ip.ttl", 1),
    "IPv4 Protocol": ("ip.proto", 1),
    "IPv4 Header Checksum": ("ip.checksum", 1),
    "IPv4 Source Address": ("ip.src", 1),
    "IPv4 Destination Address": ("ip.dst", 1),
    "IPv6 Version": ("ipv6.version", 1),
    "IPv6 DSCP": ("ipv6.tclass.dscp", 1),
    "IPv6 ECN": ("ipv6.tclass.ecn", 1),
    "IPv6 Flow Label": ("ipv6.flow", 1),
    "IPv6 Payload Length": ("ipv6.plen", 1),
    "IPv6 Next Header": ("ipv6.nxt", 1),
    "IPv6 Hop Limit": ("ipv6.hlim", 1),
    "IPv6 Source Address": ("ipv6.src", 1),
    "IPv6 Destination Address": ("ipv6.dst", 1),
    "Fragment Header Next Header": ("ipv6.fraghdr.nxt", 1),
    "Fragment Header Identification": ("ipv6.fraghdr.ident", 1),
    "Fragment Header More Fragments": ("ipv6.fraghdr.more", 1),
    "TCP Source Port": ("tcp.srcport", 1),
    "TCP Destination Port": ("tcp.dstport", 1),
    "TCP Sequence Number": ("tcp.seq_raw", 1),
    "TCP Acknowledgment Number": ("tcp.ack_raw", 1),
    "TCP Data Offset": ("tcp.hdr_len", 4),
    **{f"TCP {flag}": (f"tcp.flags.{flag.lower()}", 1) for flag in ("SYN", "FIN", "ACK", "URG")},
    "TCP RST": ("tcp.flags.reset", 1),
    "TCP PSH": ("tcp.flags.push", 1),
    "TCP ECE": ("tcp.flags.ece", 1),
    "TCP CWR": ("tcp.flags.cwr", 1),
    "TCP Window": ("tcp.window_size_value", 1),
    "TCP Checksum": ("tcp.checksum", 1),
    "TCP Urgent Pointer": ("tcp.urgent_pointer", 1),
    "TCP MSS: Maximum Segment Size": ("tcp.options.mss_val", 1),
    "TCP Window Scale: Shift Count": ("tcp.options.wscale.shift", 1),
    "TCP Timestamps: TS Value": ("tcp.options.timestamp.tsval", 1),
    "TCP Timestamps: TS Echo Reply": ("tcp.options.timestamp.tsecr", 1),
    "UDP Source Port": ("udp.srcport", 1),
    "UDP Destination Port": ("udp.dstport", 1),
    "UDP Length": ("udp.length", 1),
    "UDP Checksum": ("udp.checksum", 1),
    "ICMP Type": ("icmp.type", 1),
    "ICMP Code": ("icmp.code", 1),
    "ICMP Checksum": ("icmp.checksum", 1),
    "ICMP Identifier": ("icmp.ident", 1),
    "ICMP Sequence Number": ("icmp.seq", 1),
    "ICMPv6 Type": ("icmpv6.type", 1),
    "ICMPv6 Code": ("icmpv6.code", 1),
    "ICMPv6 Checksum": ("icmpv6.checksum", 1),
    "ICMPv6 Target Address": ("icmpv6.nd.ns.target_address", 1),
}
# Fragments stay fragments; no guess of what a port number carries.
OPTIONS = ["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]
OPTIONS += ["-o", "tcp.desegment_tcp_streams:FALSE", "-n"]
SEPARATOR = "\t"


def tshark(path: Path) -> list[dict[str, str]]:
    """What tshark says of each packet: the first field of each name."""
    names = [name for name, _ in THEIRS.values()]
    command = ["tshark", "-r", str(path), *OPTIONS, "-T", "fields", "-E", "occurrence=f"]
    command += ["-E", f"separator={SEPARATOR}"]
    for name in names:
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    lines = done.stdout.split("\n")[:-1]
    return [dict(zip(names, line.split(SEPARATOR), strict=True)) for line in lines]


def number(text: str) -> int:
    """What tshark printed, as one number."""
    if re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", text):
        return int(text.replace(":", ""), 16)
    if re.fullmatch(r"[0-9a-f]*:[0-9a-f:.]*|[0-9]+(\.[0-9]+){3}", text):
        return int(ipaddress.ip_address(text))
    return int(text, 0)


def differences(frames: list[bytes], path: Path) -> tuple[int, list[str]]:
    """How many fields are the same; and a sentence for each that is not."""
    read = tshark(path)
    assert len(read) == len(frames)
    agreed, wrong = 0, []
    for frame, theirs in zip(frames, read, strict=True):
        ours: dict[str, int] = {}
        for field in fields(frame):
            ours.setdefault(f"{field.layer} {field.name}", field.number(frame))
        for name, (their_name, unit) in THEIRS.items():
            text = theirs[their_name]
            if name in ours and text:
                agreed += 1
                read_there = number(text) // unit
                if name == "IPv4 Fragment Offset" and ours[name] * 8 == read_there:
                    continue  # some versions of tshark count bytes
                if name == "IPv4 Total Length" and ours[name] == 0:
                    continue  # tshark takes it for a segment yet to be cut, and says the frame's
                if ours[name] != read_there:
                    wrong.append(f"{name}: {ours[name]}, tshark: {text}, of {frame.hex()}")
    return agreed, wrong


def saved(frames: Iterable[bytes], path: Path) -> Path:
    return Packets([Packet(1_700_000_000_000_000_000, data, RAW) for data in frames]).save(path)


def test_the_courses_captures(tmp_path: Path) -> None:
    frames = captured()
    assert len(frames) > 200
    agreed, wrong = differences(frames, saved(frames, tmp_path / "course.pcap"))
    assert wrong == []
    assert agreed > 20 * len(frames)


def test_captures_with_bits_turned(tmp_path: Path) -> None:
    chance = random.Random(4)
    frames = []
    for data in captured():
        frame = bytearray(data)
        for _ in range(chance.randrange(1, 4)):
            # Behind the EtherType: another one, and there is no header left to compare.
            bit = chance.randrange(8 * 14, 8 * min(len(frame), 90))
            frame[bit // 8] ^= 1 << bit % 8
        frames.append(bytes(frame[: chance.choice((len(frame), chance.randrange(34, 90)))]))
    agreed, wrong = differences(frames, saved(frames, tmp_path / "damaged.pcap"))
    assert wrong == []
    assert agreed > 10 * len(frames)


def talk() -> None:
    """Some packets on loopback."""
    with serve_tcp(echo) as server, socket.create_connection(server.address) as client:
        client.sendall(b"hello" * 100)
        client.recv(1000)
    with serve_udp(lambda sock: sock.recv(100)) as server:
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.sendto(b"hello", server.address)
            client.sendto(b"", ("127.0.0.1", 9))
    if this_machine().ipv6_loopback.here:
        with serve_tcp(echo, host="::1") as server, socket.create_connection(server.address) as six:
            six.sendall(b"six")
            six.recv(10)


def by_program(command: list[str]) -> Callable[[Path], None]:
    def capture(path: Path) -> None:
        program = subprocess.Popen([*command, str(path)], stderr=subprocess.PIPE, text=True)
        assert program.stderr is not None
        try:
            said = ""
            while not re.search("listening on|Capturing on|File:", said):
                line = program.stderr.readline()
                assert line, f"{command[0]} ended: {said}"
                said += line
            deadline = time.monotonic() + 20
            while not path.exists() or path.stat().st_size < 1000:
                assert time.monotonic() < deadline, said
                talk()
        finally:
            program.terminate()
            program.communicate()

    return capture


def by_scapy(path: Path) -> None:
    scapy_ether()
    from scapy.layers.inet import ICMP, IP, TCP, UDP
    from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
    from scapy.layers.l2 import ARP, Ether
    from scapy.utils import wrpcap

    options = [("MSS", 1400), ("WScale", 3), ("Timestamp", (7, 8)), ("EOL", None)]
    wrpcap(
        str(path),
        [
            Ether() / ARP(psrc="192.0.2.1", pdst="192.0.2.2"),
            Ether() / IP(dst="192.0.2.1", tos=0xB9, flags="DF", ttl=3) / UDP(dport=5000) / b"x",
            Ether() / IP(dst="192.0.2.1") / TCP(flags="SEC", seq=2**32 - 1, options=options),
            Ether() / IP(dst="192.0.2.1") / ICMP(id=3, seq=4) / b"ping",
            Ether() / IPv6(dst="2001:db8::1", fl=9, tc=5) / ICMPv6EchoRequest(id=1),
        ],
    )


OTHERS = {
    "tcpdump": by_program(["tcpdump", "-i", "lo", "-U", "--immediate-mode", "-w"]),
    "dumpcap": by_program(["dumpcap", "-i", "lo", "-q", "-w"]),
    "scapy": by_scapy,
}


@pytest.mark.parametrize("name", OTHERS)
def test_captures_of_other_tools(name: str, tmp_path: Path) -> None:
    if name != "scapy":
        if not shutil.which(name):
            pytest.skip(f"{name} is not installed")
        if not this_machine().raw_capture.here:
            pytest.skip("no raw capture")
    scapy_ether()
    from scapy.utils import RawPcapReader

    path = tmp_path / "other.pcap"
    OTHERS[name](path)
    with RawPcapReader(str(path)) as reader:
        frames = [data for data, _ in reader]
    assert len(frames) >= 5
    agreed, wrong = differences(frames, path)
    assert wrong == []
    assert agreed > 10 * len(frames)
