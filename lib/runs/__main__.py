"""Command line of runs: `python -m lib.runs --help`."""

import logging
import sys

from lib.cli.main import main
from lib.config import logs_as_json
from lib.logs import set_up

if __name__ == "__main__":
    set_up(as_json=logs_as_json(), level=logging.WARNING)  # a command tells by itself how its run goes
    sys.exit(main())
