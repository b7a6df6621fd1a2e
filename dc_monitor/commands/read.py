"""`dc-monitor read`: ask one device once and print what it says."""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from dc_monitor.agent.registry import factory
from dc_monitor.clock import SystemClock, iso
from dc_monitor.commands import ask_credentials
from dc_monitor.config import credentials
from dc_monitor.contract import CollectorFactory, DeviceInfo, Poll, Target
from dc_monitor.errors import ConfigError
from dc_monitor.readings import Reading


def run(args: argparse.Namespace) -> int:
    """Print the device and its readings; what was not answered goes to stderr.

    At a terminal, missing credentials are asked for, and those that worked may be kept.
    """
    scheme, found, rest = args.address.partition("://")
    if not found:
        raise ConfigError(f"{args.address}: expected an address such as snmp://10.0.0.12 or host://")
    make = factory(scheme)
    asked = not args.credentials and ask_credentials.possible(scheme)
    secrets = ask_credentials.ask(args.address) if asked else credentials.load(args.credentials, args.credentials_file)
    target = Target(
        device=rest.partition("?")[0].rstrip("/") or scheme,
        address=args.address,
        clock=SystemClock(),
        credentials=secrets,
        profile=args.profile,
        deadline=args.timeout,
    )
    info, poll = asyncio.run(read(target, make))
    if args.json:
        print(json.dumps(document(target.device, info, poll), ensure_ascii=False, indent=1))
    else:
        print("\n".join((*_about(info), "", *_table(poll.readings))))
    for failure in poll.failures:
        print(f"not answered: {failure}", file=sys.stderr)
    if asked:
        sys.stdout.flush()
        ask_credentials.offer_to_keep(secrets, args.address, args.credentials_file)
    return 0


async def read(target: Target, make: CollectorFactory) -> tuple[DeviceInfo, Poll]:
    """Open, poll once, close; raises what the collector raises."""
    collector = make(target)
    try:
        return await collector.open(), await collector.collect()
    finally:
        await collector.close()


def document(device: str, info: DeviceInfo, poll: Poll) -> dict[str, Any]:
    """The contract of `--json`: units as UCUM symbols, times in ISO 8601 UTC, `quality` is how a value came to be."""
    return {
        "device": {
            "name": device,
            "kind": info.kind,
            "vendor": info.vendor,
            "model": info.model,
            "firmware": info.firmware,
            "profiles": list(info.profiles),
            "why": info.why,
            "left_out": list(info.left_out),
        },
        "readings": [_as_json(reading) for reading in poll.readings],
        "failures": list(poll.failures),
    }


def _as_json(reading: Reading) -> dict[str, Any]:
    series = reading.series
    told = {"text": reading.text, "low": reading.low, "high": reading.high, "label": series.label or None}
    return {
        "device": series.device,
        "point": series.point,
        "quantity": series.quantity,
        "value": reading.value,
        "unit": series.unit.symbol,
        "time": iso(reading.time),
        "source": series.source,
        "quality": series.method,
        "level": series.level,
        **{key: value for key, value in told.items() if value is not None},
    }


def _about(info: DeviceInfo) -> Iterator[str]:
    yield " ".join(filter(None, (info.kind, info.vendor, info.model, info.firmware)))
    yield info.why
    yield from (f"left out: {sentence}" for sentence in info.left_out)


def _table(readings: Sequence[Reading]) -> list[str]:
    """One line a reading, columns aligned, numbers to the right."""
    rows = [("point", "quantity", "value", "unit", "", "label")]
    for reading in readings:
        series = reading.series
        bounds = f"{_digits(reading.low)} to {_digits(reading.high)}" if reading.low is not None else ""
        how = "" if series.method == "measured" else series.method
        remark = " ".join(filter(None, (reading.text, how, bounds)))
        unit = "" if series.quantity == "state" else series.unit.symbol
        rows.append((series.point, series.quantity, _digits(reading.value), unit, remark, series.label))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return [
        "  ".join(
            cell.rjust(width) if column == 2 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _digits(value: float | None) -> str:
    """As many digits as carry meaning, thousands apart."""
    if value is None:
        return ""
    shown = f"{value:,.4f}" if abs(value) < 10 else f"{value:,.2f}"
    return (shown.rstrip("0").rstrip(".") if "." in shown else shown).replace(",", " ")
