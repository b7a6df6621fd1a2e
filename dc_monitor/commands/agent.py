"""`dc-monitor agent`: the service that reads devices."""

import argparse

from dc_monitor.agent.service import run_agent
from dc_monitor.commands.files import configuration


def run(args: argparse.Namespace) -> int:
    """Run until told to stop."""
    config, credentials = configuration(args)
    return run_agent(config, credentials)
