"""Fields tile every packet, and lie where the packet's bytes, and tshark, say they lie."""

from __future__ import annotations

import ipaddress
import re
import shutil
import struct
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.fields import UNDISSECTED, Field, fields, packet_bytes
from helpers.packets import RAW, Packet, Packets, scapy_ether

Ether = scapy_ether()

from scapy.layers import inet, inet6, l2  # noqa: E402  (after scapy_ether, which quietens scapy)

# A SYN that the Linux kernel sent on loopback.
SYN = bytes.fromhex(
    "00000000000000000000000008004500003c7f2740004006bd927f0000017f000001"
    "aa7ab2c5a9daf7d500000000a002ffd7fe3000000204ffd70402080af4ffc593000000000103030a"
)

ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
IP = inet.IP(src="192.0.2.1", dst="192.0.2.2")
IP6 = inet6.IPv6(src="2001:db8::1", dst="2001:db8::2")
UDP = inet.UDP(sport=40123, dport=53) / b"hello"
QUOTED = inet.IP(src="192.0.2.9", dst="192.0.2.1", ttl=1) / inet.UDP(sport=9, dport=8) / b"lost"
QUOTED6 = inet6.IPv6(src="2001:db8::9", dst="2001:db8::1") / inet.UDP(sport=9, dport=8) / b"lost"
LINK_ADDRESS = "02:00:00:00:00:01"


def tcp(options: list[Any], payload: bytes = b"") -> Any:
    segment = inet.TCP(sport=40123, dport=80, seq=1000, ack=2000, flags="PA", options=options)
    return ETHER / IP / segment / payload


EXAMPLES: dict[str, Any] = {
    "SYN from the kernel": SYN,
    "Ethernet alone": ETHER / b"\x01\x02\x03",
    "ARP": ETHER / l2.ARP(hwsrc=LINK_ADDRESS, psrc="192.0.2.1", pdst="192.0.2.2") / bytes(18),
    "802.1Q": ETHER / l2.Dot1Q(vlan=5, prio=3) / IP / UDP,
    "IPv4 options": ETHER
    / inet.IP(
        src="192.0.2.1",
        dst="192.0.2.2",
        options=[
            inet.IPOption_RR(routers=["192.0.2.3", "192.0.2.4"]),
            inet.IPOption_NOP(),
            inet.IPOption_Router_Alert(),
            inet.IPOption_EOL(),
        ],
    )
    / UDP,
    "IPv4 without Ethernet": IP / UDP,
    "IPv4 fragment": ETHER
    / inet.IP(src="192.0.2.1", dst="192.0.2.2", frag=185, proto=17)
    / b"rest",
    "IPv6 without Ethernet": IP6 / UDP,
    "IPv6 extension headers": ETHER
    / IP6
    / inet6.IPv6ExtHdrHopByHop(options=[inet6.RouterAlert(value=0), inet6.PadN(optdata=b"")])
    / inet6.IPv6ExtHdrRouting(addresses=["2001:db8::3", "2001:db8::4"], segleft=0)
    / inet6.IPv6ExtHdrFragment(id=7)
    / inet6.IPv6ExtHdrDestOpt(options=[inet6.HAO(hoa="2001:db8::5")])
    / UDP,
    "IPv6 unknown option": ETHER
    / IP6
    / inet6.IPv6ExtHdrDestOpt(options=[inet6.HBHOptUnknown(otype=0x1E, optdata=b"abc")])
    / UDP,
    "ICMP echo": ETHER / IP / inet.ICMP(id=77, seq=3) / b"abcdefgh",
    "ICMP unreachable": ETHER / IP / inet.ICMP(type=3, code=3) / QUOTED,
    "ICMP time exceeded, 8 bytes quoted": ETHER
    / IP
    / inet.ICMP(type=11)
    / bytes(inet.IP(src="192.0.2.9", dst="192.0.2.1") / inet.TCP(sport=9, dport=8))[:28],
    "ICMP redirect": ETHER / IP / inet.ICMP(type=5, code=1, gw="192.0.2.7") / QUOTED,
    "ICMP timestamp": ETHER / IP / inet.ICMP(type=13, ts_ori=1, ts_rx=2, ts_tx=3),
    "ICMPv6 echo": ETHER / IP6 / inet6.ICMPv6EchoRequest(id=7, seq=9, data=b"ping"),
    "ICMPv6 unreachable": ETHER / IP6 / inet6.ICMPv6DestUnreach(code=4) / QUOTED6,
    "ICMPv6 packet too big": ETHER / IP6 / inet6.ICMPv6PacketTooBig(mtu=1280) / QUOTED6,
    "ICMPv6 time exceeded": ETHER / IP6 / inet6.ICMPv6TimeExceeded() / QUOTED6,
    "neighbor solicitation": ETHER
    / IP6
    / inet6.ICMPv6ND_NS(tgt="2001:db8::2")
    / inet6.ICMPv6NDOptSrcLLAddr(lladdr=LINK_ADDRESS),
    "neighbor advertisement": ETHER
    / IP6
    / inet6.ICMPv6ND_NA(tgt="2001:db8::2", R=0, S=1, O=1)
    / inet6.ICMPv6NDOptDstLLAddr(lladdr=LINK_ADDRESS),
    "router solicitation": ETHER / IP6 / inet6.ICMPv6ND_RS(),
    "router advertisement": ETHER
    / IP6
    / inet6.ICMPv6ND_RA(M=1)
    / inet6.ICMPv6NDOptPrefixInfo(prefix="2001:db8::")
    / inet6.ICMPv6NDOptMTU(mtu=1500)
    / inet6.ICMPv6NDOptRDNSS(dns=["2001:db8::53", "2001:db8::54"]),
    "ICMPv6 redirect": ETHER
    / IP6
    / inet6.ICMPv6ND_Redirect(tgt="fe80::1", dst="2001:db8::7")
    / inet6.ICMPv6NDOptRedirectedHdr(pkt=QUOTED6 / b"----"),
    "UDP": ETHER / IP / UDP,
    "TCP": tcp([], b"GET / HTTP/1.1\r\n\r\n"),
    "TCP options": tcp(
        [
            *(("MSS", 1460), ("WScale", 7), ("SAckOK", b""), ("Timestamp", (5, 6))),
            *(("NOP", None), ("UTO", 0x8005), ("TFO", (1, 2)), ("EOL", None)),
        ]
    ),
    "TCP SACK": tcp([("NOP", None), ("NOP", None), ("SAck", (11, 12, 13, 14))], b"data"),
    "TCP MD5, MPTCP, unknown": tcp([("MD5", b"m" * 16), (30, b"\x01abc"), (253, b"exp")]),
}


def named(packet: Any) -> dict[str, Field]:
    return {f"{field.layer} {field.name}": field for field in fields(packet)}


def assert_tiles(packet: Any) -> None:
    end = 0
    for field in fields(packet):
        assert field.start == end
        assert field.bits > 0
        end = field.end
    assert end == 8 * len(packet_bytes(packet))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_fields_bits_put_together_are_the_packet(name: str) -> None:
    data = packet_bytes(EXAMPLES[name])
    assert_tiles(EXAMPLES[name])
    bits = "".join(f"{field.number(data):0{field.bits}b}" for field in fields(EXAMPLES[name]))
    assert int(bits, 2).to_bytes(len(data), "big") == data


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_value_is_what_its_bits_say(name: str) -> None:
    # The value is scapy's reading of the field, the bits are where we say it lies.
    data = packet_bytes(EXAMPLES[name])
    for field in fields(EXAMPLES[name]):
        bits = field.number(data)
        raw = bits.to_bytes((field.bits + 7) // 8, "big")
        if re.fullmatch(r"[0-9]+|0x[0-9a-f]+", field.value):
            assert int(field.value, 0) == bits, field
        elif re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", field.value):
            assert bytes.fromhex(field.value.replace(":", "")) == raw, field
        elif re.fullmatch(r"[0-9.]+\.[0-9]+|[0-9a-f:]+:[0-9a-f:]*", field.value):
            assert ipaddress.ip_address(field.value).packed == raw, field
        elif field.value.startswith('"'):
            assert field.value[1:-1].encode().decode("unicode_escape").encode() == raw, field
        else:
            assert bytes.fromhex(field.value) == raw, field


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_well_formed_packet_has_nothing_undissected(name: str) -> None:
    undissected = [field for field in fields(EXAMPLES[name]) if UNDISSECTED in field.name]
    assert not undissected


def test_the_kernels_syn_field_by_field_as_struct_reads_it() -> None:
    found = named(SYN)
    _, _, total, identification, _, ttl, protocol, checksum = struct.unpack("!BBHHHBBH", SYN[14:26])
    sport, dport, seq, ack, offset, flags, window = struct.unpack("!HHIIBBH", SYN[34:50])
    assert (found["TCP Source Port"].value, sport) == ("43642", 43642)
    assert (found["TCP Destination Port"].value, dport) == ("45765", 45765)
    assert (found["TCP Sequence Number"].value, seq) == ("2849699797", 2849699797)
    assert (found["TCP Acknowledgment Number"].value, ack) == ("0", 0)
    assert (found["TCP Data Offset"].value, offset >> 4) == ("10", 10)
    assert (found["TCP Window"].value, window) == ("65495", 65495)
    assert (found["IPv4 Total Length"].value, total) == ("60", 60)
    assert (found["IPv4 Identification"].value, identification) == ("32551", 32551)
    assert (found["IPv4 Time to Live"].value, ttl) == ("64", 64)
    assert (found["IPv4 Protocol"].value, protocol) == ("6", 6)
    assert (found["IPv4 Header Checksum"].value, checksum) == ("0xbd92", 0xBD92)
    assert found["IPv4 Source Address"].value == "127.0.0.1"
    names = ("AE", "CWR", "ECE", "URG", "ACK", "PSH", "RST", "SYN", "FIN")
    assert [found[f"TCP {name}"].value for name in names] == list("000000010")
    assert flags == 0x02
    assert [found[f"IPv4 {name}"].value for name in ("Reserved", "DF", "MF")] == list("010")
    options = [
        (field.name, field.start // 8, field.bits // 8, field.value)
        for field in fields(SYN)
        if field.scapy == "options"
    ]
    assert options == [
        ("MSS: Kind", 54, 1, "2"),
        ("MSS: Length", 55, 1, "4"),
        ("MSS: Maximum Segment Size", 56, 2, "65495"),
        ("SACK-Permitted: Kind", 58, 1, "4"),
        ("SACK-Permitted: Length", 59, 1, "2"),
        ("Timestamps: Kind", 60, 1, "8"),
        ("Timestamps: Length", 61, 1, "10"),
        ("Timestamps: TS Value", 62, 4, "4110402963"),
        ("Timestamps: TS Echo Reply", 66, 4, "0"),
        ("No-Operation: Kind", 70, 1, "1"),
        ("Window Scale: Kind", 71, 1, "3"),
        ("Window Scale: Length", 72, 1, "3"),
        ("Window Scale: Shift Count", 73, 1, "10"),
    ]


def test_all_supported_headers_are_among_the_examples() -> None:
    layers = {field.layer for example in EXAMPLES.values() for field in fields(example)}
    assert layers >= {
        *("Ethernet", "802.1Q", "ARP", "IPv4", "IPv6", "ICMP", "ICMPv6", "UDP", "TCP"),
        *("Hop-by-Hop Options", "Routing Header", "Fragment Header", "Destination Options"),
        *("IPv4 (quoted)", "IPv6 (quoted)", "UDP (quoted)", "TCP (quoted)"),
        *("Payload", "Payload (quoted)", "Padding"),
    }


def test_every_tcp_option_has_its_own_fields() -> None:
    found = {name: field.value for name, field in named(EXAMPLES["TCP options"]).items()}
    assert found["TCP MSS: Maximum Segment Size"] == "1460"
    assert found["TCP Window Scale: Shift Count"] == "7"
    assert (found["TCP Timestamps: TS Value"], found["TCP Timestamps: TS Echo Reply"]) == ("5", "6")
    assert found["TCP User Timeout: Granularity"] == "1"
    assert found["TCP User Timeout: User Timeout"] == "5"
    assert found["TCP Fast Open: Cookie"] == "00 00 00 01 00 00 00 02"
    assert found["TCP End of Option List: Kind"] == "0"
    found = {name: field.value for name, field in named(EXAMPLES["TCP SACK"]).items()}
    edges = [f"TCP SACK: {edge} Edge {block}" for block in (1, 2) for edge in ("Left", "Right")]
    assert [found[edge] for edge in edges] == ["11", "12", "13", "14"]
    found = {
        name: field.value for name, field in named(EXAMPLES["TCP MD5, MPTCP, unknown"]).items()
    }
    assert found["TCP MD5 Signature: Digest"] == '"mmmmmmmmmmmmmmmm"'
    assert found["TCP MPTCP: Kind"] == "30"
    assert found["TCP Option 253: Data"] == '"exp"'


def test_meanings_say_what_the_values_are() -> None:
    found = {name: field.meaning for name, field in named(SYN).items()}
    assert found["TCP Data Offset"] == "10 words = 40 bytes"
    assert found["IPv4 Internet Header Length"] == "5 words = 20 bytes"
    assert found["TCP Window Scale: Shift Count"] == "x 1024 (shift 10)"
    assert found["Ethernet EtherType"] == "IPv4"
    assert found["IPv4 Protocol"] == "TCP"
    assert found["TCP Acknowledgment Number"] == "not used: ACK is 0"
    assert "partial sum" in found["TCP Checksum"]
    assert "loopback" in found["TCP Checksum"]
    assert named(EXAMPLES["ICMP unreachable"])["ICMP Code"].meaning == "port unreachable"


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "SYN from the kernel"])
def test_checksums_that_scapy_made_are_called_correct(name: str) -> None:
    for field in fields(EXAMPLES[name]):
        if field.name.endswith("Checksum"):
            assert field.meaning == "correct" or "not checked" in field.meaning, field


@pytest.mark.parametrize(
    ("name", "field"),
    [
        *(("UDP", "UDP Checksum"), ("TCP", "TCP Checksum"), ("ICMP echo", "ICMP Checksum")),
        *(("ICMPv6 echo", "ICMPv6 Checksum"), ("UDP", "IPv4 Header Checksum")),
    ],
)
def test_a_wrong_checksum_is_called_wrong_with_the_right_one(name: str, field: str) -> None:
    data = bytearray(packet_bytes(EXAMPLES[name]))
    right = named(bytes(data))[field]
    data[right.start // 8] ^= 0x40
    assert named(bytes(data))[field].meaning == f"wrong, should be {right.value}"


def test_a_fragments_checksum_is_not_judged() -> None:
    whole = bytes(ETHER / inet.IP(src="192.0.2.1", dst="192.0.2.2", flags="MF") / UDP)
    assert "not checked" in named(whole)["UDP Checksum"].meaning


def test_a_udp_checksum_of_zero_means_that_there_is_none() -> None:
    datagram = ETHER / IP / inet.UDP(chksum=0) / b"hello"
    assert named(datagram)["UDP Checksum"].meaning == "0: the sender made none"


def test_a_helpers_packet_a_scapy_packet_and_bytes_give_the_same_fields() -> None:
    assert (
        fields(Packet(0, SYN, RAW)) == fields(SYN) == fields(Ether(SYN)) == fields(bytearray(SYN))
    )


def test_what_is_no_packet_is_refused_with_a_sentence() -> None:
    with pytest.raises(TypeError, match=r"helpers\.Packet.*got str"):
        fields("00 01")


def test_a_header_cut_short_keeps_the_fields_that_are_there() -> None:
    found = named(SYN[:40])
    assert found["TCP Source Port"].value == "43642"
    assert found[f"TCP {UNDISSECTED}"].bits == 16
    assert "Sequence Number" in found[f"TCP {UNDISSECTED}"].meaning
    assert_tiles(SYN[:40])


def test_what_follows_a_quoted_packet_in_its_option_is_padding() -> None:
    quoted = inet6.IPv6(src="2001:db8::9", dst="2001:db8::1", plen=8) / inet.UDP(len=8) / bytes(8)
    message = IP6 / inet6.ICMPv6ND_Redirect() / inet6.ICMPv6NDOptRedirectedHdr(pkt=quoted)
    assert named(message)["ICMPv6 Padding"].bits == 64
    assert_tiles(message)


def test_packets_inside_packets_end_as_payload() -> None:
    nested = bytes(ETHER) + bytes.fromhex("00058100") * 3000
    assert_tiles(nested)
    assert fields(nested)[-1].layer == "Payload"


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_tile(data: bytes) -> None:
    assert_tiles(data)


damaged = st.tuples(st.sampled_from(sorted(EXAMPLES)), st.randoms(use_true_random=False))


@settings(max_examples=300, deadline=None)
@given(damaged, st.integers(0, 4), st.booleans())
def test_damaged_packets_tile(example: tuple[str, Any], flips: int, cut: bool) -> None:
    name, random = example
    data = bytearray(packet_bytes(EXAMPLES[name]))
    if not isinstance(EXAMPLES[name], bytes) and not isinstance(EXAMPLES[name], Ether):
        data = bytearray(bytes(Ether(type=0x0800)) + data)
    for _ in range(flips):
        bit = random.randrange(8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
    assert_tiles(bytes(data[: random.randrange(len(data) + 1)] if cut else data))


# Our field -> tshark's, for a packet of each kind.
TSHARK = {
    "SYN from the kernel": {
        "IPv4 Time to Live": "ip.ttl",
        "IPv4 Source Address": "ip.src",
        "TCP Source Port": "tcp.srcport",
        "TCP Sequence Number": "tcp.seq",
        "TCP SYN": "tcp.flags.syn",
        "TCP Checksum": "tcp.checksum",
        "TCP MSS: Maximum Segment Size": "tcp.options.mss_val",
        "TCP Timestamps: TS Value": "tcp.options.timestamp.tsval",
        "TCP Window Scale: Shift Count": "tcp.options.wscale.shift",
    },
    "IPv6 extension headers": {
        "IPv6 Hop Limit": "ipv6.hlim",
        "Hop-by-Hop Options Next Header": "ipv6.hopopts.nxt",
        "Hop-by-Hop Options Router Alert: Value": "ipv6.opt.router_alert",
        "Routing Header Segments Left": "ipv6.routing.segleft",
        "Fragment Header Identification": "ipv6.fraghdr.ident",
        "UDP Destination Port": "udp.dstport",
    },
    "ICMP unreachable": {
        "ICMP Code": "icmp.code",
        "IPv4 (quoted) Time to Live": "ip.ttl",
        "IPv4 (quoted) Destination Address": "ip.dst",
        "UDP (quoted) Source Port": "udp.srcport",
    },
    "neighbor solicitation": {
        "ICMPv6 Target Address": "icmpv6.nd.ns.target_address",
        "ICMPv6 Source Link-Layer Address: Link-Layer Address": "icmpv6.opt.src_linkaddr",
    },
}


@pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")
def test_tshark_finds_the_fields_at_the_same_bytes(tmp_path: Path) -> None:
    frames = [Packet(0, packet_bytes(EXAMPLES[name]), RAW) for name in TSHARK]
    pcap = Packets(frames).save(tmp_path / "frames.pcap")
    command = ["tshark", "-n", "-r", str(pcap), "-T", "pdml"]
    pdml = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    for name, element in zip(TSHARK, ElementTree.fromstring(pdml), strict=True):
        found = named(EXAMPLES[name])
        for ours, theirs in TSHARK[name].items():
            field = found[ours]
            places = {
                (int(place.get("pos", "0")), int(place.get("size", "0")))
                for place in element.iter("field")
                if place.get("name") == theirs
            }
            first, last = field.start // 8, (field.end + 7) // 8
            assert (first, last - first) in places, (ours, field, places)
