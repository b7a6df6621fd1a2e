"""Values a person writes with a unit or in several forms: durations, sizes, moments, addresses and networks."""

import datetime as dt
import ipaddress
import re
from zoneinfo import ZoneInfo

from dc_monitor.clock import NANOSECONDS

_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_SECONDS = {"": 1, "s": 1, "sec": 1, "min": 60, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


class Duration(float):
    """Seconds; written as `60`, `"60 s"`, `"5 min"`, `"1 h"`."""

    @classmethod
    def parse(cls, written: object) -> "Duration":
        """Read what a person wrote; raises `ValueError` with what was expected."""
        amount = _amount(written, _SECONDS, 'a duration, such as 60 or "5 min"')
        if amount <= 0:
            raise ValueError(f'"{written}": expected a duration above 0, such as 60 or "5 min"')
        return cls(amount)


class Size(int):
    """Bytes; written as `1048576`, `"512 MiB"`, `"2 GB"`."""

    @classmethod
    def parse(cls, written: object) -> "Size":
        """Read what a person wrote; raises `ValueError` with what was expected."""
        return cls(_amount(written, _BYTES, 'bytes, such as "512 MiB"'))


class Listen(str):
    """`host:port` to listen on; IPv6 in brackets."""

    __slots__ = ()

    @classmethod
    def parse(cls, written: object) -> "Listen":
        """Read what a person wrote; raises `ValueError` with what was expected."""
        host, _, port = str(written).rpartition(":")
        if not isinstance(written, str) or not host or not port.isdecimal() or not 0 <= int(port) < 65536:
            raise ValueError(f'"{written}": expected "host:port", such as "127.0.0.1:8427"')
        return cls(written)

    @property
    def host(self) -> str:
        """Host or address, without brackets."""
        return self.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Port; 0 lets the system choose."""
        return int(self.rpartition(":")[2])


class Network(str):
    """An address or a network of them: `10.0.0.7`, `10.0.0.0/24`, `2001:db8::/64`."""

    __slots__ = ()

    @classmethod
    def parse(cls, written: object) -> "Network":
        """Read what a person wrote; raises `ValueError` with what was expected."""
        try:
            return cls(ipaddress.ip_network(str(written), strict=False))
        except ValueError:
            raise ValueError(f'"{written}": expected an address or a network, such as "10.0.0.0/24"') from None


class Moment:
    """A day (from its local midnight), a local time, or a time with its offset."""

    def __init__(self, written: dt.date) -> None:
        self.written = written

    @classmethod
    def parse(cls, written: object) -> "Moment":
        """Read what a person wrote; raises `ValueError` with what was expected."""
        given = written
        if isinstance(written, str):
            try:
                written = dt.datetime.fromisoformat(written)
            except ValueError:
                written = None
        if not isinstance(written, dt.date):
            raise ValueError(f'"{given}": expected a day or a time, such as 2026-06-01 or 2026-06-01T08:00:00+02:00')
        return cls(written)

    def nanoseconds(self, zone: ZoneInfo) -> int:
        """Nanoseconds UTC; what has no offset is told in `zone`."""
        moment = self.written
        if not isinstance(moment, dt.datetime):
            moment = dt.datetime.combine(moment, dt.time())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return round(moment.timestamp()) * NANOSECONDS


def _amount(written: object, units: dict[str, int], expected: str) -> float:
    if isinstance(written, int | float) and not isinstance(written, bool):
        return float(written)
    match = _AMOUNT.fullmatch(written) if isinstance(written, str) else None
    factor = units.get(match[2].lower()) if match else None
    if match is None or factor is None:
        raise ValueError(f'"{written}": expected {expected}')
    return float(match[1]) * factor
