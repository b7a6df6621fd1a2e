"""`python -m dc_monitor` is `dc-monitor`."""

import sys

from dc_monitor.cli import main

sys.exit(main())
