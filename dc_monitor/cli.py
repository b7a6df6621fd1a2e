"""The command line: a static parser, and one lazy import per command.

Exit codes: 0 all is well; 1 the work could not be done; 2 the command or the configuration cannot be used.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from dc_monitor import __version__
from dc_monitor.errors import ConfigError, DcMonitorError

COMMANDS = {
    "demo": "simulated server room, real protocols: see a PUE in a minute",
    "agent": "read the devices and send what they say",
    "site": "receive, keep, compute and show",
    "read": "ask one device once and print what it says",
    "check": "validate the configuration, read everything once, say what is possible and what is missing",
    "discover": "find what can be read in a network, and propose the configuration for it",
    "record": "save what a device says, personal data blanked, as a fixture that makes a bug report a test",
    "import": "CSV and Parquet of other systems into the archive, with a word on every row that was not plain",
}
MODULES = {"import": "import_history"}
"""Of commands whose name no module can have."""

CHECK_CODES = (
    "Exit codes: 0 all is well; 1 something did not answer or is not possible; 2 the configuration cannot be used."
)


def parser() -> argparse.ArgumentParser:
    """The whole grammar; nothing heavy is imported for it."""
    root = argparse.ArgumentParser(
        prog="dc-monitor", description="Energy efficiency of datacentres and server rooms: a PUE with an error bar."
    )
    root.add_argument("--version", action="version", version=f"dc-monitor {__version__}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    add = {name: commands.add_parser(name, help=text, description=text) for name, text in COMMANDS.items()}

    add["demo"].add_argument("--seconds", type=seconds, help="end by itself after so many seconds")
    add["demo"].add_argument("--json", action="store_true", help="print one JSON document at the end")
    add["demo"].add_argument("--port", type=port, help="port of the page (default 8427, or a free one)")

    for name in ("agent", "site", "check"):
        add[name].add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="the TOML file")
    add["read"].add_argument("address", metavar="ADDRESS", help="such as snmp://10.0.0.12 or host://")
    add["read"].add_argument("--credentials", default="", metavar="NAME", help="table of the credentials file")
    add["read"].add_argument("--profile", default="", help="a profile of the catalogue, instead of detecting one")
    add["read"].add_argument("--timeout", type=seconds, default=2.0, help="seconds one answer may take (default 2)")
    add["discover"].add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help="10.0.0.12, 10.0.0.0/24, 10.0.0.5-40, a host name, each with :port; @FILE",
    )
    add["discover"].add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="configuration to write, or to add to"
    )
    add["discover"].add_argument(
        "--credentials",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="tables to try, users of SNMPv3 first",
    )
    add["discover"].add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PROTOCOL",
        help="look for this one: snmp modbus redfish ipmi nut",
    )
    add["discover"].add_argument("--timeout", type=seconds, default=1.0, help="seconds one answer may take (default 1)")
    add["discover"].add_argument("--rate", type=rate, default=200.0, help="most packets a second (default 200)")
    add["record"].add_argument("address", metavar="ADDRESS", help="such as snmp://10.0.0.12")
    add["record"].add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="such as pdu.snmprec")
    add["record"].add_argument("--credentials", default="", metavar="NAME", help="table of the credentials file")
    add["record"].add_argument(
        "--keep-labels", action="store_true", help="keep the names people gave outlets and probes"
    )
    add["record"].add_argument("--timeout", type=seconds, default=2.0, help="seconds one answer may take (default 2)")
    for name in ("agent", "site", "check", "read", "discover", "record"):
        add[name].add_argument(
            "--credentials-file", type=Path, metavar="FILE", help="TOML file of mode 0600 that holds the secrets"
        )
    add["check"].add_argument(
        "--offline", action="store_true", help="ask nobody: only what can be known without a network or a device"
    )
    add["check"].epilog = CHECK_CODES
    for name in ("read", "check", "discover"):
        add[name].add_argument("--json", action="store_true", help="print one JSON document")
    _add_import(add["import"])
    return root


def _add_import(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", nargs="*", type=Path, metavar="FILE", help="CSV (compressed or not) or Parquet")
    command.add_argument("-c", "--config", type=Path, metavar="FILE", help="the site's TOML file")
    command.add_argument("--map", type=Path, metavar="FILE", help="TOML file that says what the columns are")
    command.add_argument("--layout", default="", metavar="NAME", help="a layout that is known; see --layouts")
    command.add_argument("--layouts", action="store_true", help="list the layouts, or print the one of --layout")
    command.add_argument("--sketch", action="store_true", help="print a map of the first file, to fill in")
    command.add_argument("--device", default="", metavar="NAME", help="whose readings these are")
    command.add_argument("--point", default="", metavar="PATH", help="which point of the device, such as total")
    command.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="SERIES",
        help='a column without a map, such as "P (kW)=main-meter/total power kW interval 30min end"',
    )
    command.add_argument(
        "--where", action="append", default=[], metavar="COLUMN=TEXT", help="only rows with this text in that column"
    )
    command.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a key of the map, such as decimal=,"
    )
    command.add_argument("--site", default="", metavar="NAME", help="whose history it is (default: the first site)")
    command.add_argument("--archive", type=Path, metavar="DIR", help="another archive than that of the configuration")
    command.add_argument("--dry-run", action="store_true", help="do all but write: what would come in, what would not")
    command.add_argument("--json", action="store_true", help="print one JSON document")
    command.epilog = (
        "Exit codes: 0 everything was taken; 1 something was refused or could not be imported; 2 the map or the "
        "configuration cannot be used."
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; every error ends as one sentence on stderr."""
    args = parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = import_module(
        f"dc_monitor.commands.{MODULES.get(args.command, args.command)}"
    ).run
    try:
        return run(args)
    except ConfigError as error:
        print(f"dc-monitor {args.command}: {error}", file=sys.stderr)
        return 2
    except DcMonitorError as error:
        print(f"dc-monitor {args.command}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
        return 0
    except Exception as error:
        if os.environ.get("DCMON_DEBUG"):
            raise
        kind = type(error).__name__
        print(f"dc-monitor {args.command}: a fault of our own: {kind}: {error}; please report it", file=sys.stderr)
        print("(with DCMON_DEBUG=1 in the environment it says where)", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def seconds(written: str) -> float:
    """Seconds above 0; the parser's messages call it by this name."""
    number = float(written)
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"{written}: expected seconds above 0")
    return number


def rate(written: str) -> float:
    """Packets a second."""
    number = float(written)
    if not 1 <= number <= 10_000:
        raise argparse.ArgumentTypeError(f"{written}: expected packets a second, 1 to 10000")
    return number


def port(written: str) -> int:
    """A port somebody can listen on."""
    number = int(written)
    if not 0 < number < 65536:
        raise argparse.ArgumentTypeError(f"{written}: expected a port from 1 to 65535")
    return number
