"""What a datagram holds once it is known whose it is, and why it may be dropped before that.

SNMPv1 and SNMPv2c show a community; SNMPv3 is opened by `secure`.
"""

from collections.abc import Callable, Container
from functools import partial
from typing import NamedTuple

from collectors.snmp.ber import INTEGER, OCTETS, SEQUENCE, element, fields, integer, number, whole


class Dropped(Exception):
    """Not to be heard; `cause` is one of the listener's, or "" where nothing is wrong. `reply` is owed all the same."""

    def __init__(self, cause: str, reply: bytes = b"") -> None:
        super().__init__(cause)
        self.cause, self.reply = cause, reply


class Opened(NamedTuple):
    """A PDU, and what makes an answer's message of its PDU; `signer` is who has signed it, b"" where nobody has."""

    pdu: bytes
    answer: Callable[[bytes], bytes]
    signer: bytes = b""


def version(datagram: bytes) -> int:
    """The number of the protocol's version: 0, 1 and 3 for v1, v2c and v3; raises `ValueError` for no message."""
    (message,) = fields(datagram, whole(datagram), SEQUENCE)
    (found,) = fields(datagram, message, INTEGER)
    return number(datagram[found])


def by_community(datagram: bytes, communities: Container[bytes]) -> Opened:
    """Open a message of SNMPv1 or SNMPv2c; raises `Dropped`, and `ValueError` for no message."""
    (message,) = fields(datagram, whole(datagram), SEQUENCE)
    written, community = fields(datagram, message, INTEGER, OCTETS)
    if number(datagram[written]) not in (0, 1):
        raise ValueError(f"a version numbered {number(datagram[written])}")
    if datagram[community] not in communities:
        raise Dropped("community")
    answer = partial(_message, number(datagram[written]), datagram[community])
    return Opened(datagram[community.stop : message.stop], answer)


def _message(written: int, community: bytes, pdu: bytes) -> bytes:
    return element(SEQUENCE, integer(written), element(OCTETS, community), pdu)
