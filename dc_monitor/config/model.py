"""What the file may say. Field names are the keys a person writes; the docstrings are the reference.

On one machine one file serves agent and site; on several, each file has the parts it needs.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct, field

from dc_monitor.clock import Clock
from dc_monitor.config.values import Duration, Listen, Moment, Network, Size
from dc_monitor.contract import Rating, Target
from dc_monitor.topology import Dated, Declared, Meter, Span, Topology

FORMAT = 1
"""Version of the file's keys."""

Name = Annotated[str, Meta(pattern=r"^[\w][\w .:+-]{0,63}$")]
"""Letters, digits, `_ . : + -` and spaces, at most 64: it becomes a tag, a folder, a label."""

DeviceName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:+-]{0,63}$")]


class Site(Struct, frozen=True, kw_only=True):
    """`[site]`: which room this is. `[[site]]` where one process serves several."""

    name: Name = "site"
    timezone: str = "Europe/Paris"
    labels: dict[str, str] = {}
    """What people call a point, such as `"probe-1/probe/0" = "rack 1, top"`."""
    outdoor: list[str] = []
    """Points that hang outside, such as `"probe-1/probe/3"`: never the inlet of a rack."""


class RatingTable(Struct, frozen=True, kw_only=True):
    """Nameplate: apparent power [VA] and real power [W]."""

    va: Annotated[float, Meta(gt=0)] | None = None
    w: Annotated[float, Meta(gt=0)] | None = None


class Device(Struct, frozen=True, kw_only=True):
    """`[[device]]`: one address to read. Everything not said is detected."""

    name: DeviceName
    address: str
    credentials: str = ""
    profile: str = ""
    room: str = ""
    rack: str = ""
    interval: Duration | None = None
    timeout: Duration = Duration(2.0)
    rating: RatingTable = RatingTable()
    options: dict[str, str] = {}

    def target(self, clock: Clock, credentials: Mapping[str, Any]) -> Target:
        """What a collector needs to know of it."""
        return Target(
            device=self.name,
            address=self.address,
            clock=clock,
            credentials=credentials,
            profile=self.profile,
            rating=Rating(self.rating.va, self.rating.w),
            deadline=self.timeout,
            options=self.options,
        )


class Spanned(Struct, frozen=True, kw_only=True):
    """Whatever holds from a day to another; without dates, always."""

    from_: Moment | None = field(name="from", default=None)
    to: Moment | None = None

    def span(self, zone: ZoneInfo) -> Span:
        """The dates as an instant each, read in `zone`."""
        always = Span()
        return Span(
            always.start if self.from_ is None else self.from_.nanoseconds(zone),
            always.end if self.to is None else self.to.nanoseconds(zone),
        )


class DatedRole(Spanned, frozen=True, kw_only=True):
    """What a meter counts as."""

    role: str


class DatedFeeder(Spanned, frozen=True, kw_only=True):
    """Who feeds a meter."""

    meter: str


class DatedRatio(Spanned, frozen=True, kw_only=True):
    """A current transformer's ratio."""

    ratio: float


class DeclaredTable(Struct, frozen=True, kw_only=True):
    """A branch nobody meters: real power [W] as it surely exceeds, likely is, surely stays below."""

    low: float
    likely: float
    high: float


class MeterTable(Spanned, frozen=True, kw_only=True):
    """`[[meter]]`: one node of the power chain; see `dc_monitor.topology.Meter`."""

    name: Name
    role: str | list[DatedRole] = "other"
    reads: str = ""
    label: str = ""
    kind: str = "grid"
    fed_by: list[str | DatedFeeder] = []
    class_: Annotated[float, Meta(gt=0, le=50)] | None = field(name="class", default=None)
    measured_at: str = ""
    ratio: float | list[DatedRatio] = 1.0
    declared: DeclaredTable | None = None
    site: str = ""


class Tariff(Struct, frozen=True, kw_only=True):
    """`[tariff]`: a flat price for a kWh, taxes included."""

    price: Annotated[float, Meta(ge=0)] | None = None
    currency: str = "EUR"


class Agent(Struct, frozen=True, kw_only=True):
    """`[agent]`: how devices are read, and where readings wait and show."""

    interval: Duration = Duration(60.0)
    state: str = ""
    metrics: Listen | None = Listen("127.0.0.1:9105")
    jsonlines: str = ""
    spool_quota: Size = Size(1 << 30)

    @property
    def state_path(self) -> Path:
        """Folder of the spool: as written, else systemd's, else the user's own."""
        return _state(self.state, "agent")


class Traps(Struct, frozen=True, kw_only=True):
    """`[traps]`: SNMP traps and informs that devices send; without this table nobody listens for any."""

    listen: Listen = Listen("127.0.0.1:1162")
    credentials: list[str] = []
    """Names of the credentials tables whose communities and users are heard."""
    allow: list[Network] = []
    """Who may send; when empty, the addresses of the devices."""
    rate: Annotated[float, Meta(gt=0, le=500)] = 50.0
    """Notifications a second, as a mean of ten."""


class Send(Struct, frozen=True, kw_only=True):
    """`[send]`, or `[[send]]` for several: a server that takes line protocol on `/api/v2/write`."""

    url: str
    token: str = ""
    """Name of the credentials table that holds `token`."""
    name: str = ""
    org: str = ""
    bucket: str = "dc-monitor"
    ca_file: str = ""
    timeout: Duration = Duration(10.0)


class Receive(Struct, frozen=True, kw_only=True):
    """`[receive]`: the site's side."""

    listen: Listen = Listen("127.0.0.1:8427")
    token: str = ""
    data: str = ""
    max_body: Size = Size(16 << 20)
    journal_quota: Size = Size(4 << 30)
    flush: Duration = Duration(60.0)

    @property
    def data_path(self) -> Path:
        """Folder of journal and archive: as written, else systemd's, else the user's own."""
        return _state(self.data, "site")


class Config(Struct, frozen=True, kw_only=True):
    """The whole file. `format` rises when a key changes its meaning; a file without it is of the first."""

    format: int = FORMAT
    sites: list[Site] = field(name="site", default_factory=lambda: [Site()])
    device: list[Device] = []
    meter: list[MeterTable] = []
    tariff: Tariff = Tariff()
    agent: Agent = Agent()
    traps: Traps | None = None
    send: list[Send] = []
    receive: Receive = Receive()
    credentials_file: str = ""

    @property
    def site(self) -> Site:
        """The site of everything that names none."""
        return self.sites[0]

    def topology(self, site: str = "") -> Topology:
        """The meter tree of a site, dates read in its time zone."""
        wanted = next((one for one in self.sites if one.name == site), self.site) if site else self.site
        zone = ZoneInfo(wanted.timezone)
        return Topology(
            tuple(_meter(table, zone) for table in self.meter if (table.site or self.site.name) == wanted.name)
        )


def _meter(table: MeterTable, zone: ZoneInfo) -> Meter:
    roles = [DatedRole(role=table.role)] if isinstance(table.role, str) else table.role
    feeders = [DatedFeeder(meter=one) if isinstance(one, str) else one for one in table.fed_by]
    ratios = table.ratio if isinstance(table.ratio, list) else [DatedRatio(ratio=table.ratio)]
    device, _, point = table.reads.partition("/")
    return Meter(
        name=table.name,
        roles=tuple(Dated(one.role, one.span(zone)) for one in roles),
        reads=(device, point or "total") if table.reads else None,
        label=table.label or table.name,
        kind=table.kind,
        fed_by=tuple(Dated(one.meter, one.span(zone)) for one in feeders),
        accuracy=table.class_,
        measured_at=table.measured_at,
        ratios=tuple(Dated(one.ratio, one.span(zone)) for one in ratios),
        declared=Declared(**msgspec.structs.asdict(table.declared)) if table.declared else None,
        span=table.span(zone),
    )


def _state(written: str, part: str) -> Path:
    if written:
        return Path(written).expanduser()
    home = os.environ.get("STATE_DIRECTORY", "").split(":")[0]  # the unit of each service names its own
    if home:
        return Path(home)
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "dc-monitor" / part
