"""`dc-monitor import`: history of other systems into the archive, with a word on every row that was not plain."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dc_monitor.commands.progress import Progress
from dc_monitor.config.load import load
from dc_monitor.config.model import Config
from dc_monitor.errors import ConfigError, DcMonitorError

if TYPE_CHECKING:
    from dc_monitor.history.imports.importer import Destination, FileResult
    from dc_monitor.history.imports.mapping import Plan

FORMAT = 1
"""Of the JSON document: rises when a key changes its meaning."""
_MIB = 1 << 20


def run(args: argparse.Namespace) -> int:
    """Import files one by one; 0 when all of all of them was taken, 1 when something was refused."""
    try:
        from dc_monitor.commands import import_map, import_sketch, import_told
        from dc_monitor.history.imports import mapping
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the archive needs the package {error.name}; install it with: pip install 'dc-monitor[site]'"
        ) from error
    if args.layouts:
        print("\n".join(import_map.layout_text(args.layout).splitlines() if args.layout else import_map.layouts()))
        return 0
    if not args.files:
        raise ConfigError("no file is named; --layouts lists the layouts that need no map")
    if args.sketch:
        print(import_sketch.sketch(args.files[0]))
        return 0
    config = load(args.config) if args.config else Config()
    site = _site(config, args.site)
    told = import_map.read(args.map, args.layout, _flags(args), args.column)
    try:
        plan = mapping.Plan.of(told, site.timezone)
    except ConfigError as error:
        raise ConfigError(f"{args.map.name if args.map else 'the map'}: {error}") from error
    to = _destination(config, site.name, args.archive)
    results = _import_all(args.files, plan, to, args.dry_run)
    for result in results:
        if result.problem:
            print(f"dc-monitor import: {result.problem}", file=sys.stderr)
    if args.json:
        print(json.dumps(document(results, to, plan, args.dry_run), ensure_ascii=False, indent=2))
    else:
        print("\n".join(import_told.told(results, to, plan, args.dry_run)))
    return 0 if all(_well(result) for result in results) else 1


def document(results: "Sequence[FileResult]", to: "Destination", plan: "Plan", dry_run: bool) -> dict[str, Any]:
    """The contract of `--json`: values in the units of their quantities, times in nanoseconds UTC."""
    return {
        "format": FORMAT,
        "ok": all(_well(result) for result in results),
        "dry_run": dry_run,
        "archive": str(to.folder),
        "site": to.site,
        "timezone": plan.zone.name,
        "files": [asdict(result) for result in results],
    }


def _import_all(files: Sequence[Path], plan: "Plan", to: "Destination", dry_run: bool) -> "list[FileResult]":
    from dc_monitor.history.imports.importer import Importer

    results = []
    for file in files:
        size = file.stat().st_size if file.is_file() else 0
        progress = Progress(size // _MIB, f"MiB of {file.name}", sys.stderr)
        try:
            results.append(Importer(plan, to, partial(_move, progress), dry_run).file(file))
        except DcMonitorError as error:
            done = f" ({len(results)} of {len(files)} files were imported before)" if len(files) > 1 else ""
            raise DcMonitorError(f"{file}: {error}; what joined the archive stays, import it again{done}") from error
        finally:
            progress.end()
    return results


def _move(progress: Progress, done: int, rows: int) -> None:
    progress.at(done // _MIB, f"{rows:,} rows")


def _well(result: "FileResult") -> bool:
    return not result.problem and not any(reason.fate == "refused" for reason in result.reasons)


def _site(config: Config, name: str) -> Any:
    known = {site.name: site for site in config.sites}
    if name and name not in known:
        raise ConfigError(f'--site "{name}": no such site; there are {", ".join(known)}')
    return known[name] if name else config.site


def _destination(config: Config, site: str, archive: Path | None) -> "Destination":
    from dc_monitor.history.archive import Archive
    from dc_monitor.history.imports.importer import Destination

    folder = archive or config.receive.data_path / "archive"
    places = {device.name: (device.room, device.rack) for device in config.device}
    return Destination(Archive(folder, site), folder, site, places)


def _flags(args: argparse.Namespace) -> dict[str, Any]:
    from dc_monitor.commands.import_map import flag

    flags = dict(flag(one) for one in args.set)
    for key in ("device", "point"):
        if getattr(args, key):
            flags[key] = getattr(args, key)
    if args.where:
        for one in args.where:
            if "=" not in one:
                raise ConfigError(f'--where "{one}": expected COLUMN=TEXT, such as numer_sta=07027')
        flags["where"] = dict(one.split("=", 1) for one in args.where)
    return flags
