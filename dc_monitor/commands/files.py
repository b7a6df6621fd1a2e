"""The two files a person gives: the configuration and the credentials."""

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from dc_monitor.config import credentials
from dc_monitor.config.load import load
from dc_monitor.config.model import Config


def configuration(args: argparse.Namespace) -> tuple[Config, Callable[[str], Mapping[str, Any]]]:
    """The typed configuration, and the function that looks a name up among the credentials.

    `credentials_file` in the configuration is relative to it, `--credentials-file` to where one stands.
    """
    config = load(args.config)
    file: Path | None = args.credentials_file
    if file is None and config.credentials_file:
        file = args.config.parent / Path(config.credentials_file).expanduser()
    return config, partial(credentials.load, file=file)
