"""Traps as pysnmp itself encodes them, and their envelopes, for what net-snmp's tools cannot be asked to say."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from pyasn1.codec.ber import encoder
from pyasn1.type import univ
from pysnmp.proto.api import v2c

from collectors.snmp import usm
from collectors.snmp.endpoint import UsmUser
from collectors.snmp.pysnmp_codec import encrypted, key_size
from collectors.snmp.traps.notification import TRAP_OID

COMMUNITY = "public"
Bound = tuple[str, univ.Integer | univ.OctetString | univ.ObjectIdentifier | univ.Null]


def pdu(name: str, rows: Sequence[Bound] = (), inform: bool = False, request_id: int = 1) -> bytes:
    """A trap's PDU, or an inform's; `rows` after sysUpTime and the name."""
    made = v2c.InformRequestPDU() if inform else v2c.SNMPv2TrapPDU()
    v2c.apiPDU.set_defaults(made)
    v2c.apiPDU.set_request_id(made, request_id)
    head: list[Bound] = [("1.3.6.1.2.1.1.3.0", v2c.TimeTicks(4711)), (TRAP_OID, v2c.ObjectIdentifier(name))]
    v2c.apiPDU.set_varbinds(made, [*head, *rows])
    return bytes(encoder.encode(made))


def message(inside: bytes, community: str = COMMUNITY, version: int = 1) -> bytes:
    """A PDU behind a community."""
    octets = bytes(encoder.encode(univ.Integer(version)) + encoder.encode(univ.OctetString(community))) + inside
    size = len(octets)
    length = bytes([size]) if size < 0x80 else b"\x82" + size.to_bytes(2, "big")
    return b"\x30" + length + octets


SENDER = bytes.fromhex("80001f8804") + b"sender"


class Sealed(NamedTuple):
    """A message of SNMPv3 around a PDU; `engine_id` is its authoritative engine, `boots` and `time` its clock."""

    user: UsmUser
    engine_id: bytes
    boots: int
    time: int
    flags: int = 0

    def __call__(self, inside: bytes) -> bytes:
        user, flags, salt = self.user, self.flags, b""
        scoped = usm.scope(SENDER, b"", inside)
        if user.priv:
            private = _key(user.priv_password, user.auth, self.engine_id)[: key_size(user.priv)]
            scoped, salt = encrypted(user.priv, private, self.boots, self.time, scoped)
        return usm.envelope(
            message_id=4711,
            flags=flags | (usm.AUTHENTICATED if user.auth else 0) | (usm.ENCRYPTED if user.priv else 0),
            engine_id=self.engine_id,
            boots=self.boots,
            time=self.time,
            user=user.name.encode(),
            salt=salt,
            scoped=scoped,
            key=_key(user.auth_password, user.auth, self.engine_id),
            auth=user.auth,
        )


@cache
def _key(password: str, auth: str, engine_id: bytes) -> bytes:
    return usm.local_key(usm.master_key(password.encode(), auth), engine_id, auth) if password else b""
