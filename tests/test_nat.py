"""The NAT: who gets which port, what is rewritten, and what is dropped. No I/O."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP

from helpers.exercises import exercise
from helpers.nat import Nat, NatTable

ANA, BEN = ("UDP", "10.0.0.1", 5000), ("UDP", "10.0.0.2", 5000)
PUBLIC = "203.0.113.1"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def table(clock: Clock) -> NatTable:
    return NatTable(ports=(40000, 40001), timeout=10, clock=clock)


def test_each_inside_end_has_a_port_of_its_own_and_keeps_it() -> None:
    known = table(Clock())
    assert [known.outward(end) for end in (ANA, BEN, ANA)] == [40000, 40001, 40000]
    assert known.inward(40001) == BEN
    assert known.entries == {40000: ANA, 40001: BEN}
    assert known.outward(("UDP", "10.0.0.3", 5000)) is None
    assert known.inward(40002) is None


def test_a_mapping_ends_after_the_last_packet_outward() -> None:
    clock = Clock()
    known = table(clock)
    known.outward(ANA)
    clock.now = 6
    known.outward(ANA)
    clock.now = 15.9
    assert known.inward(40000) == ANA  # and this does not make it live longer
    clock.now = 16
    assert known.inward(40000) is None
    assert known.outward(BEN) == 40000


def through(nat: Nat, packet: Any, interface: str) -> Any:
    sent = nat(bytes(packet), interface)
    assert len(sent) <= 1
    return IP(sent[0]) if sent else None


def nat() -> Nat:
    return Nat(PUBLIC, outside="eth2", table=table(Clock()))


def test_there_and_back() -> None:
    box = nat()
    out = through(box, IP(src="10.0.0.1", dst="10.0.2.4") / UDP(sport=5000, dport=53), "eth0")
    assert (out.src, out.sport, out.dst, out.dport) == (PUBLIC, 40000, "10.0.2.4", 53)
    back = through(box, IP(src="10.0.2.4", dst=PUBLIC) / UDP(sport=53, dport=40000), "eth2")
    assert (back.dst, back.dport, back.src, back.sport) == ("10.0.0.1", 5000, "10.0.2.4", 53)


def test_nobody_gets_in_uninvited() -> None:
    box = nat()
    outside = {"src": "10.0.2.4"}
    assert through(box, IP(dst=PUBLIC, **outside) / TCP(dport=40000), "eth2") is None
    assert through(box, IP(dst="10.0.0.1", **outside) / TCP(dport=80), "eth2") is None
    box(bytes(IP(src="10.0.0.1", dst="10.0.2.4") / UDP(sport=5000, dport=53)), "eth0")
    # The port belongs to a mapping of UDP.
    assert through(box, IP(dst=PUBLIC, **outside) / TCP(dport=40000), "eth2") is None
    # Endpoint-independent filtering: another host outside may use the mapping.
    assert through(box, IP(dst=PUBLIC, src="10.0.9.9") / UDP(dport=40000), "eth2") is not None


def test_a_port_forward_works_in_both_directions() -> None:
    box = Nat(PUBLIC, "eth2", table(Clock()), forwards={80: ("10.0.0.1", 8080)})
    called = through(box, IP(src="10.0.2.4", dst=PUBLIC) / TCP(sport=7, dport=80), "eth2")
    assert (called.dst, called.dport) == ("10.0.0.1", 8080)
    answer = through(box, IP(src="10.0.0.1", dst="10.0.2.4") / TCP(sport=8080, dport=7), "eth0")
    assert (answer.src, answer.sport) == (PUBLIC, 80)


def test_what_has_no_ports_and_what_finds_no_port_is_dropped() -> None:
    box = nat()
    assert box(bytes(IP(src="10.0.0.1") / ICMP()), "eth0") == []
    assert box(b"garbage", "eth0") == []
    packets = [IP(src=f"10.0.0.{n}", dst="10.0.2.4") / UDP(sport=5000, dport=53) for n in (1, 2, 3)]
    assert [len(box(bytes(packet), "eth0")) for packet in packets] == [1, 1, 0]


def test_the_table_of_the_exercise_fits() -> None:
    namespace: dict[str, Any] = {}
    exec(exercise("14-nat").solution, namespace)
    box = Nat(PUBLIC, "eth2", namespace["Table"](range(40000, 40010), 120, Clock()))
    out = through(box, IP(src="10.0.0.1", dst="10.0.2.4") / UDP(sport=5000, dport=53), "eth0")
    assert (out.src, out.sport) == (PUBLIC, 40000)
    back = through(box, IP(src="10.0.2.4", dst=PUBLIC) / UDP(sport=53, dport=40000), "eth2")
    assert (back.dst, back.dport) == ("10.0.0.1", 5000)
