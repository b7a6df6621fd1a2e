"""Whose datagrams are looked at, and how many of them: known before anything is decoded, in a few microseconds."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

BURST_SECONDS = 10.0
"""When the mains fail everybody cries at once: what was not used for so long may come together. [s]"""
SHARE = 5
"""In the long run one source gets this part of the rate: its storm shuts out nobody."""
MOST_SOURCES = 4_096
"""Addresses remembered; when somebody invents more of them it begins anew."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float

    def take(self, now: float, rate: float) -> bool:
        """Whether there is one more at `now`, for `rate` a second."""
        self.tokens = min(rate * BURST_SECONDS, self.tokens + (now - self.at) * rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Gate:
    """Lets pass `rate` datagrams a second in all, of the sources it is told."""

    def __init__(self, rate: float) -> None:
        self._rate, self._share = rate, max(rate / SHARE, 1 / BURST_SECONDS)
        self._all = _Bucket(rate * BURST_SECONDS, 0.0)
        self._buckets: dict[str, _Bucket] = {}
        self._strangers: set[str] = set()
        self._addresses: frozenset[str] = frozenset()
        self._networks: list[IPv4Network | IPv6Network] = []

    def allow(self, sources: Iterable[str]) -> None:
        """These addresses and networks, and no others. Raises `ValueError` for what is neither."""
        networks = [ip_network(source, strict=False) for source in sources]
        self._addresses = frozenset(str(one.network_address) for one in networks if one.num_addresses == 1)
        self._networks = [one for one in networks if one.num_addresses > 1]
        self._strangers.clear()
        self._buckets = {source: bucket for source, bucket in self._buckets.items() if self._allowed(source)}

    def judge(self, source: str, now: float) -> str:
        """Why a datagram of `source` (as `plain` writes it) does not pass: "source" or "rate"; "" when it does."""
        if source in self._strangers:
            return "source"
        bucket = self._buckets.get(source)
        if bucket is None:
            if not self._allowed(source):
                _room_for_one(self._strangers)
                self._strangers.add(source)
                return "source"
            _room_for_one(self._buckets)
            bucket = self._buckets[source] = _Bucket(self._share * BURST_SECONDS, now)
        return "" if bucket.take(now, self._share) and self._all.take(now, self._rate) else "rate"

    def _allowed(self, source: str) -> bool:
        return source in self._addresses or any(ip_address(source) in one for one in self._networks)


def plain(address: str) -> str:
    """An address as the socket tells it, in one way: without the name of an interface, IPv4 never as IPv6."""
    address = address.partition("%")[0]
    return address.removeprefix("::ffff:") if "." in address else address


def _room_for_one(held: dict[str, _Bucket] | set[str]) -> None:
    if len(held) >= MOST_SOURCES:
        held.clear()
