"""Many OIDs in requests an agent can bear.

Agents differ in how much they can answer at once, and say so badly: with an error that looks like an empty answer, with
the first half of the answer, or with silence. So every request ends with a *witness*, an object known to answer: a
request whose witness is missing was too much, and is asked again in halves. What was learnt only ever makes requests
smaller. A poll never costs more than two deadlines of silence.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from collectors.snmp.session import Answer, Session
from collectors.snmp.values import Value
from dc_monitor.errors import Malformed, Refused, Unreachable

SYS_DESCR = "1.3.6.1.2.1.1.1.0"
SYS_OBJECT_ID = "1.3.6.1.2.1.1.2.0"
SYS_UPTIME = "1.3.6.1.2.1.1.3.0"

MOST_BYTES = 1_400
"""Request and answer stay below this: a fragment more is a datagram lost on some cards."""
MOST_VARBINDS = 40
TRIES = 2
"""Requests that may be lost in one round before the agent counts as gone."""
SHORTER = 4
"""After a lost request the next ones are so many times shorter."""
ONLY_ERRORS = "it answers every question with an error: does its access list let us read anything?"
_ENVELOPE = 80  # message header, community and PDU header, generously
_VALUE = 10  # tag, length and a 64-bit value


class Told(NamedTuple):
    """A value, and when its own answer arrived [ns UTC]."""

    value: Value
    time: int


class Round(NamedTuple):
    """What one round of questions brought.

    `told` by OID; `refused` are OIDs the agent answers with an error whenever they are asked; `unanswered` those of
    requests that were lost, and `trouble` says how. An OID that is nowhere is an object the agent has not.
    """

    told: dict[str, Told]
    refused: list[str]
    unanswered: list[str]
    trouble: str


class Asker:
    """Asks one agent; knows its witness and how much it can bear.

    Attributes
    ----------
    witness : an OID that answers, sysUpTime when the agent has it; "" before `meet`.
    most : OIDs in one request, beside the witness.
    retries : requests asked again since the agent was met.
    """

    def __init__(self, session: Session) -> None:
        self.witness = ""
        self.most = MOST_VARBINDS
        self.retries = 0
        self._session = session
        self._long_lost = 0
        self._split: tuple[Iterable[str], int, list[list[str]]] = ((), 0, [])

    async def meet(self, probes: Sequence[str] = ()) -> dict[str, Told]:
        """First words: what the agent says of itself, and the witness.

        Some agents have no sysUpTime, some answer none of the system group: then the first of `probes` that answers
        is the witness. Raises `Unreachable` or `Malformed` after two tries, `Refused` when everything is answered with
        an error.
        """
        system = [SYS_UPTIME, SYS_OBJECT_ID, SYS_DESCR]
        told = await self._first(system)
        for oid in system:  # what is missing was cut off, or failed with another one
            if oid not in told:
                told |= await self._first([oid])
        for oid in probes:
            if not told:
                told = await self._first([oid])
        if not told:
            raise Refused(ONLY_ERRORS)
        self.witness = next(oid for oid in (*system, *told) if oid in told)
        return told

    async def _first(self, oids: list[str]) -> dict[str, Told]:
        for left in reversed(range(TRIES)):
            try:
                return _stamped(await self._session.get(oids))
            except (Unreachable, Malformed) as error:
                if not left:
                    raise type(error)(f"{error}, {TRIES} tries") from error
        return {}

    async def ask(self, oids: Iterable[str]) -> Round:
        """Ask for all of `oids`; raises `Unreachable`, `Refused` or `Malformed` when nothing at all was answered."""
        told: dict[str, Told] = {}
        refused: list[str] = []
        waiting = deque(self._as_before(oids))
        lost: list[int] = []
        trouble, too_much, borne = "", False, 0
        while waiting:
            request = waiting.popleft()
            bearable = max(1, len(told) // len(refused)) if refused else len(request)
            if len(request) > bearable:  # where many are refused, splitting costs more than asking for one by one
                parts = _parts(request, bearable)
                request = parts.popleft()
                waiting.extendleft(reversed(parts))
            try:
                answer = await self._session.get([*request, self.witness])
            except (Unreachable, Malformed) as error:
                lost.append(len(request))
                waiting.appendleft(request)
                if len(lost) < TRIES:
                    self.retries += 1
                    waiting = _parts([oid for one in waiting for oid in one], max(1, len(request) // SHORTER))
                    continue
                trouble = f"{error}, {TRIES} tries"
                if not told:
                    raise type(error)(trouble) from error
                break
            told.update(_stamped(answer))
            if self.witness in answer.values:
                borne = max(borne, len(request)) if too_much else 0
                continue
            too_much, borne = True, max(borne, len(answer.values) - 1)
            rest = [oid for oid in request if oid not in answer.values]
            if len(request) > 1:
                waiting.extendleft(reversed(_parts(rest, (len(request) + 1) // 2)))
            else:
                refused.extend(rest)
        if not told:  # to SNMPv1 the witness says nothing beside an object that is missing
            told = await self._first([self.witness])
        if not told:
            raise Refused(ONLY_ERRORS)
        if borne > 0 and not refused:
            self.most = min(self.most, borne)
        self._heed(lost)
        return Round(told, refused, [oid for request in waiting for oid in request], trouble)

    async def ask_all(self, oids: Iterable[str]) -> Round:
        """The same, for when half an answer is of no use: raises `Unreachable` when a part was lost."""
        answered = await self.ask(oids)
        if answered.unanswered:
            raise Unreachable(answered.trouble)
        return answered

    def _heed(self, lost: list[int]) -> None:
        """Shorter requests from now on, when a long one was lost and short ones were not, two rounds in a row."""
        self._long_lost = self._long_lost + 1 if len(lost) == 1 and lost[0] > 1 else 0
        if self._long_lost == TRIES:
            self.most, self._long_lost = max(1, lost[0] // SHORTER), 0

    def _as_before(self, oids: Iterable[str]) -> list[list[str]]:
        """The requests for `oids`, made anew only when they, or what the agent bears, have changed."""
        before, most, requests = self._split
        if oids is not before or self.most != most:
            requests = self._requests(oids)
            self._split = (oids, self.most, requests) if isinstance(oids, list) else ((), 0, [])
        return requests

    def _requests(self, oids: Iterable[str]) -> list[list[str]]:
        requests: list[list[str]] = []
        request: list[str] = []
        room = 0
        for oid in dict.fromkeys(oids):
            if oid == self.witness:
                continue
            size = _size(oid)
            if not request or room < size or len(request) >= self.most:
                request = []
                requests.append(request)
                room = MOST_BYTES - _ENVELOPE - _size(self.witness)
            request.append(oid)
            room -= size
        return requests or [[]]


def _stamped(answer: Answer) -> dict[str, Told]:
    told, time = Told._make, answer.taken_at
    return {oid: told((value, time)) for oid, value in answer.values.items()}


def _parts(oids: list[str], size: int) -> deque[list[str]]:
    return deque(oids[at : at + size] for at in range(0, max(1, len(oids)), size))


@lru_cache(maxsize=50_000)
def _size(oid: str) -> int:
    """Bytes of a varbind with its value."""
    return 4 + _VALUE + sum(1 + (int(arc).bit_length() - 1) // 7 if int(arc) else 1 for arc in oid.split("."))
