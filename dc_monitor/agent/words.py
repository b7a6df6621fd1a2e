"""Numbers as an operator reads them in a log line."""

from itertools import pairwise

_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_SIZES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def duration(seconds: float) -> str:
    """`0.3 s`, `42 s`, `3 h 12 min`: the two largest parts."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    rest = round(seconds)
    for (large, word), (small, below) in pairwise(_STEPS):
        if rest >= large:
            count, left = divmod(rest, large)
            return f"{count} {word} {left // small} {below}" if left >= small else f"{count} {word}"
    return f"{rest} s"


def size(count: float) -> str:
    """`214 MiB`, `1 GiB`, `512 B`."""
    for scale, word in _SIZES:
        if count >= scale:
            return f"{count / scale:.3g} {word}"
    return f"{count:.0f} B"


def counted(count: int, word: str) -> str:
    """`1 poll`, `1,234 polls`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"
