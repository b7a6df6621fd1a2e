"""The page's document on invented readings: what it claims, what it does not, and why."""

import asyncio
import datetime as dt
from collections.abc import Callable, Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dc_monitor.clock import ManualClock
from dc_monitor.config.load import parse
from dc_monitor.history.archive import Archive
from dc_monitor.site import curves
from dc_monitor.site.everything import Everything
from dc_monitor.site.headline import local_midnight
from dc_monitor.site.journal import SINK, Journal
from dc_monitor.site.live import Live
from dc_monitor.site.recent import Recent
from dc_monitor.site.roster import Roster
from dc_monitor.site.service import plan_of
from dc_monitor.spool import Spool
from dc_monitor.wire import parse_lines

NOON = 1_795_608_000 * 10**9  # 2026-11-25T12:00:00Z, 13:00 in Paris
MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
PARIS = ZoneInfo("Europe/Paris")

CHAIN = b"""
[site]
name = "Caen-1"
[tariff]
price = 0.20
[[device]]
name = "main-meter"
address = "modbus://10.0.0.30/1"
[[device]]
name = "ups-a"
address = "snmp://10.0.0.12"
[[meter]]
name = "utility"
label = "Utility"
reads = "main-meter/total"
role = "total"
class = 0.5
[[meter]]
name = "it-a"
reads = "ups-a/output"
role = "it"
class = 1
fed_by = ["utility"]
[[meter]]
name = "light"
role = "lighting"
declared = { low = 20, likely = 50, high = 100 }
fed_by = ["utility"]
"""


class Site:
    """A site in memory: readings are told to it, documents come out."""

    def __init__(self, path: Path, config: bytes = CHAIN) -> None:
        self.clock = ManualClock(NOON)
        read = parse(config)
        plans = [plan_of(read, one.name) for one in read.sites]
        self.archive = Archive(path / "archive", read.site.name)
        self.recent = Recent(self.clock.now, {plan.name: plan.topology for plan in plans})
        self.roster = Roster()
        self.live = Live(plans, self.recent, self.roster, self.archive, self.clock, read.tariff)

    def tell(self, *texts: str) -> None:
        """Take lines as they come from the journal; `@n` is n minutes before noon."""
        lines = []
        for text in texts:
            head, _, minutes = text.partition(" @")
            good, bad = parse_lines(f"{head} {NOON - int(float(minutes or 0) * MINUTE)}".encode())
            assert [] == bad
            lines += good
        self.recent.add(lines)
        self.roster.add(lines)

    def run(self, watts: float, series: str = "device=main-meter,point=total", minutes: Iterable[int] = range(1441)):
        """A constant power, once a minute."""
        self.tell(*(f"power,site=Caen-1,{series},method=measured watts={watts} @{minute}" for minute in minutes))

    def now(self, lang: str = "en", site: str = "Caen-1") -> dict:
        """The document, its figures computed now."""
        self.live.compute()
        return self.live.document(site, lang)

    def headline(self, card: str, lang: str = "en") -> dict:
        return self.now(lang)["headline"][card]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


IT = "device=ups-a,point=output"


def test_a_site_that_is_well_says_everything(site):
    """1,000 W for the site, 800 W for its IT equipment, all day."""
    site.run(1000.0)
    site.run(800.0, IT)
    document = site.now()
    head = document["headline"]

    assert {"watts": 1000.0, "method": "measured", "why": None} == head["power"]
    assert (pytest.approx(13.0), pytest.approx(1.0), "2026-11-24T23:00:00Z", None) == tuple(
        head["energy_today"].values()
    )
    assert (pytest.approx(24 * 30.44 * 0.20), "EUR", 0.20, None) == tuple(head["cost_month"].values())
    assert [("24h", 1.25), ("today", 1.25), ("1h", 1.25)] == [
        (figure["window"], round(figure["value"], 6)) for figure in document["figures"]
    ]
    assert ("2026-11-25T12:00:00Z", "Europe/Paris", False) == tuple(
        document[key] for key in ("time", "timezone", "simulated")
    )


def test_the_chain_tells_every_meter_with_its_state_and_bounds(site):
    """Measured, too old, never heard of and declared look different."""
    site.run(1000.0, minutes=range(10))
    site.run(800.0, IT, minutes=range(20, 30))
    chain = {node["name"]: node for node in site.now()["chain"]}

    assert ("ok", 1000.0, 995.0, 1005.0, 0.0) == tuple(
        chain["utility"][key] for key in ("state", "watts", "low", "high", "age_seconds")
    )
    assert ("stale", None, 1200.0) == tuple(chain["it-a"][key] for key in ("state", "watts", "age_seconds"))
    assert ("declared", 50.0, 20.0, 100.0, None) == tuple(
        chain["light"][key] for key in ("state", "watts", "low", "high", "reads")
    )
    assert ("total", "grid", [], "main-meter/total") == tuple(
        chain["utility"][key] for key in ("role", "kind", "fed_by", "reads")
    )
    assert ["utility"] == chain["it-a"]["fed_by"]


@pytest.mark.parametrize(
    ("minutes", "seconds", "claimed"),
    [
        (range(0, 60, 10), 1795, True),
        (range(0, 60, 10), 1805, False),
        ([n / 6 for n in range(60)], 295, True),
        ([n / 6 for n in range(60)], 305, False),
    ],
    ids=["every 10 min", "every 10 min, three missing", "every 10 s", "every 10 s, silent for 5 min"],
)
def test_a_reading_counts_for_three_of_its_periods_and_at_least_five_minutes(site, minutes, seconds, claimed):
    """A meter read every ten minutes is not silent after six, nor one read every ten seconds after one."""
    site.run(1000.0, minutes=minutes)
    site.clock.advance(seconds)

    assert claimed == (site.headline("power")["watts"] is not None)


@pytest.mark.parametrize(
    ("lang", "reason"),
    [
        ("en", "Utility has sent no power for 20 min."),
        ("fr", "Utility n’envoie plus de puissance depuis 20 min."),
    ],
)
def test_a_silent_supply_leaves_the_power_absent_and_says_for_how_long(site, lang, reason):
    """Not 0, not the last value, not the sum of the others."""
    site.run(1000.0, minutes=range(20, 40))

    assert {"watts": None, "method": None, "why": reason} == site.headline("power", lang)


def test_a_supply_that_never_spoke_is_told_by_what_it_should_read(site):
    """A typing error in `reads` is seen here first."""
    site.run(800.0, IT)
    head = site.now()["headline"]
    reason = "Utility has sent no power of main-meter/total for at least 1 d 2 h."

    assert [reason] * 3 == [head[card]["why"] for card in ("power", "energy_today", "cost_month")]
    assert [None] * 3 == [
        head["power"]["watts"],
        head["energy_today"]["kwh"],
        head["cost_month"]["amount"],
    ]


def test_two_supplies_add_up_and_the_least_direct_method_is_told(tmp_path):
    """A solar roof is a supply like the grid."""
    pv = b'[[meter]]\nname = "roof"\nreads = "ups-a/input"\nrole = "total"\nkind = "pv"\n'
    site = Site(tmp_path, CHAIN + pv)
    site.run(1000.0, minutes=range(10))
    site.tell("power,site=Caen-1,device=ups-a,point=input,method=estimated watts=500,watts_low=400,watts_high=600 @0")
    document = site.now()

    assert {"watts": 1500.0, "method": "estimated", "why": None} == document["headline"]["power"]
    assert (400.0, 600.0) == tuple(document["chain"][3][key] for key in ("low", "high"))


def test_a_device_that_gives_only_phases_has_a_virtual_total(site):
    """RFC 1628 has no total; a phase that fell silent is no smaller total."""
    for phase in ("l1", "l2", "l3"):
        site.run(100.0, f"device=ups-a,point=output/{phase}", range(10 if phase == "l3" else 0, 30))
    chain = {node["name"]: node for node in site.now()["chain"]}
    assert ("stale", None) == (chain["it-a"]["state"], chain["it-a"]["watts"])
    site.run(100.0, "device=ups-a,point=output/l3", range(10))
    site.clock.advance(3)
    chain = {node["name"]: node for node in site.now()["chain"]}

    assert ("ok", 300.0) == (chain["it-a"]["state"], chain["it-a"]["watts"])


def test_a_transformer_ratio_multiplies_the_watts(tmp_path):
    """A meter behind 100/5 A transformers shows a twentieth."""
    site = Site(tmp_path, CHAIN.replace(b"class = 0.5", b"ratio = 20"))
    site.run(50.0)
    document = site.now()

    assert 1000.0 == document["headline"]["power"]["watts"]
    assert pytest.approx(13.0) == document["headline"]["energy_today"]["kwh"]
    assert 1000.0 == document["curves"]["series"][0]["values"][-2]


def test_a_hole_in_the_day_lowers_the_coverage_and_adds_no_energy(site):
    """Three hours without readings are told, not bridged."""
    site.run(1000.0, minutes=[*range(300), *range(480, 1441)])
    today = site.headline("energy_today")

    assert (pytest.approx(10.0, abs=0.05), pytest.approx(10 / 13, abs=0.005)) == (today["kwh"], today["coverage"])


def test_a_month_is_told_from_the_known_part_of_the_last_day(site):
    """Six known hours at 1 kW are a month at 1 kW; half an hour is too little to tell."""
    site.run(1000.0, minutes=range(361))
    assert pytest.approx(24 * 30.44 * 0.20) == site.headline("cost_month")["amount"]


def test_half_an_hour_is_too_little_for_a_month(site):
    """The first minute after a start is often not like the day."""
    site.run(1000.0, minutes=range(31))

    assert (None, "Only 30 min of the last 24 h are known; a month is told from 1 h on.") == (
        site.headline("cost_month")["amount"],
        site.headline("cost_month")["why"],
    )


def test_without_a_price_there_is_no_cost_and_the_key_is_named(tmp_path):
    """No default price: a wrong amount is worse than none."""
    site = Site(tmp_path, CHAIN.replace(b"[tariff]\nprice = 0.20\n", b""))
    site.run(1000.0)

    cost = site.headline("cost_month", "fr")
    assert (None, None) == (cost["amount"], cost["price_per_kwh"])
    assert "[tariff] price" in cost["why"]


def test_without_a_total_meter_the_page_says_what_to_configure(tmp_path):
    """The IT meter alone is no site."""
    site = Site(tmp_path, CHAIN.replace(b'role = "total"', b'role = "ups"'))
    site.run(1000.0)

    assert 'Give the role "total"' in site.headline("power")["why"]
    assert 'Give the role "total"' in site.headline("energy_today")["why"]


def temperature(device: str, point: str, celsius: float, minute: int = 0) -> str:
    return f"temperature,site=Caen-1,device={device},point={point} celsius={celsius} @{minute}"


def test_the_hottest_inlet_is_in_front_of_a_rack_never_in_a_ups(site):
    """A battery at 35 °C is no inlet, nor is the inside of a UPS."""
    site.tell(
        'device,site=Caen-1,device=ups-a up=1,kind="ups" @0',
        temperature("ups-a", "battery", 35.0),
        temperature("ups-a", "inlet/internal", 33.0),
        temperature("ups-a", "probe/battery-room", 32.0),
        temperature("crac", "return", 31.0),
        temperature("probe-1", "probe/rack-1-top", 24.5),
        temperature("probe-1", "probe/rack-1-bottom", 21.0),
        temperature("srv", "inlet", 23.0),
        temperature("probe-1", "probe/rack-2-top", 40.0, minute=30),
    )

    assert {
        "celsius": 24.5,
        "device": "probe-1",
        "point": "probe/rack-1-top",
        "label": "rack 1 top",
        "why": None,
    } == site.headline("hottest_inlet")


def test_a_probe_outdoors_is_no_inlet_and_a_point_has_the_name_people_gave_it(tmp_path):
    """In August the hottest probe hangs outside; that is weather, not a rack that overheats."""
    told = b'outdoor = ["probe-1/probe/3"]\nlabels = { "probe-1/probe/0" = "Rack 1, top" }\n'
    site = Site(tmp_path, b'[site]\nname = "Caen-1"\n' + told)
    site.tell(
        temperature("probe-1", "probe/3", 38.0),
        temperature("probe-1", "probe/0", 24.5),
        temperature("x", "probe/7", 20.0),
    )

    assert (24.5, "Rack 1, top") == tuple(site.headline("hottest_inlet")[key] for key in ("celsius", "label"))
    assert {"Rack 1, top", "x 7"} == {one["label"] for one in site.now()["curves"]["temperature"]}


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ([], "No inlet temperature is measured: a probe in front of a rack would tell it."),
        ([temperature("probe-1", "probe/a", 20.0, 30)], "No inlet temperature has come for 30 min."),
    ],
    ids=["never", "no longer"],
)
def test_an_absent_inlet_has_its_reason(site, told, reason):
    """Never measured and no longer measured call for different hands."""
    site.tell(*told)

    assert (None, reason) == tuple(site.headline("hottest_inlet")[key] for key in ("celsius", "why"))


def ups(name: str, runtime: float, on_battery: float = 0.0) -> list[str]:
    return [
        f'device,site=Caen-1,device={name} up=1,kind="ups" @0',
        f"runtime,site=Caen-1,device={name},point=battery seconds={runtime} @0",
        f"charge,site=Caen-1,device={name},point=battery ratio=0.9 @0",
        f"time_on_battery,site=Caen-1,device={name},point=battery seconds={on_battery} @0",
    ]


@pytest.mark.parametrize(
    ("told", "device", "minutes", "on_battery"),
    [
        ([*ups("ups-a", 2400), *ups("ups-b", 1800)], "ups-b", 30.0, False),
        ([*ups("ups-a", 2400, 60), *ups("ups-b", 1800)], "ups-a", 40.0, True),
        ([*ups("ups-a", 2400, 60), *ups("ups-b", 1800, 60)], "ups-b", 30.0, True),
        ([ups("ups-a", 2400)[1]], "ups-a", 40.0, None),
        (
            [
                ups("ups-a", 2400)[1],
                'state,site=Caen-1,device=ups-a,point=output/source code=5,text="battery" @0',
                'state,site=Caen-1,device=ups-a,point=battery/status code=2,text="batteryNormal" @0',
            ],
            "ups-a",
            40.0,
            True,
        ),
        (
            [
                ups("ups-a", 2400)[1],
                'state,site=Caen-1,device=ups-a,point=output/source code=5,text="battery" @1',
                'state,site=Caen-1,device=ups-a,point=output/source code=3,text="normal" @0',
            ],
            "ups-a",
            40.0,
            False,
        ),
    ],
    ids=[
        "the shortest runtime",
        "one on battery comes first",
        "both on battery",
        "nothing told of it",
        "by its state",
        "its newest state counts",
    ],
)
def test_the_battery_that_ends_first_is_shown(site, told, device, minutes, on_battery):
    """A UPS on its battery matters more than one that would last shorter if."""
    site.tell(*told)
    battery = site.headline("battery")

    assert (device, minutes, on_battery, None) == tuple(
        battery[key] for key in ("device", "minutes", "on_battery", "why")
    )


def test_without_a_ups_the_battery_has_its_reason(site):
    """Most small rooms have one that nobody connected."""
    assert "No UPS tells how long its battery would last." == site.headline("battery")["why"]


def test_one_simulated_reading_in_the_day_marks_the_whole_document(site):
    """A demo must never be taken for a site, even when its devices are read over real protocols by now."""
    site.run(1000.0, minutes=range(3))
    assert site.now()["simulated"] is False
    site.tell("power,site=Caen-1,device=x,point=total,method=simulated watts=1 @1200")
    site.clock.advance(3)

    assert site.now()["simulated"] is True


def test_devices_that_were_configured_and_never_heard_are_silent(site):
    """A device that is missing from the list would be silently wrong."""
    site.tell(
        "device,site=Caen-1,device=ups-a,reason=unreachable "
        'up=0,poll_seconds=6.5,readings=0,retries=2,kind="ups",vendor="APC",message="no answer" @1',
        "device,site=Caen-1,device=ups-a,reason=partial up=1,readings=7 @30",
    )
    devices = {device["name"]: device for device in site.now()["devices"]}
    silent = devices["main-meter"]

    assert ("silent", None, {}) == (silent["state"], silent["last"], silent["trouble"])
    assert silent.keys() == devices["ups-a"].keys()
    assert {
        "name": "ups-a",
        "state": "unreachable",
        "kind": "ups",
        "vendor": "APC",
        "model": "",
        "profile": "",
        "readings": 0,
        "last": "2026-11-25T11:59:00Z",
        "since": "2026-11-25T11:59:00Z",
        "poll_seconds": 6.5,
        "retries": 2,
        "trouble": {"unreachable": 1, "partial": 1, "retried": 1},
        "message": "no answer",
    } == devices["ups-a"]


def test_agents_tell_what_they_cost(site):
    """The light agent shows its weight; shares and watts are those of its last minute."""
    fields = "rss_bytes=31200000,cpu_seconds={},open_files=24,own_energy_joules={},loop_lag_seconds=0.5"
    fields += ",spool_bytes=0,spool_oldest_seconds=0,readings_total=1234,missed_total={}"
    site.tell(
        f"agent,site=Caen-1,agent=host-1 {fields.format(10.0, 300.0, 2)} @1",
        f"agent,site=Caen-1,agent=host-1 {fields.format(11.2, 306.0, 5)} @0",
    )
    [agent] = site.now()["agents"]

    assert {
        "name": "host-1",
        "state": "ok",
        "rss_mb": 31.2,
        "cpu_seconds": 11.2,
        "cpu_share": pytest.approx(0.02),
        "open_files": 24.0,
        "own_joules": 306.0,
        "own_watts": pytest.approx(0.1),
        "lag_seconds": 0.5,
        "readings": 1234.0,
        "spool_bytes": 0.0,
        "spool_oldest_seconds": 0.0,
        "trouble": {"missed": 3},
        "last": "2026-11-25T12:00:00Z",
    } == agent


def test_what_an_agent_does_not_tell_is_null(site):
    """A machine without RAPL has no energy of 0 J, and one line alone no processor share."""
    site.tell("agent,site=Caen-1,agent=host-1 rss_bytes=31200000,cpu_seconds=1.2 @0")
    [agent] = site.now()["agents"]

    known = {"name", "state", "rss_mb", "cpu_seconds", "trouble", "last"}
    assert {None} == {value for key, value in agent.items() if key not in known}


def test_curves_are_means_of_five_minutes_with_gaps_as_gaps(site):
    """A hole is a hole in the drawing too, and the quotient has the holes of both."""
    site.run(1000.0, minutes=[minute for minute in range(1441) if not 56 <= minute < 120])
    site.run(800.0, IT)
    drawn = site.now()["curves"]
    utility = next(series["values"] for series in drawn["series"] if series["name"] == "utility")

    assert ("2026-11-24T12:05:00Z", 300, 288, 288) == (
        drawn["start"],
        drawn["step_seconds"],
        len(utility),
        len(drawn["pue"]),
    )
    assert {1000.0, None} == set(utility)
    assert 12 == utility.count(None)
    assert [None if watts is None else 1.25 for watts in utility] == drawn["pue"]


def test_a_site_that_only_the_tag_knows_is_shown_without_a_pue(site):
    """Its devices and temperatures are there; nothing is computed of it."""
    site.tell(
        "temperature,site=Rouen,device=probe,point=probe/a celsius=21 @0",
        "power,site=Rouen,device=pdu,point=total watts=5 @0",
        "device,site=Rouen,device=probe up=1 @0",
    )
    document = site.now(site="Rouen")

    assert (["Caen-1", "Rouen"], [], []) == tuple(document[key] for key in ("sites", "figures", "chain"))
    assert document["headline"]["power"]["why"].startswith("No meters are configured for this site")
    assert 21.0 == document["headline"]["hottest_inlet"]["celsius"]
    assert ["probe"] == [device["name"] for device in document["devices"]]


def test_before_the_first_minute_the_page_says_that_it_computes(site):
    """The first computation compiles; the page is there before it is done."""
    site.run(1000.0)
    document = site.live.document("Caen-1", "en")

    assert ([], "The first figures are being computed.") == (
        document["figures"],
        document["headline"]["energy_today"]["why"],
    )
    assert 1000.0 == document["headline"]["power"]["watts"]


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        ("2026-03-29T23:30:00+02:00", 22.5),
        ("2026-10-25T23:30:00+01:00", 24.5),
        ("2026-06-15T00:00:00+02:00", 0.0),
        ("2026-12-31T23:59:59+01:00", 23 + 3599 / 3600),
    ],
    ids=["the day of 23 hours", "the day of 25 hours", "at midnight", "the last second of a year"],
)
def test_today_begins_at_the_midnight_of_the_site(now, hours):
    """Clocks that change must not move energy to another day."""
    time = round(dt.datetime.fromisoformat(now).timestamp()) * 10**9

    assert pytest.approx(hours) == (time - local_midnight(time, PARIS)) / HOUR


def test_energy_of_the_longest_day_is_whole(tmp_path):
    """25 hours at 1 kW are 25 kWh: memory and windows reach back far enough."""
    site = Site(tmp_path)
    end = round(dt.datetime(2026, 10, 25, 23, 59, tzinfo=PARIS).timestamp()) * 10**9
    site.clock.step((end - NOON) / 10**9)
    back = (NOON - end) // MINUTE
    site.run(1000.0, minutes=range(back, back + 26 * 60))
    today = site.headline("energy_today")

    assert (pytest.approx(25 - 1 / 60), pytest.approx(1.0)) == (today["kwh"], today["coverage"])
    assert "2026-10-24T22:00:00Z" == today["since"]


def test_a_meter_silent_for_a_week_is_found_in_the_archive(site):
    """Memory forgets after a day; "silent since" must not become "never heard of"."""
    site.run(800.0, IT)
    lines = parse_lines(
        "".join(
            f"power,site=Caen-1,device=main-meter,point=total watts=1000 {NOON - 7 * 24 * HOUR + minute * MINUTE}\n"
            for minute in range(60)
        ).encode()
    )[0]
    site.archive.write(lines)

    assert site.now()["figures"][0]["missing"][0].startswith("Utility has sent nothing since 2026-11-18 12:59")


def test_what_the_archive_answered_is_asked_once_an_hour(site, monkeypatch):
    """A silent meter is searched in weeks of files; every minute would be a load of its own."""
    asked: list[tuple] = []
    real = Archive.read
    monkeypatch.setattr(Archive, "read", lambda self, *question: asked.append(question) or real(self, *question))
    for _ in range(5):
        site.clock.advance(60)
        site.live.compute()
    first = len(asked)
    site.clock.advance(3600)
    site.live.compute()

    assert (5, 10) == (first, len(asked))  # three figures and two energies, each hour


def test_archive_and_memory_are_one_history(site):
    """What is flushed and what is not yet, without a seam and without doubles."""
    old = parse_lines(
        "".join(f"power,site=Caen-1,device=a,point=total watts=1 {NOON - n * HOUR}\n" for n in range(20, 60)).encode()
    )[0]
    site.archive.write(old)
    site.tell(*(f"power,site=Caen-1,device=a,point=total watts=2 @{n * 60}" for n in range(24)))
    key = ("a", "total", "power")
    everything = Everything(site.archive, site.recent)
    found = everything.read("Caen-1", NOON - 100 * HOUR, NOON + 1, [key])[key]

    assert [NOON - n * HOUR for n in reversed(range(60))] == found.time.tolist()
    assert 24 == found.value.tolist().count(2.0)


def test_figures_are_kept_as_kpi_lines_every_five_minutes(tmp_path):
    """History keeps them: two lines each time, nothing for what was not claimed."""
    site = Site(tmp_path)
    site.run(1000.0)
    site.run(800.0, IT)
    journal = Journal(Spool(tmp_path / "journal.sqlite", (SINK,)), site.archive, site.clock, 1 << 30)

    async def sleep(seconds: float) -> None:
        site.clock.advance(seconds)
        if site.clock.now() > NOON + 5.5 * MINUTE:
            raise asyncio.CancelledError

    site.clock.sleep = sleep  # type: ignore[method-assign]

    async def story() -> None:
        await journal.open()
        with pytest.raises(asyncio.CancelledError):
            await site.live.keep_computing(journal)
        await journal.close()

    asyncio.run(story())
    kept = site.archive.rows("Caen-1", "kpi", NOON, NOON + HOUR)

    assert [("1h", NOON), ("24h", NOON), ("1h", NOON + 5 * MINUTE), ("24h", NOON + 5 * MINUTE)] == sorted(
        ((line.tags["window"], line.time) for line in kept), key=lambda one: (one[1], one[0])
    )
    assert {"value", "low", "high", "coverage"} == set(kept[0].fields)
    assert ("pue", "Caen-1", "interim") == tuple(kept[0].tags[tag] for tag in ("kpi", "site", "status"))


def test_a_fault_in_a_figure_is_said_once_and_does_not_end_the_minutes(site, monkeypatch, caplog):
    """Readings must come in even when a figure cannot be made of them."""
    turns = iter(range(3))

    def broken() -> Callable:
        raise ZeroDivisionError("no such thing")

    async def sleep(seconds: float) -> None:
        if next(turns, None) is None:
            raise asyncio.CancelledError

    monkeypatch.setattr(site.live, "compute", broken)
    site.clock.sleep = sleep

    async def story() -> None:
        with pytest.raises(asyncio.CancelledError):
            await site.live.keep_computing(None)

    asyncio.run(story())

    assert 1 == caplog.text.count("cannot compute the figures: ZeroDivisionError: no such thing")


def test_the_grid_of_the_curves_is_the_same_for_five_minutes():
    """A curve that shifts with every request would flicker."""
    assert 1 == len({curves.grid(NOON + second * 10**9) for second in range(300)})
