"""The page's document, `/api/v1/now`: one site at one instant as JSON.

Every value that may not be claimed is null, and a sentence beside it says why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dc_monitor.clock import NANOSECONDS
from dc_monitor.config.model import Tariff
from dc_monitor.history.columns import empty
from dc_monitor.kpi.figure import Figure, iso
from dc_monitor.kpi.points import find, wanted
from dc_monitor.names import METHODS
from dc_monitor.site import curves, headline
from dc_monitor.site.consumption import TakenIn
from dc_monitor.site.roster import Seen
from dc_monitor.site.snapshot import MeterNow, Snapshot

SIMULATED = METHODS.index("simulated")


@dataclass(frozen=True, slots=True)
class Computed:
    """What is computed once a minute: figures, and the energy taken in since midnight and over the last 24 hours."""

    figures: Sequence[Figure]
    today: TakenIn
    day: TakenIn


def now_document(
    site: Snapshot, sites: Sequence[str], computed: Computed | None, tariff: Tariff, lang: str
) -> dict[str, Any]:
    """The whole document; `computed` is None until the first minute is over, and for sites without a configuration."""
    return {
        "site": site.plan.name,
        "sites": list(sites),
        "time": iso(site.now // NANOSECONDS * NANOSECONDS),
        "timezone": site.plan.zone.key,
        "simulated": SIMULATED in site.recent.methods(site.plan.name),  # one in the curves is enough
        "headline": {
            "power": headline.power(site, lang),
            "energy_today": headline.energy_today(site, computed.today if computed else None, lang),
            "cost_month": headline.cost_month(site, computed.day if computed else None, tariff, lang),
            "hottest_inlet": headline.hottest_inlet(site, lang),
            "battery": headline.battery(site, lang),
        },
        "figures": [figure.as_json(lang) for figure in computed.figures] if computed else [],
        "chain": [_node(one, site.now) for one in site.meters],
        "curves": _curves(site),
        "devices": _devices(site),
        "agents": _agents(site),
    }


def _node(one: MeterNow, now: int) -> dict[str, Any]:
    meter = one.meter
    return {
        "name": meter.name,
        "label": meter.label or meter.name,
        "role": meter.role(now),
        "kind": meter.kind,
        "fed_by": list(meter.feeders(now)),
        "watts": one.watts,
        "low": one.low,
        "high": one.high,
        "method": one.method,
        "reads": "/".join(meter.reads) if meter.reads else None,
        "state": one.state,
        "age_seconds": None if one.age is None else one.age / NANOSECONDS,
    }


def _curves(site: Snapshot) -> dict[str, Any]:
    start = curves.grid(site.now)
    inlets = headline.inlets(site)
    metered = [one.meter for one in site.meters if one.meter.reads]
    keys = {key for meter in metered if meter.reads for key in wanted(*meter.reads)}
    found = site.recent.read(site.plan.name, start, site.now + 1, {*keys, *inlets})
    drawn: dict[str, list[Any]] = {"total": [], "it": []}
    series = []
    for meter in metered:
        assert meter.reads is not None
        parts = [curves.thin(samples, start) for samples in find(found, *meter.reads).power.values()]
        curve = np.sum(parts or [curves.thin(empty(), start)], axis=0) * (meter.ratio(site.now) or 1.0)
        role = meter.role(site.now) or "other"
        drawn.setdefault(role, []).append(curve)
        name = {"name": meter.name, "label": meter.label or meter.name, "role": role, "unit": "W"}
        series.append({**name, "values": curves.told(curve, 1)})
    return {
        "start": iso(start),
        "step_seconds": curves.STEP // NANOSECONDS,
        "series": series,
        "pue": curves.told(curves.ratio(drawn["total"], drawn["it"]), 3),
        "temperature": [
            {
                "name": f"{device}/{point}",
                "label": headline.label(site, device, point),
                "values": curves.told(curves.thin(found.get((device, point, quantity), empty()), start), 2),
            }
            for device, point, quantity in inlets
        ],
    }


def _devices(site: Snapshot) -> list[dict[str, Any]]:
    """Devices that were heard of, and those the configuration names that were not."""
    told = {name: _device(name, seen, site.now) for name, seen in site.devices.items()}
    unheard: dict[str, Any] = {
        "state": "silent",
        "kind": "unknown",
        **dict.fromkeys(("vendor", "model", "profile", "message"), ""),
        **dict.fromkeys(("readings", "last", "since", "poll_seconds", "retries")),
        "trouble": {},
    }
    for name in site.plan.devices:
        told.setdefault(name, {"name": name, **unheard})
    return [told[name] for name in sorted(told)]


def _device(name: str, seen: Seen, now: int) -> dict[str, Any]:
    state = seen.state(now)
    readings, retries = seen.number("readings"), seen.number("retries")
    return {
        "name": name,
        "state": state,
        "kind": seen.text("kind") or "unknown",
        "vendor": seen.text("vendor"),
        "model": seen.text("model"),
        "profile": seen.text("profile"),
        "readings": None if readings is None else int(readings),
        "last": iso(seen.line.time),
        "since": iso(seen.since if state == seen.word else seen.line.time),
        "poll_seconds": seen.number("poll_seconds"),
        "retries": None if retries is None else int(retries),
        "trouble": seen.day.counts(now),
        "message": seen.text("message"),
    }


def _agents(site: Snapshot) -> list[dict[str, Any]]:
    return [_agent(name, seen, site.now) for name, seen in site.roster.agents(site.plan.name).items()]


def _agent(name: str, seen: Seen, now: int) -> dict[str, Any]:
    """What an agent takes, and how it is; `cpu_share` is of one core, shares and watts are those of its last minute."""
    rss = seen.number("rss_bytes")
    return {
        "name": name,
        "state": seen.state(now),
        "rss_mb": None if rss is None else rss / 1e6,
        "cpu_seconds": seen.number("cpu_seconds"),
        "cpu_share": seen.rate("cpu_seconds"),
        "open_files": seen.number("open_files"),
        "own_joules": seen.number("own_energy_joules"),
        "own_watts": seen.rate("own_energy_joules"),
        "lag_seconds": seen.number("loop_lag_seconds"),
        "readings": seen.number("readings_total"),
        "spool_bytes": seen.number("spool_bytes"),
        "spool_oldest_seconds": seen.number("spool_oldest_seconds"),
        "trouble": seen.day.counts(now),
        "last": iso(seen.line.time),
    }
