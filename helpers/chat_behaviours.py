"""The behaviours of a chat service: the tests that judge the notebook's and the learner's.

Each is a coroutine function of a `Trial`, and raises `Unmet`. No time is measured: what should
come at once is waited for patiently, and what should not come is looked for behind a PING.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import replace

from .chat_trials import Behaviour, Limits, Peer, Trial, Unmet, framed
from .machine import this_machine

USUAL = Limits()
HASTY = replace(USUAL, patience=0.25)
MANY = 40  # members of one room
DRIPS = 15  # bytes, five of them in the time that a message may take
FLOOD = 1_000  # messages of one member, without a pause
ROOMY = 400  # a queue that, when it is full, is more than all buffers hold
POURED = 800  # messages while one does not read: more than all buffers and the queue hold


async def a_message_reaches_everyone_in_the_room_and_nobody_else(trial: Trial) -> None:
    ann, bob = await trial.join("tea", "ann"), await trial.join("tea", "bob")
    eve = await trial.join("coffee", "eve")
    await ann.send("SAY naïve 🐍 hello")
    said = trial.event("tea", "SAID", "ann naïve 🐍 hello")
    await ann.expect(said)
    await bob.expect(said)
    await eve.is_well()


async def messages_arrive_whole_however_they_are_cut(trial: Trial) -> None:
    ann = await trial.join("tea", "ann")
    for byte in framed("SAY né"):
        await ann.send(bytes([byte]))
        await asyncio.sleep(0.001)  # so that TCP does not join them
    await ann.expect(trial.event("tea", "SAID", "ann né"))
    await ann.send(framed("SAY one") + framed("SAY two") + framed("PING 3")[:4])
    await ann.expect(trial.event("tea", "SAID", "ann one"))
    await ann.expect(trial.event("tea", "SAID", "ann two"))
    await ann.send(framed("PING 3")[4:])
    await ann.expect("PONG 3")


async def all_members_hear_the_same_order_without_a_gap(trial: Trial) -> None:
    peers: list[Peer] = []
    for number in range(MANY):
        peer = await trial.connect(f"m{number}")
        peers.append(peer)
        await peer.send(f"JOIN tea m{number}")
        await peer.collect("JOINED", 1)
    for number, peer in enumerate(peers):
        await peer.send(f"SAY {number}")
    heard = await asyncio.gather(*(peer.collect("SAID", MANY) for peer in peers))
    numbers = [int(text.split(" ")[1]) for text in heard[0]]
    wanted = list(range(MANY + 1, 2 * MANY + 1))
    if numbers != wanted:
        problem = f"the numbers of {MANY} messages, after {MANY} JOINED, should go up by one"
        raise Unmet(problem, wanted, numbers)
    for peer, texts in zip(peers, heard, strict=True):
        if texts != heard[0]:
            raise Unmet(f"{peer.name} heard another order than m0", heard[0], texts)


async def a_nick_is_taken_once_and_free_again_after_its_owner_left(trial: Trial) -> None:
    ann, bob = await trial.join("tea", "ann"), await trial.join("tea", "bob")
    second = await trial.connect("a second ann")
    await second.send("JOIN tea ann")
    await second.expect_end("nick taken")
    await ann.is_well()
    await bob.is_well()
    await ann.send("LEAVE")
    await ann.expect_end("left")
    trial.present["tea"].remove(ann)
    await bob.expect(trial.event("tea", "LEFT", "ann"))
    await trial.join("tea", "ann")


async def a_room_is_forgotten_with_its_last_member(trial: Trial) -> None:
    ann = await trial.join("tea", "ann")
    await ann.send("LEAVE")
    await ann.expect_end("left")
    again = await trial.connect("ann again")
    await again.send("JOIN tea ann")
    await again.expect("JOINED 1 ann")


async def what_is_too_long_is_refused_at_its_length(trial: Trial) -> None:
    ann = await trial.join("tea", "ann")
    full = "SAY " + "x" * (trial.limits.message - 4)
    await ann.send(full)
    await ann.expect(trial.event("tea", "SAID", f"ann {full[4:]}"))
    for size in (trial.limits.message + 1, 65_535):
        long = await trial.connect("a long one")
        await long.send(struct.pack("!H", size))  # and nothing behind it
        await long.expect_end("too long")
    await ann.is_well()


async def garbage_ends_that_connection_only(trial: Trial) -> None:
    ann = await trial.join("tea", "ann")
    cases = [
        (framed("HELLO"), "not understood"),
        (framed("SAY hi"), "not understood"),  # nobody has joined
        (framed("JOIN tea"), "not understood"),
        (framed("JOIN tea " + "x" * 21), "not understood"),
        (framed("JOIN tea b-b"), "not understood"),
        (b"\0\0", "not understood"),
        (b"\0\2\xff\xfe", "not UTF-8"),
        (b"GET / HTTP/1.1\r\n\r\n", "too long"),
    ]
    for data, reason in cases:
        rude = await trial.connect("a stranger")
        await rude.send(data)
        await rude.expect_end(reason)
        await ann.is_well()
    bob = await trial.join("tea", "bob")
    await bob.send(b"\0\2\xc3\x28")
    await bob.expect_end("not UTF-8")
    await ann.expect(trial.event("tea", "LEFT", "bob"))


async def a_reset_or_half_a_message_ends_that_connection_only(trial: Trial) -> None:
    ann, bob = await trial.join("tea", "ann"), await trial.join("tea", "bob")
    bob.reset()
    trial.present["tea"].remove(bob)
    await ann.expect(trial.event("tea", "LEFT", "bob"))
    carl = await trial.join("tea", "carl")
    await carl.send(framed("SAY hello")[:5])
    carl.close()
    await ann.expect(trial.event("tea", "LEFT", "carl"))
    await ann.is_well()


async def half_a_message_then_silence_is_ended_by_the_deadline(trial: Trial) -> None:
    ann = await trial.join("tea", "ann")
    mute = await trial.connect("one who never joins")
    half = await trial.join("tea", "half")
    await half.send(framed("SAY hello")[:5])
    await half.expect_end("too late")
    await ann.expect(trial.event("tea", "LEFT", "half"))
    await mute.expect_end("silent")
    await ann.is_well()


async def one_byte_at_a_time_is_ended_by_the_deadline_too(trial: Trial) -> None:
    ann, drip = await trial.join("tea", "ann"), await trial.join("tea", "drip")
    trial.present["tea"].remove(drip)
    hearing = asyncio.ensure_future(drip.collect("BYE", 1))
    for byte in framed("SAY " + "x" * 100)[:DRIPS]:
        await drip.send(bytes([byte]))
        done, _ = await asyncio.wait([hearing], timeout=trial.limits.patience / 5)
        if done:
            break
    if not hearing.done() or hearing.exception():
        hearing.cancel()
        problem = f"drip sent a byte each {trial.limits.patience / 5:g} s, and was not ended; "
        problem += f"the rest of a message may take {trial.limits.patience:g} s in all"
        raise Unmet(problem, framed("BYE too late"), b"")
    if hearing.result() != ["BYE too late"]:
        raise Unmet("drip heard another reason", framed("BYE too late"), framed(*hearing.result()))
    await ann.expect(trial.event("tea", "LEFT", "drip"))


async def who_is_silent_is_ended_and_who_pings_stays(trial: Trial) -> None:
    ann, bob = await trial.join("tea", "ann"), await trial.join("tea", "bob")
    hearing = asyncio.ensure_future(bob.hear())
    while not hearing.done():
        await ann.is_well()
        await asyncio.wait([hearing], timeout=trial.limits.silence / 5)
    if (heard := hearing.result()) != "BYE silent":
        raise Unmet("bob, who was silent, should be told", framed("BYE silent"), framed(str(heard)))
    await ann.expect(trial.event("tea", "LEFT", "bob"))
    await ann.is_well()


async def one_slow_member_delays_nobody(trial: Trial) -> None:
    ann, bob = await trial.join("tea", "ann"), await trial.join("tea", "bob")
    slow = await trial.join("tea", "slow", reads=False)
    text = "x" * 400
    for _ in range(POURED):
        await ann.send(f"SAY {text}")
        for peer in (ann, bob):
            while not (heard := await peer.hear() or "").startswith("SAID "):
                if not heard.startswith("LEFT "):
                    raise Unmet(f"{peer.name} should have received SAID", b"SAID", heard.encode())
    await slow.begin_to_read()
    received = 0
    try:
        async with asyncio.timeout(PATIENT_READING):
            while (heard := await slow.hear() or "").startswith(("SAID", "JOINED")):
                received += heard.startswith("SAID")
    except TimeoutError:  # it is still connected: older messages were dropped
        pass
    if received >= POURED:
        problem = f"slow read nothing for {POURED} messages, and then got them all"
        raise Unmet(f"{problem}: its queue has no bound of {trial.limits.queue}")


PATIENT_READING = 0.5  # seconds for what is on its way to one who reads at last


async def a_flood_arrives_whole_and_in_order_at_who_reads(trial: Trial) -> None:
    ann, bob = await trial.join("tea", "ann"), await trial.join("tea", "bob")
    data = b"".join(framed(f"SAY {number}") for number in range(FLOOD))
    sending = asyncio.ensure_future(ann.send(data))
    for texts in await asyncio.gather(ann.collect("SAID", FLOOD), bob.collect("SAID", FLOOD)):
        said = [text.split(" ")[3] for text in texts]
        wrong = next((n for n, text in enumerate(said) if text != str(n)), None)
        if wrong is not None:
            raise Unmet("the flood came in another order", str(wrong), said[wrong])
    await sending


async def ipv4_and_ipv6_members_meet(trial: Trial) -> None:
    ann, bob = await trial.join("tea", "ann"), await trial.join("tea", "bob", host="::1")
    await bob.send("SAY hello")
    said = trial.event("tea", "SAID", "bob hello")
    await ann.expect(said)
    await bob.expect(said)


async def shutdown_says_goodbye_and_loses_no_message(trial: Trial) -> None:
    ann = await trial.join("tea", "ann")
    late = await trial.join("tea", "late", reads=False)
    count, text = trial.limits.queue - 10, "x" * 450
    for _ in range(count):
        await ann.send(f"SAY {text}")
        await ann.collect("SAID", 1)
    trial.tell("close() is called")
    closing = asyncio.ensure_future(trial.service.close())
    await late.begin_to_read()
    if (got := len(await late.collect("SAID", count))) != count:
        raise Unmet("late should have received all that had been said", count, got)
    await late.expect_end("shutdown")
    await ann.expect_end("shutdown")
    await asyncio.wait([closing], timeout=PATIENT_READING)
    if not closing.done():
        raise Unmet("all members have gone, and close() did not return")
    closing.result()


async def shutdown_does_not_wait_for_ever_for_who_does_not_read(trial: Trial) -> None:
    ann = await trial.join("tea", "ann")
    await trial.join("tea", "deaf", reads=False)
    for _ in range(trial.limits.queue - 10):
        await ann.send("SAY " + "x" * 450)
        await ann.collect("SAID", 1)
    trial.tell("close() is called")
    closing = asyncio.ensure_future(trial.service.close())
    await ann.expect_end("shutdown")
    await asyncio.wait([closing], timeout=3 + trial.limits.patience)
    if not closing.done():
        raise Unmet("close() waits for ever for a member who does not read")
    closing.result()


def plan() -> list[tuple[Behaviour, Limits, list[str]]]:
    """All behaviours that can be tried here, each with its limits and where to listen."""
    here = ["127.0.0.1"]
    both = [*here, "::1"] if this_machine().ipv6_loopback.here else []
    found: list[tuple[Behaviour, Limits, list[str]]] = [
        (a_message_reaches_everyone_in_the_room_and_nobody_else, USUAL, here),
        (messages_arrive_whole_however_they_are_cut, USUAL, here),
        (all_members_hear_the_same_order_without_a_gap, replace(USUAL, queue=10 * MANY), here),
        (a_nick_is_taken_once_and_free_again_after_its_owner_left, USUAL, here),
        (a_room_is_forgotten_with_its_last_member, USUAL, here),
        (what_is_too_long_is_refused_at_its_length, USUAL, here),
        (garbage_ends_that_connection_only, USUAL, here),
        (a_reset_or_half_a_message_ends_that_connection_only, USUAL, here),
        (half_a_message_then_silence_is_ended_by_the_deadline, HASTY, here),
        (one_byte_at_a_time_is_ended_by_the_deadline_too, HASTY, here),
        (who_is_silent_is_ended_and_who_pings_stays, replace(USUAL, silence=0.5), here),
        (one_slow_member_delays_nobody, USUAL, here),
        (a_flood_arrives_whole_and_in_order_at_who_reads, USUAL, here),
        (ipv4_and_ipv6_members_meet, USUAL, both),
        (shutdown_says_goodbye_and_loses_no_message, replace(USUAL, queue=ROOMY), here),
        (shutdown_does_not_wait_for_ever_for_who_does_not_read, replace(HASTY, queue=ROOMY), here),
    ]
    return [each for each in found if each[2]]
