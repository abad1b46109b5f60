"""Command line of runs: `python -m lib.runs --help`."""

import sys

from lib.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
