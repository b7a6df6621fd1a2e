"""`dc-monitor site`: the service that receives, keeps, computes and shows."""

import argparse

from dc_monitor.commands.files import configuration
from dc_monitor.errors import ConfigError


def run(args: argparse.Namespace) -> int:
    """Run until told to stop."""
    config, credentials = configuration(args)
    try:
        from dc_monitor.site.service import run_site
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the site needs the package {error.name}; install it with: pip install 'dc-monitor[site]'"
        ) from error
    return run_site(config, credentials)
