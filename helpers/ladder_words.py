"""What a ladder says in words: on its arrows, in its description and in its caption."""

from __future__ import annotations

from collections.abc import Sequence

from .drawing import count
from .packets import Packet
from .segments import Conversation, Segment, Step


def above(step: Step) -> str:
    """'PSH, ACK · seq 1, 5 bytes · ack 6'."""
    segment = step.segment
    if segment.protocol == "TCP":
        parts = [segment.flag_words]
        if segment.length:
            parts.append(f"seq {step.seq}, {count(segment.length, 'byte')}")
        elif segment.flags & {"SYN", "FIN", "RST"} or "probe" in step.notes:
            parts.append(f"seq {step.seq}")
        if step.ack is not None:
            parts.append(f"ack {step.ack}")
        return " · ".join(parts)
    if segment.protocol == "ARP":
        question = {1: f"who has {segment.destination[0]}?", 2: f"{segment.source[0]} is here"}
        return f"ARP: {question.get(segment.number[0], 'another operation')}"
    if segment.protocol.startswith("ICMP"):
        return f"{segment.protocol} {_icmp_words(segment)}"
    return f"{segment.protocol} · {count(segment.length, 'byte')}"


def _icmp_words(segment: Segment) -> str:
    kind, code = segment.number
    if segment.protocol == "ICMP":
        from scapy.layers.inet import icmpcodes, icmptypes
    else:
        from scapy.layers.inet6 import icmp6types as icmptypes

        icmpcodes = {1: {0: "no route", 1: "prohibited", 3: "address", 4: "port"}}
    words = [icmptypes.get(kind, f"type {kind}"), icmpcodes.get(kind, {}).get(code, "")]
    return ", ".join(word for word in words if word)


def below(step: Step, most: int = 40) -> str:
    """Notes, and how the payload begins, in at most so many bytes: "retransmission · b'hello'"."""
    segment = step.segment
    text_carried = segment.protocol in ("TCP", "UDP") and segment.payload
    start = segment.payload[:most] if text_carried else b""
    shown = repr(start) + ("…" if segment.length > len(start) else "") if start else ""
    return " · ".join([*step.notes, *([shown] if shown else [])])


def endpoint(end: tuple[str, int]) -> str:
    address, port = end
    if not port:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def alt_text(conversation: Conversation, all_steps: Sequence[Step], left: str, right: str) -> str:
    told = [f"{left if s.from_left else right}: {above(s)}" for s in all_steps[:12]]
    more = f"; and {len(all_steps) - 12} more" if len(all_steps) > 12 else ""
    return (
        f"Ladder of {count(len(all_steps), 'packet')} between {left} "
        f"{endpoint(conversation.left)} and {right} {endpoint(conversation.right)}. "
        f"{'; '.join(told)}{more}."
    )


def caption_text(
    packets: Sequence[Packet], all_steps: Sequence[Step], *, slanted: bool, others: int
) -> str:
    sentences = []
    made = sum("reconstructed" in step.notes for step in all_steps)
    if made:
        sentences.append(
            f"Dashed: {count(made, 'packet')} reconstructed. Not seen, but TCP must have sent "
            "them; when is not known."
        )
    sentences.append(
        "All arrows slant alike: the delay of single packets is not known."
        if slanted
        else "Each arrow ends when its packet arrived. Heights follow the order of events."
    )
    if others:
        were = "is" if others == 1 else "are"
        sentences.append(f"{count(others, 'other conversation')} {were} not drawn.")
    note = getattr(packets, "note", "")
    return " ".join([*sentences, *([note] if note else [])])
