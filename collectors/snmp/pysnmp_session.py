"""pysnmp, all Python, as a session's engine: the one that knows contexts, and the second opinion.

Asked where credentials name a context, or a device's options or address want it. Its codec and ciphers serve, not its
`SnmpEngine`: that one loads MIB modules from disk, ticks ten times a second, costs three times as much a value, and
keeps users by name and clocks by engine ID for the whole process, where two cards cloned from one image share an engine
ID, and two sites a user's name. Here both belong to a session.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Sequence

from collectors.snmp import usm
from collectors.snmp.ber import INTEGER, OCTETS, SEQUENCE, element, fields, integer, number, whole
from collectors.snmp.endpoint import Community, Endpoint, UsmUser
from collectors.snmp.line import Line
from collectors.snmp.pysnmp_codec import Row, decrypted, encrypted, key_size, request, response
from collectors.snmp.session import EngineSession
from collectors.snmp.usm import Guard, Message, Reported
from collectors.snmp.values import Value
from dc_monitor.clock import Clock
from dc_monitor.errors import Malformed

AUTHORIZATION_ERROR = 16
"""Error-status of an answer to a user who may not see what was asked (RFC 3416)."""


class PysnmpClient:
    """One connection. Raises `Reported`, `Malformed` and `OSError`.

    Attributes
    ----------
    guard : which answers of SNMPv3 may be believed; a community guards nothing.
    """

    _read = staticmethod(response)

    def __init__(self, host: str, port: int, secret: Community | UsmUser) -> None:
        self._messages = CommunityMessages(secret) if isinstance(secret, Community) else UsmMessages(secret)
        self.guard = self._messages.guard
        self._host, self._port = host, port
        self._heard: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self._line = Line(self._heard.put_nowait, self._heard.put_nowait)

    async def open(self) -> None:
        """Open the socket; nothing is sent yet."""
        await self._line.open(self._host, self._port)

    async def refresh(self) -> None:
        """SNMPv3: learn the engine's name and clock, and whether it knows the user; what it may read is not asked."""
        for expected in ("unknownEngineIDs", "notInTimeWindows"):
            try:
                await self._ask([])
            except Reported as reported:
                if str(reported) not in (expected, "authorizationError"):
                    raise

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        """One GET; empty when the agent answered with an error status."""
        return {oid: value for oid, value in await self._ask(oids) if value is not None}

    def walk(self, column: str, repetitions: int) -> "Walk":
        """A walk to be followed by `following`: GETBULK, or GETNEXT for 0 repetitions."""
        return Walk(column, repetitions)

    async def following(self, walk: "Walk") -> Row | None:
        """The next row below the column; None at its end."""
        if not walk.rows and not walk.ended:
            walk.take(await self._ask([walk.last], following=True, repetitions=walk.repetitions))
        return walk.rows.popleft() if walk.rows else None

    def close(self) -> None:
        """Give back the socket."""
        self._line.close()

    async def _ask(self, oids: Sequence[str], following: bool = False, repetitions: int = 0) -> list[Row]:
        """One request, and the rows of its answer; none when that carries an error status."""
        request_id = secrets.randbits(31)
        while not self._heard.empty():
            self._heard.get_nowait()
        self._line.send(self._messages.around(request(request_id, oids, following, repetitions)))
        while True:
            heard = await self._heard.get()
            if isinstance(heard, Exception):
                raise heard
            try:
                pdu = self._messages.inside(heard)
                answer = None if pdu is None else self._read(pdu)
            except Reported:
                raise
            except Exception as error:  # a codec trips over garbage in many ways
                raise Malformed(f"an answer that is no SNMP ({type(error).__name__})") from error
            if answer is None or answer.request_id != request_id:
                continue  # late, or not for us
            if answer.status == AUTHORIZATION_ERROR:
                raise Reported("authorizationError")
            return [] if answer.status else answer.rows


class Walk:
    """A column on its way down: rows that came and are not handed on yet, and where to ask on."""

    def __init__(self, column: str, repetitions: int) -> None:
        self.last, self.repetitions, self.ended = column, repetitions, False
        self.rows: deque[Row] = deque()
        self._below = f"{column}."

    def take(self, answer: Sequence[Row]) -> None:
        """Keep what lies below the column; nothing new, or an OID beyond it, is the end."""
        for oid, value in answer:
            if not oid.startswith(self._below):
                self.ended = True
                break
            if value is not None:
                self.rows.append((oid, value))
                self.last = oid
        self.ended = self.ended or not self.rows


class CommunityMessages:
    """SNMPv1 and SNMPv2c: the community stands in front of the PDU, for all to read."""

    def __init__(self, secret: Community) -> None:
        self.guard = Guard()
        self._version, self._community = secret.version - 1, secret.text.encode()

    def around(self, pdu: bytes) -> bytes:
        """A message with the PDU in it."""
        return element(SEQUENCE, integer(self._version), element(OCTETS, self._community), pdu)

    def inside(self, datagram: bytes) -> bytes | None:
        """The PDU of a message for us; None for anybody else's. Raises `ValueError` for no message."""
        (message,) = fields(datagram, whole(datagram), SEQUENCE)
        version, community = fields(datagram, message, INTEGER, OCTETS)
        ours = (number(datagram[version]), datagram[community]) == (self._version, self._community)
        return datagram[community.stop : message.stop] if ours else None


class UsmMessages:
    """SNMPv3: signed and encrypted once the engine has told its name; until then a bare question for that."""

    def __init__(self, user: UsmUser) -> None:
        self.guard = Guard(user.auth, user.auth_password, private=bool(user.priv))
        self._user = user
        self._question = 0
        self._key = b""
        self._boots, self._time = 0, 0

    def around(self, pdu: bytes) -> bytes:
        """A message with the PDU in it. The clock told last will do: before it is out of date the session asks anew."""
        user, engine_id = self._user, self.guard.engine_id
        self._question, self.guard.dropped = secrets.randbits(31), 0
        flags, salt = usm.REPORTABLE, b""
        scoped = usm.scope(engine_id, user.context.encode() if engine_id else b"", pdu)
        if engine_id:
            flags |= (usm.AUTHENTICATED if user.auth else 0) | (usm.ENCRYPTED if user.priv else 0)
        if flags & usm.ENCRYPTED:
            scoped, salt = encrypted(user.priv, self._key, self._boots, self._time, scoped)
        return usm.envelope(
            message_id=self._question,
            flags=flags,
            engine_id=engine_id,
            boots=self._boots,
            time=self._time,
            user=user.name.encode() if engine_id else b"",
            salt=salt,
            scoped=scoped,
            key=self.guard.key,
            auth=user.auth,
        )

    def inside(self, datagram: bytes) -> bytes | None:
        """The PDU of an answer to the last question, else None; raises `Reported`, or whatever a cipher trips over."""
        known = self.guard.engine_id
        message = self.guard.admits(datagram, self._question)
        if message is None:
            return None
        if not known:
            self._key = self._privacy_key(message.engine_id)
        self._boots, self._time = message.boots, message.time
        scoped = self._plain(message) if message.flags & usm.ENCRYPTED else message.scoped
        told = usm.report(scoped)
        if told:
            raise Reported(told)
        return usm.pdu(scoped)

    def _plain(self, message: Message) -> bytes:
        return decrypted(self._user.priv, self._key, message.boots, message.time, message.salt, message.scoped)

    def _privacy_key(self, engine_id: bytes) -> bytes:
        user = self._user
        if not user.priv:
            return b""
        key = usm.local_key(usm.master_key(user.priv_password.encode(), user.auth), engine_id, user.auth)
        return usm.longer_key(key, engine_id, user.auth, key_size(user.priv), reeder=user.priv.endswith("c"))


class PysnmpSession(EngineSession):
    """A session over pysnmp."""

    def __init__(self, endpoint: Endpoint, secret: Community | UsmUser, clock: Clock, deadline: float = 2.0) -> None:
        super().__init__(PysnmpClient, endpoint, secret, clock, deadline)
