"""Times, rates and sizes as people write them: three digits and a unit.

>>> format_time(14.8e-6), format_rate(29.4e9), format_size(65536)
('14.8 µs', '29.4 Gbit/s', '64 KiB')
"""

from __future__ import annotations


def format_time(seconds: float) -> str:
    """A time with its unit, three digits: "14.8 µs", "1.2 ms", "90 s"."""
    return _with_prefix(seconds, "s", ((1, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n")))


def format_rate(bits_per_second: float) -> str:
    """A rate with its unit, three digits: "29.4 Gbit/s", "312 kbit/s"."""
    prefixes = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))
    return _with_prefix(bits_per_second, "bit/s", prefixes)


def format_size(size: float) -> str:
    """A number of bytes in powers of 1024, three digits: "16 B", "64 KiB", "1 MiB"."""
    return _with_prefix(size, "B", ((1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki"), (1, "")))


def _with_prefix(value: float, unit: str, prefixes: tuple[tuple[float, str], ...]) -> str:
    # 0.9995: what would round to 1000 of a unit is 1 of the next.
    fitting = [pair for pair in prefixes if value >= 0.9995 * pair[0]]
    factor, prefix = fitting[0] if fitting else prefixes[-1]
    number = value / factor
    return f"{number:,.0f} {prefix}{unit}" if number >= 100 else f"{number:.3g} {prefix}{unit}"
