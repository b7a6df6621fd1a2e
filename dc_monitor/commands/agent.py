"""`dc-monitor agent`: the service that reads devices."""

import argparse
from functools import partial

from dc_monitor.agent.service import run_agent
from dc_monitor.commands.files import configuration


def run(args: argparse.Namespace) -> int:
    """Run until told to stop; SIGHUP reads both files again."""
    return run_agent(*configuration(args), read=partial(configuration, args))
