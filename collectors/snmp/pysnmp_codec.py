"""What pysnmp and its pyasn1 do for us: PDUs to bytes and back, and the ciphers. Numeric OIDs, plain values, no MIB."""

from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

from pyasn1.codec.ber import decoder, encoder
from pyasn1.type import namedtype, tag, univ
from pysnmp.entity import config
from pysnmp.proto.api import v2c

from collectors.snmp.values import Value

CIPHERS = {
    name: config.PRIV_SERVICES[oid]
    for name, oid in {
        "des": config.USM_PRIV_CBC56_DES,
        "aes": config.USM_PRIV_CFB128_AES,
        "aes192": config.USM_PRIV_CFB192_AES_BLUMENTHAL,
        "aes256": config.USM_PRIV_CFB256_AES_BLUMENTHAL,
        "aes192c": config.USM_PRIV_CFB192_AES,
        "aes256c": config.USM_PRIV_CFB256_AES,
    }.items()
}
IP_ADDRESS, COUNTER32, GAUGE32, TIME_TICKS, OPAQUE, COUNTER64, UINTEGER32 = 0, 1, 2, 3, 4, 6, 7
"""Numbers of the tag class APPLICATION (RFC 2578; the last one RFC 1442)."""

Row = tuple[str, Value]


class Response(NamedTuple):
    """An answer; a row's value is None for an object the agent has not, and at the end of its view."""

    request_id: int
    status: int
    rows: list[Row]


def request(request_id: int, oids: Sequence[str], following: bool = False, repetitions: int = 0) -> bytes:
    """A GET; with `following` a GETNEXT, or a GETBULK when it shall bring several rows."""
    kind = v2c.GetBulkRequestPDU if repetitions else v2c.GetNextRequestPDU if following else v2c.GetRequestPDU
    pdu, api = kind(), v2c.apiBulkPDU if repetitions else v2c.apiPDU
    api.set_defaults(pdu)
    api.set_request_id(pdu, request_id)
    if repetitions:
        api.set_max_repetitions(pdu, repetitions)
    api.set_varbinds(pdu, [(oid, None) for oid in oids])
    return bytes(encoder.encode(pdu))


def response(pdu: bytes) -> Response:
    """Read a response PDU; raises whatever a codec trips over."""
    request_id, status, _, varbinds = decoder.decode(pdu, asn1Spec=_RESPONSE)[0].values()
    pairs = (varbind.values() for varbind in varbinds)
    return Response(int(request_id), int(status), [(str(oid), _plain(value.getComponent())) for oid, value in pairs])


def encrypted(priv: str, key: bytes, boots: int, time: int, scoped: bytes) -> tuple[bytes, bytes]:
    """The ciphertext of a scoped PDU, and its salt; the key is localised and of `key_size`."""
    ciphertext, salt = CIPHERS[priv].encrypt_data(univ.OctetString(key), (boots, time, None), scoped)
    return bytes(ciphertext), bytes(salt)


def decrypted(priv: str, key: bytes, boots: int, time: int, salt: bytes, ciphertext: bytes) -> bytes:
    """The scoped PDU, and perhaps padding behind it; raises whatever a cipher trips over."""
    parameters = (boots, time, univ.OctetString(salt))
    return bytes(CIPHERS[priv].decrypt_data(univ.OctetString(key), parameters, univ.OctetString(ciphertext)))


def key_size(priv: str) -> int:
    """Bytes of key, DES's initial vector included."""
    return int(CIPHERS[priv].KEY_SIZE)


def _plain(value: univ.Null | univ.Integer | univ.OctetString | univ.ObjectIdentifier) -> Value:
    """As gufo-snmp gives it."""
    if isinstance(value, univ.Null):
        return None
    if isinstance(value, univ.Integer):
        return int(value)
    if isinstance(value, univ.ObjectIdentifier):
        return str(value)
    octets, kind = bytes(value), value.tagSet[-1]
    if kind.tagClass != tag.tagClassApplication or kind.tagId == OPAQUE:
        return octets
    if kind.tagId == IP_ADDRESS:
        return str(IPv4Address(octets))
    return int.from_bytes(octets, "big") % (1 << (64 if kind.tagId == COUNTER64 else 32))


# The schema of an answer, more forgiving than pysnmp's own: cards send a Counter32 above 2³¹ without the leading zero
# that makes it positive, so unsigned numbers are octets here. And flat, which halves the cost.


def _sequence(*kinds: univ.Sequence) -> namedtype.NamedTypes:
    return namedtype.NamedTypes(*(namedtype.NamedType(str(at), kind) for at, kind in enumerate(kinds)))


def _tagged(kind: univ.OctetString | univ.Null, of_class: int, number: int) -> univ.OctetString | univ.Null:
    return kind.subtype(implicitTag=tag.Tag(of_class, tag.tagFormatSimple, number))


class _Value(univ.Choice):  # type: ignore[misc]
    componentType = _sequence(  # noqa: N815
        univ.Integer(),
        univ.OctetString(),
        univ.ObjectIdentifier(),
        univ.Null(),
        *(
            _tagged(univ.OctetString(), tag.tagClassApplication, number)
            for number in (IP_ADDRESS, COUNTER32, GAUGE32, TIME_TICKS, OPAQUE, COUNTER64, UINTEGER32)
        ),
        *(_tagged(univ.Null(), tag.tagClassContext, number) for number in range(3)),  # noSuchObject … endOfMibView
    )


class _Varbind(univ.Sequence):  # type: ignore[misc]
    componentType = _sequence(univ.ObjectIdentifier(), _Value())  # noqa: N815


class _Response(univ.Sequence):  # type: ignore[misc]
    """Request-id, error-status, error-index, varbinds."""

    tagSet = univ.Sequence.tagSet.tagImplicitly(  # noqa: N815
        tag.Tag(tag.tagClassContext, tag.tagFormatConstructed, 2)
    )
    componentType = _sequence(  # noqa: N815
        univ.Integer(), univ.Integer(), univ.Integer(), univ.SequenceOf(componentType=_Varbind())
    )


_RESPONSE = _Response()
