"""Two threads, one counter: look, then change, and somebody else in between."""

from __future__ import annotations

import threading
import time
from typing import Any

from ..findings import Failed, Finding, call
from . import Exercise

LOOK_SECONDS = 0.005  # looking takes so long that others come in between, each time


class Shop:
    """The seats of one show, as a database far away would keep them."""

    def __init__(self, seats: int) -> None:
        self.seats = seats
        self.writes: list[int] = []

    def left(self) -> int:
        seats = self.seats
        time.sleep(LOOK_SECONDS)
        return seats

    def set_left(self, seats: int) -> None:
        self.seats = seats
        self.writes.append(seats)


def examine(maker: Any, seats: int, buyers: int) -> Finding | None:
    shop = Shop(seats)
    seller = call(maker, shop, shown=f"Seller(shop with {seats} seats)")
    shown = f"Seller(shop with {seats} seats).sell(), by {buyers} threads at once"
    sold: list[object] = []
    failed: list[BaseException] = []
    gate = threading.Barrier(buyers)

    def buy() -> None:
        gate.wait()
        try:
            sold.append(seller.sell())
        except Exception as error:
            failed.append(error)

    def all_buy() -> None:
        threads = [threading.Thread(target=buy, daemon=True) for _ in range(buyers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]

    try:
        call(all_buy, shown=shown)
    except Failed as error:
        if not error.stopped:
            raise
        return Finding(
            f"{buyers - len(sold)} of {buyers} buyers wait for ever. Whoever takes the lock must "
            "let it go on every way out, also where nothing is left: `with lock:` does.",
            shown,
            expected=f"{buyers} answers",
            got=f"{len(sold)} answers",
        )
    return judge(shop, seats, buyers, sold, shown)


def judge(shop: Shop, seats: int, buyers: int, sold: list[object], shown: str) -> Finding | None:
    odd = [answer for answer in sold if answer is not True and answer is not False]
    if odd:
        return Finding(
            "sell returns True if a seat was sold, and False if none was left.",
            shown,
            expected=True,
            got=odd[0],
        )
    expected, got = min(seats, buyers), sum(answer is True for answer in sold)
    if got > expected:
        again = [number for number in set(shop.writes) if shop.writes.count(number) > 1]
        return Finding(
            f"Seats were sold twice. {buyers} buyers asked at once, and more than one of them "
            f"read the same number of seats left"
            + (f" ({again[0] + 1}), and wrote {again[0]}" if again else "")
            + ". From the look to the change, all others must stay out; one lock must be the "
            "same for all buyers.",
            shown,
            expected=f"{expected} sold",
            got=f"{got} sold",
        )
    if got < expected:
        return Finding(
            "Too few seats were sold.", shown, expected=f"{expected} sold", got=f"{got} sold"
        )
    if shop.seats != seats - expected:
        return Finding(
            "The number that the shop keeps is wrong in the end: set_left was not called, or "
            "with another number.",
            shown,
            expected=f"{seats - expected} left",
            got=f"{shop.seats} left",
        )
    return None


def check(maker: Any) -> Finding | None:
    return (
        examine(maker, 1, 1)
        or examine(maker, 0, 2)
        or examine(maker, 5, 2)
        or examine(maker, 3, 6)
        or examine(maker, 20, 12)
    )


EXERCISE = Exercise(
    key="08-race",
    name="Seller",
    statement="""\
A server sells seats; each client has a thread, and all threads share one `shop`. `shop.left()`
tells how many seats are left, `shop.set_left(number)` changes that. With this method, some
seats are sold twice:

    def sell(self):
        if self.shop.left() == 0:
            return False
        self.shop.set_left(self.shop.left() - 1)
        return True

Where can another thread come in between? Write the class `Seller` so that `sell`, called by
any number of threads at once, sells each seat once.
""",
    starter='''\
class Seller:
    def __init__(self, shop):
        self.shop = shop

    def sell(self):
        """Sell one seat. True if there was one left, else False."""
        ...  # your code
''',
    check=check,
    hints=(
        "Two threads may both read 5, and both write 4. Which lines must no other thread come "
        "between?",
        "`threading.Lock()` is held by one thread at a time: `with lock:`. All who share the "
        "shop must use the same one, so where is it made?",
        "Look and change must both be inside the `with`, and `return` inside a `with` is fine: "
        "it lets go.",
    ),
    solution="""\
import threading

class Seller:
    def __init__(self, shop):
        self.shop = shop
        self.one_at_a_time = threading.Lock()

    def sell(self):
        with self.one_at_a_time:
            left = self.shop.left()
            if left == 0:
                return False
            self.shop.set_left(left - 1)
            return True
""",
    wrong={
        "no lock": """\
class Seller:
    def __init__(self, shop):
        self.shop = shop
    def sell(self):
        left = self.shop.left()
        if left == 0:
            return False
        self.shop.set_left(left - 1)
        return True
""",
        "a new lock for each buyer": """\
import threading
class Seller:
    def __init__(self, shop):
        self.shop = shop
    def sell(self):
        with threading.Lock():
            left = self.shop.left()
            if left == 0:
                return False
            self.shop.set_left(left - 1)
            return True
""",
        "looks before it locks": """\
import threading
class Seller:
    def __init__(self, shop):
        self.shop = shop
        self.lock = threading.Lock()
    def sell(self):
        left = self.shop.left()
        if left == 0:
            return False
        with self.lock:
            self.shop.set_left(left - 1)
        return True
""",
        "keeps the lock when nothing is left": """\
import threading
class Seller:
    def __init__(self, shop):
        self.shop = shop
        self.lock = threading.Lock()
    def sell(self):
        self.lock.acquire()
        left = self.shop.left()
        if left == 0:
            return False
        self.shop.set_left(left - 1)
        self.lock.release()
        return True
""",
        "returns what is left": """\
import threading
class Seller:
    def __init__(self, shop):
        self.shop = shop
        self.lock = threading.Lock()
    def sell(self):
        with self.lock:
            self.shop.set_left(self.shop.left() - 1)
            return self.shop.seats
""",
    },
)
