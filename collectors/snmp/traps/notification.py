"""A notification's PDU: the three kinds there are, decoded to one form.

A trap of SNMPv1 becomes one of SNMPv2 as a proxy would make it (RFC 3584, 3.1), but for the community, a secret.
"""

from collections.abc import Sequence
from typing import NamedTuple

from collectors.snmp.ber import INTEGER, OID, SEQUENCE, element, fields, integer, number, whole
from collectors.snmp.pysnmp_codec import Row, response
from collectors.snmp.values import text

SYS_UPTIME = "1.3.6.1.2.1.1.3.0"
TRAP_OID = "1.3.6.1.6.3.1.1.4.1.0"
TRAP_ADDRESS = "1.3.6.1.6.3.18.1.3.0"
TRAP_COMMUNITY = "1.3.6.1.6.3.18.1.4.0"
MOST_VARBINDS = 50
"""Of more, only the first are looked at: each costs 70 µs."""

_V1, _RESPONSE, _INFORM, _TRAP = 0xA4, 0xA2, 0xA6, 0xA7  # PDUs
_IP_ADDRESS, _TIME_TICKS = 0x40, 0x43
_ENTERPRISE_SPECIFIC = 6  # generic-trap of SNMPv1; the ones before it are numbered from 0
_SNMP_TRAPS = bytes.fromhex("2b06010603010105")  # 1.3.6.1.6.3.1.1.5
_SYS_UPTIME, _TRAP_OID = bytes.fromhex("2b06010201010300"), bytes.fromhex("2b060106030101040100")
_TRAP_ADDRESS, _TRAP_ENTERPRISE = bytes.fromhex("2b0601060312010300"), bytes.fromhex("2b060106030101040300")


class Notification(NamedTuple):
    """`name` is its snmpTrapOID and `rows` what came with it; `origin` is the address it speaks for, "" for its own.

    `confirmed` when it wants an answer.
    """

    confirmed: bool
    name: str
    origin: str
    rows: Sequence[Row]


class NoNotification(Exception):
    """A PDU of another kind, such as a request."""


def notification(pdu: bytes) -> Notification:
    """Read a PDU; raises `NoNotification`, or whatever a codec trips over."""
    kind = pdu[0]
    if kind == _V1:
        pdu = _of_v1(pdu)
    elif kind not in (_INFORM, _TRAP):
        raise NoNotification
    rows = [row for row in response(_short(pdu)).rows if row[0] not in (SYS_UPTIME, TRAP_COMMUNITY)]
    told = dict(rows)
    name = told[TRAP_OID]
    if not isinstance(name, str):
        raise ValueError("a snmpTrapOID that is none")
    return Notification(kind == _INFORM, name, text(told.get(TRAP_ADDRESS)), rows)


def acknowledgement(pdu: bytes) -> bytes:
    """The answer to an inform: all that it said, as a response (RFC 3416, 4.2.7)."""
    return bytes([_RESPONSE]) + pdu[1:]


def request_id(pdu: bytes) -> bytes:
    """The request-id of any PDU but SNMPv1's trap, as it is encoded; raises `ValueError`."""
    (inside,) = fields(pdu, whole(pdu), pdu[0])
    (found,) = fields(pdu, inside, INTEGER)
    return pdu[inside.start : found.stop]


def _short(pdu: bytes) -> bytes:
    """The PDU as a response, which has the same form, without varbinds that are too many."""
    (inside,) = fields(pdu, whole(pdu), pdu[0])
    *_, varbinds = fields(pdu, inside, INTEGER, INTEGER, INTEGER, SEQUENCE)
    at = varbinds.start
    for _ in range(MOST_VARBINDS):
        if at == varbinds.stop:
            break
        at = fields(pdu, slice(at, varbinds.stop), SEQUENCE)[0].stop
    return element(_RESPONSE, integer(0) * 3, element(SEQUENCE, pdu[varbinds.start : at]))


def _of_v1(pdu: bytes) -> bytes:
    (inside,) = fields(pdu, whole(pdu), _V1)
    enterprise, address, generic, specific, uptime, varbinds = fields(
        pdu, inside, OID, _IP_ADDRESS, INTEGER, INTEGER, _TIME_TICKS, SEQUENCE
    )
    kind = number(pdu[generic])
    if kind == _ENTERPRISE_SPECIFIC:
        name = pdu[enterprise] + b"\0" + _arc(number(pdu[specific]))
    else:
        name = _SNMP_TRAPS + _arc(kind + 1)
    rows = [
        _varbind(_SYS_UPTIME, element(_TIME_TICKS, pdu[uptime])),
        _varbind(_TRAP_OID, element(OID, name)),
        _varbind(_TRAP_ADDRESS, element(_IP_ADDRESS, pdu[address])),
        _varbind(_TRAP_ENTERPRISE, element(OID, pdu[enterprise])),
        pdu[varbinds],
    ]
    return element(_TRAP, integer(0) * 3, element(SEQUENCE, *rows))


def _varbind(oid: bytes, value: bytes) -> bytes:
    return element(SEQUENCE, element(OID, oid), value)


def _arc(number: int) -> bytes:
    """One number of an OID; raises `ValueError` for what is none."""
    if not 0 <= number < 2**32:
        raise ValueError("a number that no OID has")
    arc = bytes([number & 0x7F])
    while number := number >> 7:
        arc = bytes([number & 0x7F | 0x80]) + arc
    return arc
