"""Words for the fields of a packet: the RFCs' names, and values in plain English.

scapy calls a TCP destination port `dport`; RFC 9293 calls it Destination Port. Only words
are here. Where a field lies is found by `helpers.fields`.

>>> name("TCP", "TCP", "dport"), name("IPv6", "IPv6", "nh")
('Destination Port', 'Next Header')
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any


def _table(lines: str) -> dict[str, str]:
    pairs = (pair.split("=", 1) for pair in lines.replace("\n", " ").split(";") if pair.strip())
    return {key.strip(): value.strip() for key, value in pairs}


# scapy's class -> the header's usual name.
_FAMILIES = _table("""
Ether=Ethernet; Dot3=IEEE 802.3; Dot1Q=802.1Q; IP=IPv4; IPerror=IPv4; IPerror6=IPv6;
TCPerror=TCP; UDPerror=UDP; ICMPerror=ICMP; IPv6ExtHdrHopByHop=Hop-by-Hop Options;
IPv6ExtHdrDestOpt=Destination Options; IPv6ExtHdrRouting=Routing Header;
IPv6ExtHdrSegmentRouting=Segment Routing Header; IPv6ExtHdrFragment=Fragment Header
""")

# scapy's field -> the RFC's name. "Class.field" goes before "Family.field", and that before
# "field". RFC 826 (ARP), 791, 792, 768, 9293, 8200, 4443, 4861; IEEE 802.1Q.
_NAMES = _table("""
src=Source Address; dst=Destination Address; type=Type; code=Code; len=Length; length=Length;
chksum=Checksum; cksum=Checksum; reserved=Reserved; res=Reserved; res1=Reserved; res2=Reserved;
unused=Unused; id=Identification; data=Data; version=Version; mtu=MTU;
Ethernet.type=EtherType; 802.1Q.type=EtherType; prio=Priority Code Point;
dei=Drop Eligible Indicator; vlan=VLAN Identifier; hwtype=Hardware Type; ptype=Protocol Type;
hwlen=Hardware Address Length; ARP.plen=Protocol Address Length; op=Operation;
hwsrc=Sender Hardware Address; psrc=Sender Protocol Address; hwdst=Target Hardware Address;
pdst=Target Protocol Address;
ihl=Internet Header Length; tos=Type of Service; IPv4.len=Total Length; frag=Fragment Offset;
ttl=Time to Live; proto=Protocol; IPv4.chksum=Header Checksum; copy_flag=Copied;
optclass=Option Class; option=Option Number; pointer=Pointer; routers=Router; value=Value;
oflw=Overflow; flg=Flag; tc=Traffic Class; fl=Flow Label; plen=Payload Length; nh=Next Header;
hlim=Hop Limit; Hop-by-Hop Options.len=Hdr Ext Len; Destination Options.len=Hdr Ext Len;
Routing Header.len=Hdr Ext Len; Segment Routing Header.len=Hdr Ext Len;
Routing Header.type=Routing Type; Segment Routing Header.type=Routing Type;
segleft=Segments Left; lastentry=Last Entry; addresses=Address; offset=Fragment Offset;
m=More Fragments; otype=Option Type; optlen=Opt Data Len; optdata=Option Data;
jumboplen=Jumbo Payload Length; hoa=Home Address;
sport=Source Port; dport=Destination Port; seq=Sequence Number; ack=Acknowledgment Number;
dataofs=Data Offset; window=Window; urgptr=Urgent Pointer;
ICMP.id=Identifier; ICMPv6.id=Identifier; gw=Gateway Internet Address; ptr=Pointer;
nexthopmtu=Next-Hop MTU; ts_ori=Originate Timestamp; ts_rx=Receive Timestamp;
ts_tx=Transmit Timestamp; addr_mask=Address Mask;
tgt=Target Address; ICMPv6ND_Redirect.dst=Destination Address; R=Router Flag;
S=Solicited Flag; ICMPv6ND_NA.O=Override Flag; chlim=Cur Hop Limit; M=Managed Flag;
ICMPv6ND_RA.O=Other Configuration Flag; H=Home Agent Flag; prf=Router Preference; P=Proxy Flag;
routerlifetime=Router Lifetime; reachabletime=Reachable Time; retranstimer=Retrans Timer;
lladdr=Link-Layer Address; prefixlen=Prefix Length; L=On-Link Flag; A=Autonomous Flag;
validlifetime=Valid Lifetime; preferredlifetime=Preferred Lifetime; prefix=Prefix;
rtlifetime=Route Lifetime; lifetime=Lifetime; dns=DNS Server; searchlist=Domain Names;
ICMPv6NDOptRouteInfo.plen=Prefix Length; pkt=Quoted Packet
""")

# Fields of one bit or a few that scapy keeps in one number: names from the highest bit down,
# with what 1 means for a flag, or what each number means. RFC 9293 section 3.1, RFC 9768 (AE),
# RFC 791, RFC 2474 (DSCP), RFC 3168 (ECN).
Pieces = tuple[tuple[str, int, dict[int, str]], ...]
_ECN = {0: "not ECN-capable", 1: "ECT(1)", 2: "ECT(0)", 3: "congestion experienced"}
_DSCP = ("DSCP", 6, {0: "default: best effort", 46: "expedited forwarding", 48: "network control"})
PIECES: dict[str, Pieces] = {
    "IPv4.tos": (_DSCP, ("ECN", 2, _ECN)),
    "IPv6.tc": (_DSCP, ("ECN", 2, _ECN)),
    "IPv4.flags": (
        ("Reserved", 1, {1: "must be 0"}),
        ("DF", 1, {0: "may be fragmented", 1: "don't fragment"}),
        ("MF", 1, {0: "last fragment, or the only one", 1: "more fragments follow"}),
    ),
    "TCP.flags": (
        ("AE", 1, {1: "accurate ECN"}),
        ("CWR", 1, {1: "congestion window reduced"}),
        ("ECE", 1, {1: "ECN echo: a router signalled congestion; in a SYN: I can do ECN"}),
        ("URG", 1, {0: "urgent pointer not used", 1: "urgent pointer counts"}),
        ("ACK", 1, {0: "acknowledgment number not used", 1: "acknowledgment number counts"}),
        ("PSH", 1, {1: "push: hand the data to the program now"}),
        ("RST", 1, {1: "reset: the connection is over"}),
        ("SYN", 1, {1: "synchronize: a connection starts"}),
        ("FIN", 1, {1: "no more data from the sender"}),
    ),
}

# TCP options: kind -> its name and the fields of its value, with their bits; 0 stands for
# "all the rest". RFC 9293, 7323, 2018, 2385, 5482, 5925, 7413, 8684.
TCP_OPTIONS: dict[int, tuple[str, tuple[tuple[str, int], ...]]] = {
    0: ("End of Option List", ()),
    1: ("No-Operation", ()),
    2: ("MSS", (("Maximum Segment Size", 16),)),
    3: ("Window Scale", (("Shift Count", 8),)),
    4: ("SACK-Permitted", ()),
    5: ("SACK", ()),  # left and right edges, as many as there are
    8: ("Timestamps", (("TS Value", 32), ("TS Echo Reply", 32))),
    19: ("MD5 Signature", (("Digest", 128),)),
    28: ("User Timeout", (("Granularity", 1), ("User Timeout", 15))),
    29: ("TCP-AO", (("KeyID", 8), ("RNextKeyID", 8), ("MAC", 0))),
    30: ("MPTCP", (("Subtype", 4), ("Data", 0))),
    34: ("Fast Open", (("Cookie", 0),)),
}

PROTOCOLS = {
    **{0: "Hop-by-Hop Options", 1: "ICMP", 2: "IGMP", 4: "IPv4", 6: "TCP", 17: "UDP", 41: "IPv6"},
    **{43: "Routing Header", 44: "Fragment Header", 47: "GRE", 50: "ESP", 51: "AH", 58: "ICMPv6"},
    **{59: "nothing follows", 60: "Destination Options", 132: "SCTP"},
}
_ETHER_TYPES = {0x0800: "IPv4", 0x0806: "ARP", 0x8100: "802.1Q", 0x86DD: "IPv6"}

_CHECKSUMMED_WITH_ADDRESSES = {"TCP": 6, "UDP": 17, "ICMPv6": 58}
PARTIAL_SUM = (
    "loopback does not finish this checksum: the kernel leaves a partial sum, "
    "because the packet never touches a wire"
)
UNFINISHED_SUM = "a partial sum: the kernel leaves it to the network card to finish"


def family(cls: Any) -> str:
    """The usual name of the header that a scapy class stands for."""
    known = _FAMILIES.get(cls.__name__)
    return known or ("ICMPv6" if cls.__name__.startswith("ICMPv6") else str(cls.__name__))


def option(layer: Any) -> str:
    """The name of an option, from its scapy layer: "Router Alert"."""
    name = str(layer.name).removeprefix("IP Option ").split(" - ")[-1]
    return name.removeprefix("Scapy6 ").removesuffix(" Option")


def name(family: str, cls: str, field: str) -> str:
    """The RFC's name of a scapy field, given the header's name and its scapy class."""
    for key in (f"{cls}.{field}", f"{family}.{field}", field):
        if key in _NAMES:
            return _NAMES[key]
    return field.replace("_", " ").title()


def text(data: bytes) -> str:
    """Bytes for people: as text in quotes if they are ASCII text, else in hexadecimal."""
    if data and all(32 <= byte < 127 or byte in b"\r\n\t" for byte in data):
        return '"' + data.decode().encode("unicode_escape").decode() + '"'
    return data.hex(" ")


def value(field: Any, number: Any, bits: int) -> str:
    """A field's value for people: decimal, hexadecimal where that is the custom, or text."""
    if isinstance(number, bytes):
        return text(number)
    if isinstance(number, int) and type(field).__name__.startswith("X"):
        return f"0x{number:0{(bits + 3) // 4}x}"
    return str(number)


def _words(layer: Any, number: int) -> str:
    return f"{number} words = {4 * number} bytes"


def _times_8(layer: Any, number: int) -> str:
    return f"x 8 = byte {8 * number} of the datagram"


def _extension_length(layer: Any, number: int) -> str:
    return f"8 + {number} x 8 = {8 + 8 * number} bytes"


def _lifetime(layer: Any, number: int) -> str:
    return "for ever" if number == 0xFFFFFFFF else f"{number} seconds"


def _option_type(layer: Any, number: int) -> str:
    # RFC 8200, section 4.2: the two highest bits.
    drop = ("skip it", "drop the packet", "drop it and send an ICMP error")
    return f"who does not know it must {drop[min(number >> 6, 2)]}"


def _flow(layer: Any, number: int) -> str:
    return "keeps the packets of a flow on one path" if number else "not used"


def _sequence(layer: Any, number: int) -> str:
    if "flags" not in layer.fields:  # cut off, as in the eight bytes that an ICMP error quotes
        return ""
    return "initial sequence number, for the SYN" if layer.flags.S else "number of the first byte"


def _acknowledgment(layer: Any, number: int) -> str:
    if "flags" not in layer.fields:
        return ""
    return "the next byte expected" if layer.flags.A else "not used: ACK is 0"


def _window(layer: Any, number: int) -> str:
    if layer.flags.S:
        return "bytes the sender can take; never scaled in a SYN"
    return "what the sender can take; times the scale agreed in the SYNs"


_WELL_KNOWN_ADDRESSES = {
    "255.255.255.255": "broadcast: everyone on the link",
    "ff02::1": "every node on the link",
    "ff02::2": "every router on the link",
    "ff:ff:ff:ff:ff:ff": "broadcast: everyone on the link",
    "00:00:00:00:00:00": "all zero: no hardware address",
}


def _address(layer: Any, number: Any) -> str:
    if not isinstance(number, str) or number in _WELL_KNOWN_ADDRESSES:
        return _WELL_KNOWN_ADDRESSES.get(number, "")
    if number.startswith("ff02::1:ff"):
        return "solicited-node multicast"
    if [len(part) for part in number.split(":")] == 6 * [2]:  # Ethernet: the group bit
        return "multicast" if int(number[:2], 16) & 1 else ""
    address = ipaddress.ip_address(number)
    kinds = {"loopback": "this machine", "multicast": "multicast", "link_local": "link-local"}
    return next((says for kind, says in kinds.items() if getattr(address, f"is_{kind}")), "")


def _target(layer: Any, number: Any) -> str:
    asked = layer.op == 1 and number == "00:00:00:00:00:00"
    return "not known yet: this asks for it" if asked else _address(layer, number)


def _icmp(layer: Any, number: int) -> str:
    types = {3: "destination unreachable", 8: "echo request", 0: "echo reply"}
    return types.get(number) or layer.sprintf("%type%").replace("-", " ")


def _port(layer: Any, number: int) -> str:
    from scapy.data import TCP_SERVICES

    known = number < 1024 and number in TCP_SERVICES
    return f"well-known port: {TCP_SERVICES[number]}" if known else ""


def _protocol(layer: Any, number: int) -> str:
    return PROTOCOLS.get(number, "")


def _ether_type(layer: Any, number: int) -> str:
    return _ETHER_TYPES.get(number, "")


def _flag(text: str) -> Callable[[Any, Any], str]:
    return lambda layer, number: text if number else "not set"


def _always(text: str) -> Callable[[Any, Any], str]:
    return lambda layer, number: text


OPTION_LENGTH = "bytes, kind and length included"
_EXTENSIONS = (
    *("Hop-by-Hop Options", "Destination Options"),
    *("Routing Header", "Segment Routing Header"),
)

# What a value says; the keys as for the names.
_MEANINGS: dict[str, Callable[[Any, Any], str]] = {
    **dict.fromkeys(("src", "dst", "psrc", "pdst", "hwsrc", "gw", "tgt"), _address),
    "hwdst": _target,
    "hwtype": lambda layer, number: "Ethernet" if number == 1 else "",
    "op": lambda layer, number: {1: "request: who has it?", 2: "reply"}.get(number, ""),
    "ICMP.type": _icmp,
    **dict.fromkeys(("sport", "dport"), _port),
    **dict.fromkeys(("proto", "nh"), _protocol),
    **dict.fromkeys(("Ethernet.type", "802.1Q.type", "ptype"), _ether_type),
    **dict.fromkeys(("ihl", "dataofs"), _words),
    "IPv4.len": _always("bytes, header and data"),
    "UDP.len": _always("bytes, header and data"),
    "IPv6.plen": _always("bytes after this header"),
    "IPv4.id": _always("the same in all fragments of a datagram"),
    **dict.fromkeys(("frag", "Fragment Header.offset"), _times_8),
    **dict.fromkeys(("ttl", "hlim"), _always("each router takes 1 away; at 0 it is dropped")),
    "fl": _flow,
    "TCP.seq": _sequence,
    "TCP.ack": _acknowledgment,
    "window": _window,
    "urgptr": lambda layer, number: "" if layer.flags.U else "not used: URG is 0",
    "hwlen": _always("bytes"),
    "ARP.plen": _always("bytes"),
    "m": lambda layer, number: "more fragments follow" if number else "the last fragment",
    **{f"{extension}.len": _extension_length for extension in _EXTENSIONS},
    "Option.len": lambda layer, number: f"x 8 = {8 * number} bytes",
    "Option.length": _always(OPTION_LENGTH),
    "otype": _option_type,
    **dict.fromkeys(("validlifetime", "preferredlifetime", "lifetime"), _lifetime),
    "optlen": _always("bytes that follow"),
    "ICMPv6ND_NA.R": _flag("the sender is a router"),
    "ICMPv6ND_NA.S": _flag("answers a solicitation"),
    "ICMPv6ND_NA.O": _flag("replace the address known so far"),
    "ICMPv6ND_RA.M": _flag("addresses by DHCPv6"),
    "ICMPv6ND_RA.O": _flag("other settings by DHCPv6"),
    "ICMPv6NDOptPrefixInfo.L": _flag("this prefix is on the link"),
    "ICMPv6NDOptPrefixInfo.A": _flag("hosts may make addresses from it"),
    "routerlifetime": _always("seconds"),
    "nexthopmtu": lambda layer, number: "bytes" if number else "not used",
    "mtu": _always("bytes"),
    **dict.fromkeys(
        ("reachabletime", "retranstimer"),
        lambda layer, number: "milliseconds" if number else "not specified",
    ),
}


TCP_OPTION_SAYS = {
    0: "no more options",
    1: "a byte of filling between options",
    4: "the sender understands SACK",
}
# What a number in the value of a TCP option says.
TCP_OPTION_VALUES: dict[str, Callable[[int], str]] = {
    "Maximum Segment Size": lambda number: "bytes of data in one segment, at most",
    "Shift Count": lambda number: f"x {1 << min(number, 14)} (shift {number})",
    "TS Value": lambda number: "the sender's clock",
    "TS Echo Reply": lambda number: "the other side's clock, echoed" if number else "none yet",
    "Left Edge": lambda number: "first byte of a block that arrived",
    "Right Edge": lambda number: "the byte after that block",
    "Granularity": lambda number: "minutes" if number else "seconds",
    "User Timeout": lambda number: "how long data may stay unacknowledged",
    "KeyID": lambda number: "the key this segment is signed with",
    "RNextKeyID": lambda number: "the key wanted next",
    "Subtype": lambda number: "",
}


def meaning(family: str, field: Any, layer: Any, number: Any) -> str:
    """What a field's value says, in plain English, or an empty string.

    `layer` is the scapy layer, with all its fields filled in.
    """
    keys = (f"{type(layer).__name__}.{field.name}", f"{family}.{field.name}", field.name)
    for key in keys:
        if key in _MEANINGS:
            return _MEANINGS[key](layer, number)
    if hasattr(field, "i2s") or hasattr(field, "i2s_multi"):
        said = field.i2repr(layer, number)
        return said.replace("-", " ") if isinstance(said, str) and said != repr(number) else ""
    return ""


def _has_home_address(layer: Any) -> bool:
    """Whether a Home Address option stands for the source address (RFC 6275)."""
    while layer is not None:
        options = layer.fields.get("options", ())
        if any(type(option).__name__ == "HAO" for option in options):
            return True
        layer = layer.underlayer
    return False


def checksum(family: str, layer: Any, message: bytes, at: int, whole: bool) -> str:
    """Whether the checksum in the bytes `at` and `at + 1` of `message` is right.

    RFC 1071: the ones' complement sum over the message, and for TCP, UDP and ICMPv6 over
    a pseudo-header with the addresses too (RFC 9293 section 3.1, RFC 8200 section 8.1).
    `whole` says whether the message is complete.
    """
    from scapy.layers.inet import IP, in4_pseudoheader
    from scapy.layers.inet6 import in6_pseudoheader
    from scapy.utils import checksum as internet_checksum

    found, pseudo_header = int.from_bytes(message[at : at + 2], "big"), b""
    protocol = _CHECKSUMMED_WITH_ADDRESSES.get(family)
    if family == "UDP" and found == 0:
        return "0: the sender made none"
    if not whole and family != "IPv4":
        return "not checked: the data it was made for are not all here"
    if protocol:
        below = layer.underlayer
        if _has_home_address(below):
            return "not checked: it was made for the home address"
        make = in4_pseudoheader if isinstance(below, IP) else in6_pseudoheader
        pseudo_header = bytes(make(protocol, below, len(message)) or b"")
    if not pseudo_header and family not in ("IPv4", "ICMP"):
        return ""
    blank = message[:at] + bytes(2) + message[at + 2 :]
    right = internet_checksum(pseudo_header + blank) or (0xFFFF if family == "UDP" else 0)
    if found == right:
        return "correct"
    if pseudo_header and found == 0xFFFF - internet_checksum(pseudo_header):
        source = str(getattr(layer.underlayer, "src", ""))
        return PARTIAL_SUM if source == "::1" or source.startswith("127.") else UNFINISHED_SUM
    return f"wrong, should be 0x{right:04x}"
