"""Device knowledge as data: what a profile may say, and the catalogue of those that exist.

A profile is one TOML file in `profiles/`, written from the vendor's MIB text. It names exact columns; nothing else is
ever asked. A key nobody knows, a quantity outside the catalogue or a unit that does not fit it is an error when the
catalogue is loaded, so a profile that loads means what it says.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import msgspec
from msgspec import Struct

from dc_monitor.errors import ConfigError
from dc_monitor.names import LEVELS, QUANTITIES
from dc_monitor.units import CUBIC_METRES_PER_SECOND_PER_CFM, Unit


class Spoken(NamedTuple):
    """A unit as devices count in it: value in SI = (count / counts - zero) * multiply / divide."""

    unit: Unit
    multiply: float = 1
    divide: float = 1
    zero: float = 0


SPOKEN = {
    "W": Spoken(Unit.WATT),
    "kW": Spoken(Unit.WATT, 1_000),
    "VA": Spoken(Unit.VOLT_AMPERE),
    "kVA": Spoken(Unit.VOLT_AMPERE, 1_000),
    "var": Spoken(Unit.VAR),
    "Wh": Spoken(Unit.JOULE, 3_600),
    "kWh": Spoken(Unit.JOULE, 3_600_000),
    "A": Spoken(Unit.AMPERE),
    "V": Spoken(Unit.VOLT),
    "Hz": Spoken(Unit.HERTZ),
    "1": Spoken(Unit.RATIO),
    "%": Spoken(Unit.RATIO, 1, 100),
    "Cel": Spoken(Unit.CELSIUS),
    "degF": Spoken(Unit.CELSIUS, 5, 9, 32),
    "Pa": Spoken(Unit.PASCAL),
    "kPa": Spoken(Unit.PASCAL, 1_000),
    "rpm": Spoken(Unit.RPM),
    "s": Spoken(Unit.SECOND),
    "min": Spoken(Unit.SECOND, 60),
    "ticks": Spoken(Unit.SECOND, 1, 100),  # TimeTicks, hundredths of a second
    "l/min": Spoken(Unit.CUBIC_METRE_PER_SECOND, 1, 60_000),
    "l/s": Spoken(Unit.CUBIC_METRE_PER_SECOND, 1, 1_000),
    "CFM": Spoken(Unit.CUBIC_METRE_PER_SECOND, CUBIC_METRES_PER_SECOND_PER_CFM),
}


class When(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition on another column of the same row, asked with every poll: the row counts only while it holds."""

    column: str
    one_of: tuple[int, ...] = ()
    none_of: tuple[int, ...] = ()
    or_missing: bool = False


class Column(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value: a column of a table, or a scalar.

    `at` is the column's number below the group's `entry`; `counts` how many counts make one `unit`; `absent` the codes
    that mean "not available" (instead of the group's). `modulus`: the register starts again at 0 there; a
    count outside is no count. `doubt_zero`: 0 W is not believed while volts and amperes flow at the same point.
    `nominal_volts`: an OID; when it is above 0 the device has no voltmeter and multiplies amperes by that setting.
    """

    at: str
    quantity: str
    unit: str = ""
    counts: int = 1
    point: str = ""
    level: str = ""
    absent: tuple[int, ...] | None = None
    states: dict[int, str] = {}
    modulus: int | None = None
    doubt_zero: bool = False
    nominal_volts: str = ""


class Group(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values below one OID that share a point. In `[[scalar]]` the instance is always 0."""

    entry: str
    point: str
    level: str
    columns: tuple[Column, ...]
    absent: tuple[int, ...] = ()


class Table(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[table]]`: one point a row; `{0}`, `{1}` in `point` are the parts of the row's index.

    `number`: a column whose value stands for `{0}`. `label`: a column with the name people gave the row. `many`: what
    goes before the point when there is more than one row. `when`: all must hold. `unless`: the table is
    not read when this other one has rows, which say the same.
    """

    number: str = ""
    label: str = ""
    many: str = ""
    when: tuple[When, ...] = ()
    unless: str = ""


class Match(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device is of this family when its sysObjectID begins so (or says nothing) and one of `probe` answers."""

    sys_object_id: tuple[str, ...] = ()
    probe: tuple[str, ...]


class Identity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """OIDs that tell who the device is, the first that answers; `descr` are patterns for sysDescr, tried after them."""

    vendor: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    firmware: tuple[str, ...] = ()
    rating_va: tuple[str, ...] = ()
    rating_w: tuple[str, ...] = ()
    descr_model: str = ""
    descr_firmware: str = ""
    family: str = ""


class Estimate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where power is estimated when the device gives none: at `point`, from the points below `side`."""

    point: str
    side: str


class Scale(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that counts otherwise: all that is given must match; `proof` names the recording or thread."""

    at: str
    counts: int
    proof: str
    sys_object_id: str = ""
    model: str = ""
    firmware: str = ""


class Profile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A family of devices.

    `rank`: the lower is read first where two profiles fit. `root` goes before all its points; `beside` too, but only
    when a profile of the same kind is read already. `accuracy` is the class of its power meter [%]; `interval` and
    `deadline` are advice [s].
    """

    name: str
    vendor: str
    kind: str
    match: Match
    identity: Identity = Identity()
    rank: int = 50
    root: str = ""
    beside: str = ""
    accuracy: float | None = None
    interval: float | None = None
    deadline: float | None = None
    repetitions: int = 10
    scalar: tuple[Group, ...] = ()
    table: tuple[Table, ...] = ()
    scale: tuple[Scale, ...] = ()
    estimate: tuple[Estimate, ...] = ()


KINDS = ("ups", "pdu", "ats", "meter", "environment", "cooling", "generator", "server", "switch")
_OID = re.compile(r"\d+(\.\d+)*")


@lru_cache(maxsize=1)
def catalogue() -> tuple[Profile, ...]:
    """All profiles in the order they are tried. Reads files: not for the event loop."""
    folder = files("collectors.snmp.profiles")
    found = [parse(one.read_bytes(), one.name) for one in folder.iterdir() if one.name.endswith(".toml")]
    return tuple(sorted(found, key=lambda profile: (profile.rank, profile.name)))


def named(name: str, profiles: Sequence[Profile]) -> Profile:
    """The profile a person asked for. Raises `ConfigError` with the nearest name."""
    names = {profile.name: profile for profile in profiles}
    if name not in names:
        near = difflib.get_close_matches(name, names, 1, 0.6)
        cure = f'did you mean "{near[0]}"?' if near else f"known: {', '.join(sorted(names))}"
        raise ConfigError(f'profile = "{name}": no such SNMP profile; {cure}')
    return names[name]


def parse(raw: bytes, file: str) -> Profile:
    """One profile from its file's bytes. Raises `ConfigError`; the message begins with the file's name."""
    try:
        profile = msgspec.convert(tomllib.loads(raw.decode()), Profile, str_keys=True)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{file}: {error}") from error
    for complaint in _complaints(profile, file):
        raise ConfigError(f"{file}: {complaint}")
    return profile


def spoken(column: Column) -> Spoken:
    """The column's unit; the quantity's own when none is written."""
    return SPOKEN[column.unit] if column.unit else Spoken(QUANTITIES[column.quantity].unit)


def _complaints(profile: Profile, file: str) -> Iterator[str]:
    if f"{profile.name}.toml" != file:
        yield f'name = "{profile.name}": expected the file\'s own name'
    if profile.kind not in KINDS:
        yield f'kind = "{profile.kind}": expected one of {", ".join(KINDS)}'
    for group in (*profile.scalar, *profile.table):
        points = [(column.point or group.point, column.quantity) for column in group.columns]
        for point, quantity in {key for key in points if points.count(key) > 1}:
            yield f"{group.entry}: two columns give {point} a {quantity}"
        for column in group.columns:
            where = f"{group.entry}.{column.at}"
            if not _OID.fullmatch(where):
                yield f"{where}: expected numbers with dots"
            if column.quantity not in QUANTITIES:
                yield f'{where}: quantity = "{column.quantity}": see names.QUANTITIES'
                continue
            if column.unit not in ("", *SPOKEN) or spoken(column).unit is not QUANTITIES[column.quantity].unit:
                yield f'{where}: unit = "{column.unit}" does not fit {column.quantity}'
            if (column.level or group.level) not in LEVELS:
                yield f'{where}: level = "{column.level or group.level}": expected one of {", ".join(LEVELS)}'
            if column.counts < 1:
                yield f"{where}: counts = {column.counts}: expected counts per unit, 1 or more"
            if (column.quantity == "state") != bool(column.states):
                yield f"{where}: a state needs `states`, and nothing else has them"
