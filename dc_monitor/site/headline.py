"""What anyone understands first: power now, energy today, what a month costs, the hottest inlet, the batteries.

Each is a dict for the page: its value, or null and under `why` a sentence.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from dc_monitor.clock import NANOSECONDS
from dc_monitor.config.model import Tariff
from dc_monitor.history.columns import Key
from dc_monitor.kpi.air import INLET, air_sensors
from dc_monitor.kpi.figure import iso
from dc_monitor.kpi.sentences import duration, say
from dc_monitor.names import METHODS
from dc_monitor.site.consumption import TakenIn
from dc_monitor.site.snapshot import Snapshot
from dc_monitor.site.words import why
from dc_monitor.units import JOULES_PER_KWH, SECONDS_PER_MINUTE

DAYS_A_MONTH = 30.44
"""A mean month, 365.25 / 12."""
LEAST_KNOWN = 3600 * NANOSECONDS
"""Less than so much of a day is too little to tell a month from."""
SECONDS_PER_DAY = 86_400.0
_ON_BATTERY = {"battery", "onbattery"}


def local_midnight(now: int, zone: ZoneInfo) -> int:
    """The last midnight of `zone`, nanoseconds UTC; on a day when clocks change it is 23 or 25 hours to the next."""
    today = dt.datetime.fromtimestamp(now // NANOSECONDS, zone).date()
    return round(dt.datetime.combine(today, dt.time(), zone).timestamp()) * NANOSECONDS


def power(site: Snapshot, lang: str) -> dict[str, Any]:
    """Power of the whole site [W], the sum of its supplies; null as soon as one of them may not be claimed."""
    absent: dict[str, Any] = {"watts": None, "method": None}
    reason = _no_supply(site, lang)
    if reason:
        return {**absent, "why": reason}
    watts, method = 0.0, 0
    for one in site.supplies:
        if one.watts is None or one.method is None:
            return {**absent, "why": one.absence(lang)}
        watts += one.watts
        method = max(method, METHODS.index(one.method))
    return {"watts": watts, "method": METHODS[method], "why": None}


def energy_today(site: Snapshot, today: TakenIn | None, lang: str) -> dict[str, Any]:
    """Energy since the local midnight [kWh] over the share of that time that is known."""
    reason = _no_energy(site, today, lang)
    if reason or today is None:
        since = iso(local_midnight(site.now, site.plan.zone))
        return {"kwh": None, "coverage": None, "since": since, "why": reason}
    return {"kwh": today.joules / JOULES_PER_KWH, "coverage": today.coverage, "since": iso(today.start), "why": None}


def cost_month(site: Snapshot, day: TakenIn | None, tariff: Tariff, lang: str) -> dict[str, Any]:
    """What a month costs at the flat price if it goes on like the known part of the last 24 hours."""
    price = tariff.price
    cost = {"amount": None, "currency": tariff.currency, "price_per_kwh": price}
    if price is None:
        return {**cost, "why": why("no_price", lang)}
    reason = _no_energy(site, day, lang)
    if reason or day is None:
        return {**cost, "why": reason}
    if day.known < LEAST_KNOWN:
        known, least = duration(day.known, lang), duration(LEAST_KNOWN, lang)
        return {**cost, "why": why("too_short", lang, known=known, least=least)}
    kwh_a_day = day.watts * SECONDS_PER_DAY / JOULES_PER_KWH
    return {**cost, "amount": kwh_a_day * DAYS_A_MONTH * price, "why": None}


def hottest_inlet(site: Snapshot, lang: str) -> dict[str, Any]:
    """The highest of the newest temperatures in front of racks [Cel]."""
    keys = inlets(site)
    fresh = site.fresh(keys)
    if not fresh:
        absent = dict.fromkeys(("celsius", "device", "point", "label"))
        return {**absent, "why": _absence(site, keys, "inlet", lang)}
    (device, point, _), newest = max(fresh.items(), key=lambda one: one[1].value)
    return {"celsius": newest.value, "device": device, "point": point, "label": label(site, device, point), "why": None}


def inlets(site: Snapshot) -> list[Key]:
    """Temperatures of the air in front of racks."""
    kinds = {device: site.kind(device) for device, _, _ in site.keys}
    sensors = air_sensors(site.keys, kinds, site.plan.labels, site.plan.outdoor)
    return [sensor.key for sensor in sensors if sensor.place == INLET]


def label(site: Snapshot, device: str, point: str) -> str:
    """A point for people: as the configuration calls it, else `probe/rack-1-top` is "rack 1 top"."""
    told = site.plan.labels.get(f"{device}/{point}")
    if told:
        return told
    name = point.removeprefix("probe/")
    return f"{device} {name}" if name.isdecimal() else name.replace("-", " ").replace("/", " ")


def battery(site: Snapshot, lang: str) -> dict[str, Any]:
    """The UPS whose battery ends first; one that runs on its battery comes before those that do not."""
    keys = [key for key in site.keys if key[2] == "runtime" and site.kind(key[0]) in ("ups", "unknown")]
    fresh = site.fresh(keys)
    if not fresh:
        absent = dict.fromkeys(("minutes", "charge", "device", "on_battery"))
        return {**absent, "why": _absence(site, keys, "battery", lang)}
    on_battery = {device: _on_battery(site, device) for device, _, _ in fresh}
    (device, _, _), newest = min(fresh.items(), key=lambda one: (not on_battery[one[0][0]], one[1].value))
    charges = [charge.value for charge in site.fresh(_of(site, device, "charge")).values()]
    return {
        "minutes": newest.value / SECONDS_PER_MINUTE,
        "charge": min(charges, default=None),
        "device": device,
        "on_battery": on_battery[device],
        "why": None,
    }


def _no_supply(site: Snapshot, lang: str) -> str | None:
    """Why there is nothing to add up, a sentence; None when there is."""
    if not site.plan.topology.meters:
        return why("no_meters", lang)
    return None if site.supplies else say("no_total").text(lang)


def _no_energy(site: Snapshot, taken: TakenIn | None, lang: str) -> str | None:
    """Why no energy of a period can be told, a sentence; None when it can."""
    reason = _no_supply(site, lang)
    if reason or (taken and taken.known):
        return reason
    if taken is None:
        return why("computing", lang)
    return next((one.absence(lang) for one in site.supplies if one.watts is None), why("no_energy", lang))


def _on_battery(site: Snapshot, device: str) -> bool | None:
    """Whether a UPS runs on its battery, by what it says of its output or of its time on battery; None when neither."""
    times = [time.value for time in site.fresh(_of(site, device, "time_on_battery")).values()]
    words = site.roster.states(site.plan.name, device)
    output = [words.get(key[1], "") for key in site.fresh(_of(site, device, "state")) if key[1].startswith("output")]
    if any(time > 0 for time in times) or any(_plain(word) in _ON_BATTERY for word in output):
        return True
    return False if times or output else None


def _of(site: Snapshot, device: str, quantity: str) -> list[Key]:
    return [key for key in site.keys if key[0] == device and key[2] == quantity]


def _plain(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalpha())


def _absence(site: Snapshot, keys: Iterable[Key], what: str, lang: str) -> str:
    ages = [site.now - newest.time for key in keys if (newest := site.newest(key))]
    return why(f"silent_{what}", lang, age=duration(min(ages), lang)) if ages else why(f"no_{what}", lang)
