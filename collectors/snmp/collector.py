"""The SNMP collector: recognise a device, learn its values, read them.

Asks    exact columns of the profiles that fit, by GET, with sysUpTime as witness in every request.
Yields  whatever the profiles name, each value stamped with its own answer's time, and the agent's uptime.
Needs   a read-only community or SNMPv3 user that sees the vendor's MIB.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from collectors.plausible import believed
from collectors.snmp import engines
from collectors.snmp.ask import SYS_UPTIME, TRIES, Asker, Round, Told
from collectors.snmp.catalogue import catalogue, named, remarks
from collectors.snmp.discover import Discovery, Walked, join, settle, some
from collectors.snmp.endpoint import endpoint
from collectors.snmp.estimate import Ladder
from collectors.snmp.profile import Profile
from collectors.snmp.recognise import OF_ITSELF, Who, answers, fitting, identity_oids, possible, reason, who
from collectors.snmp.session import Session, Silence
from collectors.snmp.translate import Cell, doubtful_zeros, translate
from dc_monitor.clock import NANOSECONDS
from dc_monitor.contract import DeviceInfo, Poll, Rating, Target
from dc_monitor.errors import DcMonitorError, Malformed, Refused, Unreachable
from dc_monitor.readings import Reading, Series

TICKS = 100
"""TimeTicks a second."""
WRAP = 2**32
"""sysUpTime starts again at 0 there, after 497 days."""

ASK_ON = 3_600.0
"""A value that went away is asked for so long before it is no longer expected. [s]"""
LOOK_AGAIN = 86_400.0
"""So often a device is learnt anew: somebody may have plugged a probe in. [s]"""


class SnmpCollector:
    """One device over SNMP. Raises `ConfigError` for an address, credentials or profiles it cannot use.

    A `session` that is given answers in the device's place, as a recording does.
    """

    def __init__(self, target: Target, session: Session | None = None) -> None:
        self._target = target
        self._endpoint = endpoint(target.address)
        self._session = session or engines.session(target)
        self._asker = Asker(self._session)
        self._catalogue = catalogue()
        self._profiles: Sequence[Profile] = (named(target.profile, self._catalogue),) if target.profile else ()
        self._known = Who()
        self._cells: list[Cell] = []
        self._oids: list[str] = []
        self._missing: dict[str, float] = {}
        self._learn_again = 0.0
        self._ladders: dict[str, list[Ladder]] = {}
        self._uptime = Series(target.device, "agent", "uptime", "sensor", SYS_UPTIME)
        self._last_uptime: Told | None = None
        self._stale = True

    async def open(self) -> DeviceInfo:
        """Recognise the device and learn which values it has; raises `Unreachable`, `Refused` or `Malformed`."""
        known, wanted = self._catalogue, self._target.profile
        walked: Walked = {}
        try:
            await self._session.open()
            told = await self._asker.meet([probe for profile in known for probe in profile.match.probe])
            if not wanted:
                self._profiles = await self._recognise(known, told, walked)
            told |= (await self._asker.ask_all([*identity_oids(self._profiles), *OF_ITSELF])).told
            self._known = who(self._profiles, told)
            advised = [profile.deadline for profile in self._profiles if profile.deadline]
            self._session.deadline = max([self._target.deadline, *advised])
            left_out = await self._discover(walked)
        except (Unreachable, Refused, Malformed) as error:
            raise self._sentence(error) from error
        why = f"profile {wanted} is configured" if wanted else reason(self._profiles, told)
        return self._info("; ".join([why, *remarks(self._profiles)]), left_out)

    async def collect(self) -> Poll:
        """Read every value once; raises when nothing at all was answered."""
        retries = self._asker.retries
        try:
            answered = await self._ask()
        except (Unreachable, Refused, Malformed) as error:
            raise self._sentence(error) from error
        failures = self._failures(answered)
        self._stale = bool(answered.refused or {cell.oid for cell in self._gone(answered)} - self._missing.keys())
        readings, _, doubts = self._readings(answered.told, whole=not failures)
        return Poll(readings, (*failures, *doubts), self._asker.retries - retries)

    async def close(self) -> None:
        """Give back the socket."""
        await self._session.close()

    async def _ask(self) -> Round:
        """One round, by rows learnt since the agent started last: after a restart their numbers mean something else."""
        for _ in range(TRIES):
            if self._stale or self._target.clock.monotonic() >= self._learn_again:
                await self._discover()
            answered = await self._asker.ask(self._oids)
            if not self._restarted(answered.told):
                return answered
            self._stale = True
        raise Unreachable("it restarts again and again")

    async def _recognise(self, known: Sequence[Profile], told: dict[str, Told], walked: Walked) -> list[Profile]:
        """The profiles the device speaks; only those are probed that its sysObjectID does not deny."""
        likely = [profile for profile in known if possible(profile, told)]
        told |= (await self._asker.ask_all([probe for profile in likely for probe in profile.match.probe])).told
        for profile in likely:
            for column in profile.match.column if not answers(profile, told) else ():
                if column not in walked:
                    rows = await self._session.walk(column, profile.repetitions)
                    walked[column] = [oid[len(column) + 1 :] for oid in rows.values]
                    told |= {column: Told(len(rows.values), rows.taken_at)} if rows.values else {}
        return fitting(likely, told)

    async def _discover(self, walked: Walked | None = None) -> list[str]:
        """Learn the cells; all or nothing, so that a lost packet never hides a value for good."""
        device, known = self._target.device, self._known
        rating = Rating(self._target.rating.va or known.rating.va, self._target.rating.w or known.rating.w)
        discovery = Discovery(self._session, self._asker, device, known, walked)
        candidates: list[Cell] = []
        ladders: dict[str, list[Ladder]] = {}
        kinds: set[str] = set()
        for profile in self._profiles:
            root = join(profile.root, profile.beside if profile.kind in kinds else "")
            kinds.add(profile.kind)
            its = await discovery.cells(profile, root)
            candidates += its
            steps = {cell.series: cell.multiply / cell.divide for cell in its}
            for one in profile.estimate:
                ladder = Ladder(device, join(root, one.point), join(root, one.side), rating, steps)
                ladders.setdefault(one.side, []).append(ladder)
        answered = await self._asker.ask_all(_oids(candidates))
        cells, left_out = settle(candidates, answered.told)
        missing = self._still_missing(answered, {(cell.series.point, cell.series.quantity) for cell in cells})
        self._oids = [oid for oid in _oids(cells) if oid in answered.told] + _oids(missing)
        self._cells = cells + missing
        self._ladders, self._stale = ladders, False
        self._last_uptime = answered.told.get(SYS_UPTIME)
        speaking = {cell.profile for cell in self._cells}
        left_out += [f"{one.name}: none of its values is there" for one in self._profiles if one.name not in speaking]
        if answered.refused:
            left_out.append(f"answered with an error: {some(answered.refused)}")
        _, remarks, doubts = self._readings(answered.told, whole=True)
        return [*discovery.left_out, *left_out, *remarks, *doubts]

    def _still_missing(self, answered: Round, found: Collection[tuple[str, str]]) -> list[Cell]:
        """What was read once is asked for a while: a card that starts has half its rows, the rest a moment later."""
        now = self._target.clock.monotonic()
        missing = [
            cell
            for cell in self._cells
            if (cell.series.point, cell.series.quantity) not in found
            and cell.oid not in answered.told
            and cell.oid not in answered.refused
            and now < self._missing.get(cell.oid, now) + ASK_ON
        ]
        self._missing = {cell.oid: self._missing.get(cell.oid, now) for cell in missing}
        self._learn_again = min([now + LOOK_AGAIN, *(since + ASK_ON for since in self._missing.values())])
        return missing

    def _readings(self, told: Mapping[str, Told], whole: bool) -> tuple[list[Reading], list[str], list[str]]:
        """The readings of one round, a sentence for what was estimated, and one for what physics does not allow.

        A round that is not `whole` is not estimated from: half a table is not a total.
        """
        remarks: list[str] = []
        readings, doubts = believed(translate(self._cells, told), self._profiles[0].kind if self._profiles else "")
        doubtful = doubtful_zeros(self._cells, readings, whole)
        if doubtful:
            readings = [reading for reading in readings if reading.series not in doubtful]
            points = ", ".join(sorted(series.point for series in doubtful))
            remarks.append(f"0 W at {points} is not believed: amperes flow, and the card may never fill that column")
        for side, ladders in self._ladders.items() if whole else ():
            made = [ladder.estimate(readings) for ladder in ladders]
            if None in made:
                continue  # told, if not by one MIB then by the other
            estimated = next((one for one in made if one), [])
            readings = readings + estimated
            if estimated:
                remarks.append(f"power at {estimated[0].series.point} is estimated: the device tells none")
            elif any(r.series.quantity == "load" and r.series.point.split("/")[0] == side for r in readings):
                remarks.append(
                    f"power of the {side} is not told; with rating = {{ va = … }} it can be estimated from load"
                )
        if SYS_UPTIME in told:
            ticks = _ticks(told[SYS_UPTIME])
            if ticks is not None:
                readings.append(Reading(self._uptime, ticks / TICKS, told[SYS_UPTIME].time))
        return readings, remarks, [f"{self._target.device}: {doubt}" for doubt in doubts]

    def _failures(self, answered: Round) -> list[str]:
        """A sentence for each part of the poll that brought nothing."""
        gone = [cell.name for cell in self._gone(answered)]
        where = f"of {len(self._cells)} values of {self._target.device} ({self._endpoint})"
        return [
            f"{len(missing)} {where}: {what}, {missing[0]} first"
            for missing, what in (
                (answered.unanswered, answered.trouble),
                (answered.refused, "answered with an error"),
                (gone, "no longer there"),
            )
            if missing
        ]

    def _gone(self, answered: Round) -> list[Cell]:
        """The cells the agent has no longer."""
        lost = {*answered.unanswered, *answered.refused}
        return [cell for cell in self._cells if cell.oid not in answered.told and cell.oid not in lost]

    def _restarted(self, told: Mapping[str, Told]) -> bool:
        """Whether sysUpTime fell without having come round: then row numbers may mean something else."""
        before, now = self._last_uptime, told.get(SYS_UPTIME)
        self._last_uptime = now or before
        if not before or not now:
            return False
        then, ticks = _ticks(before) or 0, _ticks(now) or 0
        elapsed = (now.time - before.time) / NANOSECONDS * TICKS
        return ticks < then and (ticks - then) % WRAP > 1.1 * elapsed + 60 * TICKS

    def _sentence(self, error: DcMonitorError) -> DcMonitorError:
        what = ", ".join(profile.name for profile in self._profiles) or "the system group"
        hints = [self._session.hint, *(f"on this card: {one.hint}" for one in self._profiles if one.hint)]
        hint = f"; {'; '.join(hints)}" if isinstance(error, Silence) else ""
        kind = Unreachable if isinstance(error, Unreachable) else type(error)
        return kind(f"cannot read {what} from {self._target.device} ({self._endpoint}): {error}{hint}")

    def _info(self, why: str, left_out: Sequence[str]) -> DeviceInfo:
        profiles, known = self._profiles, self._known
        return DeviceInfo(
            kind=profiles[0].kind if profiles else "unknown",
            vendor=known.vendor,
            model=known.model,
            firmware=known.firmware,
            profiles=tuple(profile.name for profile in profiles),
            why=why,
            left_out=tuple(left_out),
            interval=max((profile.interval for profile in profiles if profile.interval), default=None),
            deadline=max((profile.deadline for profile in profiles if profile.deadline), default=None),
            rating=known.rating,
            accuracy=next((profile.accuracy for profile in profiles if profile.accuracy), None),
            name=known.name,
            location=known.location,
            marks=known.marks,
        )


def _ticks(told: Told) -> int | None:
    """Hundredths of a second; a text or a number that TimeTicks cannot be is none."""
    return told.value if isinstance(told.value, int) and 0 <= told.value < WRAP else None


def _oids(cells: Iterable[Cell]) -> list[str]:
    """Every OID a poll of these cells asks for, guards beside their rows."""
    return list(dict.fromkeys(oid for cell in cells for oid in (cell.oid, *(guard for guard, _ in cell.guards))))
