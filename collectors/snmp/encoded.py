"""Values as a device encoded them: tag and content, which the engines' plain values no longer have.

A recording needs them, for snmpsim answers with the same types, and Counter32 is not Gauge32 to whoever reads it.
"""

from ipaddress import IPv4Address

from collectors.snmp.ber import INTEGER, OCTETS, OID, SEQUENCE, fields, number, whole
from collectors.snmp.pysnmp_codec import Response
from collectors.snmp.values import Value

IP_ADDRESS, COUNTER32, GAUGE32, TIME_TICKS, OPAQUE, COUNTER64, UINTEGER32 = 0x40, 0x41, 0x42, 0x43, 0x44, 0x46, 0x47
UNSIGNED = {COUNTER32: 32, GAUGE32: 32, TIME_TICKS: 32, COUNTER64: 64, UINTEGER32: 32}
"""Tag → bits."""
ABSENT = {0x05, 0x80, 0x81, 0x82}
"""NULL, noSuchObject, noSuchInstance, endOfMibView."""
_RESPONSE = 0xA2


class Encoded(bytes):
    """The content of a value, and its BER tag."""

    tag: int

    @classmethod
    def of(cls, tag: int, content: bytes) -> "Encoded":
        """Put both together."""
        made = cls(content)
        made.tag = tag
        return made

    @property
    def plain(self) -> Value:
        """As the engines give it."""
        if self.tag == INTEGER:
            return number(self)
        if self.tag in UNSIGNED:  # some cards forget the zero that makes it positive
            return int.from_bytes(self, "big") % (1 << UNSIGNED[self.tag])
        if self.tag == OID:
            return dotted(self)
        if self.tag == IP_ADDRESS and len(self) == 4:
            return str(IPv4Address(bytes(self)))
        return bytes(self)


def response(pdu: bytes) -> Response:
    """Read a response PDU; raises `ValueError`. A value is `Encoded`, or None for an object the agent has not."""
    (content,) = fields(pdu, whole(pdu), _RESPONSE)
    request_id, status, _, varbinds = fields(pdu, content, INTEGER, INTEGER, INTEGER, SEQUENCE)
    rows: list[tuple[str, Value]] = []
    at = varbinds.start
    while at < varbinds.stop:
        (varbind,) = fields(pdu, slice(at, varbinds.stop), SEQUENCE)
        (oid,) = fields(pdu, varbind, OID)
        tag = pdu[oid.stop] if oid.stop < varbind.stop else 0
        (value,) = fields(pdu, slice(oid.stop, varbind.stop), tag)
        rows.append((dotted(pdu[oid]), None if tag in ABSENT else Encoded.of(tag, pdu[value])))
        at = varbind.stop
    return Response(number(pdu[request_id]), number(pdu[status]), rows)


def dotted(content: bytes) -> str:
    """The content of an OBJECT IDENTIFIER as people write it."""
    arcs, arc = [], 0
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    if not arcs:
        return "0.0"
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def written(value: Encoded) -> tuple[str, str]:
    """Type and value as snmpsim's files have them: `("66", "118")`, `("4x", "00c0b7")`."""
    if value.tag == OCTETS:
        text = value.decode("ascii", errors="replace")
        plain = text.isascii() and text.isprintable() and text == text.strip() and "|" not in text
        return ("4", text) if plain else ("4x", value.hex())
    if (value.tag == IP_ADDRESS and len(value) != 4) or value.tag == OPAQUE:
        return f"{value.tag}x", value.hex()
    return str(value.tag if value.tag != UINTEGER32 else GAUGE32), str(value.plain)
