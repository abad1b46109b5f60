"""`make bench`: every benchmark, one after the other, into results.json and the README's table.

    python -m benchmarks [--only NAME] [--check]

`--check` measures nothing: it reads results.json and ends with 1 where a ratio misses its target by more than its spread.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, read, table

HERE = Path(__file__).parent
RESULTS, README = HERE / "results.json", HERE.parent / "README.md"
BEGIN, END = "<!-- figures: make bench -->", "<!-- end of figures -->"
#: Each stands alone; the names are those of its module.
SCRIPTS = ("load_speed", "snapshot_open", "page_speed", "run_throughput")


def machine() -> str:
    """Processor, cores, memory and Python, as the README names them."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = names[0] if names else name
    gigabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{name}, {os.cpu_count()} cores, {gigabytes:.0f} GB, Python {platform.python_version()}"


def measure(script: str) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        subprocess.run([sys.executable, "-m", f"benchmarks.{script}", "--json", str(file)], cwd=HERE.parent, check=True)
        return read(file)


def kept() -> dict[str, Any]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {"figures": {}}


def figures_of(results: dict[str, Any]) -> list[Figure]:
    return [Figure(**figure) for script in SCRIPTS for figure in results["figures"].get(script, [])]


def write(results: dict[str, Any]) -> None:
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    words = f"Measured {results['when']} on {results['machine']}, shared with others."
    README.write_text(f"{before}{BEGIN}\n{table(figures_of(results))}\n\n{words}\n{END}{after}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=SCRIPTS)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    results = kept()
    if not args.check:
        for script in SCRIPTS:
            if args.only in (None, script):
                results["figures"][script] = [asdict(figure) for figure in measure(script)]
                results |= {"machine": machine(), "when": f"{datetime.now(UTC):%Y-%m-%d}"}
                write(results)
    missed = [figure for figure in figures_of(results) if figure.missed]
    for figure in missed:
        print("misses its target:", *figure.row, sep="  ")
    return 1 if missed and args.check else 0


if __name__ == "__main__":
    sys.exit(main())
