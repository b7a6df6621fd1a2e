"""`dc-monitor record`: what a device says, as a fixture, and beside it what we make of it.

With both a bug report is a test: others serve the fixture and see the same readings.
"""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from dc_monitor.agent.words import counted
from dc_monitor.clock import SystemClock
from dc_monitor.commands import installed
from dc_monitor.commands.progress import Progress
from dc_monitor.commands.read import document
from dc_monitor.config import credentials
from dc_monitor.contract import Recorder, Recording, Target
from dc_monitor.errors import ConfigError, Refused

MOST_TEXTS = 60
"""So many texts a person will look through on a screen; all of them are in the file."""


def run(args: argparse.Namespace) -> int:
    """Write FILE and FILE's expected readings; say what was blanked, and what to look at before sending it."""
    scheme, found, _ = args.address.partition("://")
    if not found:
        raise ConfigError(f"{args.address}: expected an address such as snmp://10.0.0.12")
    recorder: Recorder = installed.load(installed.RECORDERS, scheme)
    output: Path = args.output if args.output.suffix == recorder.suffix else Path(f"{args.output}{recorder.suffix}")
    expected = output.with_suffix(".expected.json")
    for file in (output, expected):
        if file.exists():
            raise ConfigError(f"{file}: is there already; choose another file with -o, or remove it")
    if not output.parent.is_dir():
        raise ConfigError(f"{output}: there is no folder {output.parent}")
    secrets = credentials.load(args.credentials, args.credentials_file)
    target = Target(output.stem, args.address, SystemClock(), secrets, deadline=args.timeout)
    progress = Progress(0, "values", sys.stderr)
    try:
        recording = asyncio.run(recorder(target, args.keep_labels, progress.at))
    finally:
        progress.end()
    readings = document(target.device, recording.info, recording.poll)
    try:
        output.write_text("\n".join((*recording.lines, "")), encoding="utf-8")
        expected.write_text(json.dumps(readings, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise Refused(f"{output}: cannot be written: {error.strerror}") from error
    _tell(recording, output, expected)
    return 0


def _tell(recording: Recording, output: Path, expected: Path) -> None:
    info = recording.info
    what = " ".join(filter(None, (info.kind, info.vendor, info.model, info.firmware)))
    print(f"{output}: {counted(len(recording.lines), 'value')} of a device we take for: {what} ({info.why})")
    print(f"{expected}: the {counted(len(recording.poll.readings), 'reading')} we make of them")
    for remark in recording.remarks:
        print(f"  {remark}")
    print(f"Blanked: {', '.join(recording.blanked) or 'nothing'}.")
    if recording.remaining:
        print("These texts stayed as they are. Is one of them yours? Then change it in both files:")
        for text in recording.remaining[:MOST_TEXTS]:
            print(f"  {text}")
        if len(recording.remaining) > MOST_TEXTS:
            print(f"  and {len(recording.remaining) - MOST_TEXTS:,} more")
    print("Look through both files before you send them: a machine cannot know what is private to you.")
