"""Device knowledge as data: what a profile may say.

A profile is one TOML file in `profiles/`, written from the vendor's MIB text. It names exact columns; nothing else is
ever asked. `catalogue` reads them.
"""

from typing import NamedTuple

from msgspec import Struct

from dc_monitor.names import QUANTITIES
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
    "bar": Spoken(Unit.PASCAL, 100_000),
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


class Only(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition settled once, when the device is opened: what a row is, or how the device is set.

    The value of column `at` in the same row, or of the single object `oid`: its count is `one_of` and not `none_of`,
    its text matches `like` from the beginning and not `unlike`. What `like` captures are `{a}`, `{b}`, `{c}` in the
    point.
    """

    at: str = ""
    oid: str = ""
    one_of: tuple[int, ...] = ()
    none_of: tuple[int, ...] = ()
    like: str = ""
    unlike: str = ""
    or_missing: bool = False


class Factor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A column that says how a row counts, read once.

    `means`: `digits` after the decimal point; `divisor`; `signed`, a divisor when negative and a factor when positive,
    0 and 1 for none; `si`, the code of RFC 3433 (9 units, 8 milli, 10 kilo). A row without it has no value.
    """

    at: str
    means: str


class Column(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value: a column of a table, or a scalar.

    `at` is the column's number below the group's `entry`; `counts` how many counts make one `unit`; `absent` the
    codes that mean "not available" (instead of the group's). `row` takes only rows whose index looks so (`*.*.5`),
    `only` those where all conditions hold, `factors` scale each row by what it says itself. `states` are the words of
    a state's codes, or the name of a row of `[codes]` that holds them; `words` is a column that lists them itself, as
    `Open(0),Closed(1)`. `modulus`: the register starts again at 0 there; a count outside is no count. `doubt_zero`: 0
    W is not believed while volts and amperes flow at the same point. `nominal_volts`: an OID; when it is above 0 the
    device has no voltmeter and multiplies amperes by that setting.
    """

    at: str
    quantity: str
    unit: str = ""
    counts: int = 1
    row: str = ""
    only: tuple[Only, ...] = ()
    factors: tuple[Factor, ...] = ()
    point: str = ""
    level: str = ""
    absent: tuple[int, ...] | None = None
    states: dict[int, str] = {}
    words: str = ""
    modulus: int | None = None
    doubt_zero: bool = False
    nominal_volts: str = ""


class Group(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values below one OID that share a point. In `[[scalar]]` the instance is always 0.

    `absent` and `factors` hold for every column that has none of its own.
    """

    entry: str
    point: str
    level: str
    columns: tuple[Column, ...]
    absent: tuple[int, ...] = ()
    factors: tuple[Factor, ...] = ()


class Table(Group, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[table]]`: one point a row.

    In `point` stand `{0}`, `{1}` for the parts of the row's index, `{last}` for its last one, `{text}` for the text
    that ends it, `{label}` for its name in small letters, where numbers mean nothing. Two rows of one name are told
    apart by their index.

    `number`: a column whose value stands for `{0}`. `label`: a column with the name people gave the row. `many`: what
    goes before the point when that differs between rows, as in linked units (`unit/{0}`). `only` holds for every
    column. `when`: all must hold. `unless`: the table is not read when this other one has rows, which say the same.
    A column named by a full OID lies in another table with the same index.
    """

    number: str = ""
    label: str = ""
    many: str = ""
    only: tuple[Only, ...] = ()
    when: tuple[When, ...] = ()
    unless: str = ""


class Match(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device is of this family when its sysObjectID begins so (or says nothing) and one of `probe` answers.

    `column`: tables whose rows have no number one can guess; that they have any row answers too. `descr`: a pattern
    that sysDescr must match, for applications that share one vendor's card.
    """

    sys_object_id: tuple[str, ...] = ()
    probe: tuple[str, ...] = ()
    column: tuple[str, ...] = ()
    descr: str = ""


class Identity(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """OIDs that tell who the device is, the first that answers; `descr` are patterns for sysDescr, tried after them."""

    vendor: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    firmware: tuple[str, ...] = ()
    serial: tuple[str, ...] = ()
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
    `deadline` are advice [s]. `hint`: where SNMP is set on that vendor's card, for whoever gets no answer.
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
    hint: str = ""
    interval: float | None = None
    deadline: float | None = None
    repetitions: int = 10
    scalar: tuple[Group, ...] = ()
    table: tuple[Table, ...] = ()
    scale: tuple[Scale, ...] = ()
    estimate: tuple[Estimate, ...] = ()


def beside(group: Group, at: str) -> str:
    """Full OID of a column written in `group`: below its entry, unless it is a full OID itself."""
    return at if at.startswith("1.3.6.1.") else f"{group.entry}.{at}"


def spoken(column: Column) -> Spoken:
    """The column's unit; the quantity's own when none is written."""
    return SPOKEN[column.unit] if column.unit else Spoken(QUANTITIES[column.quantity].unit)
