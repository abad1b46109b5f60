"""`make bench`: every benchmark, one after the other, into results.json and the table of docs/figures.md.

    python -m benchmarks [--only NAME] [--smoke] [--check]

`--smoke` only tries whether each runs: few customers, one round, nothing is written. `--check` measures nothing: it reads
results.json and ends with 1 where a ratio misses its target by more than its spread, or a benchmark was never measured.
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
RESULTS, PAGE = HERE / "results.json", HERE.parent / "docs" / "figures.md"
BEGIN, END = "<!-- figures: make bench -->", "<!-- end of figures -->"
#: Each stands alone; the names are those of its module.
SCRIPTS = (
    "load_speed",
    "snapshot_open",
    "page_speed",
    "page_people",
    "page_start",
    "run_throughput",
    "rate_limits",
    "activity",
)


def machine() -> str:
    """Processor, cores, memory and Python, as the page of figures names them."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = names[0] if names else name
    gigabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{name}, {os.cpu_count()} cores, {gigabytes:.0f} GB, Python {platform.python_version()}"


def measure(script: str, *options: str) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        command = [sys.executable, "-m", f"benchmarks.{script}", "--json", str(file), *options]
        subprocess.run(command, cwd=HERE.parent, check=True)
        return read(file)


def kept() -> dict[str, Any]:
    """By script: `when` and on which `machine` it was measured, and its `figures`."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def figures_of(results: dict[str, Any]) -> list[Figure]:
    return [Figure(**figure) for script in SCRIPTS for figure in results.get(script, {}).get("figures", [])]


def origins(results: dict[str, Any]) -> str:
    """When and where the figures were measured: one line where that is the same of all, else one for each with its scripts."""
    scripts: dict[str, list[str]] = {}
    for script in SCRIPTS:
        if found := results.get(script):
            scripts.setdefault(f"Measured {found['when']} on {found['machine']}, shared with others", []).append(script)
    if len(scripts) == 1:
        return f"{next(iter(scripts))}."
    return "\n\n".join(f"{words}: {', '.join(f'`{name}`' for name in names)}." for words, names in scripts.items())


def renewed(page: str, results: dict[str, Any]) -> str:
    """`page` with these results between its two marks; all around them stays."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(figures_of(results))}\n\n{origins(results)}\n{END}{after}"


def write(results: dict[str, Any]) -> None:
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    PAGE.write_text(renewed(PAGE.read_text(), results))


def check(results: dict[str, Any]) -> int:
    unmeasured = [script for script in SCRIPTS if not results.get(script, {}).get("figures")]
    missed = [figure for figure in figures_of(results) if figure.missed]
    for script in unmeasured:
        print("was never measured:", script)
    for figure in missed:
        print("misses its target:", *figure.row, sep="  ")
    return 1 if unmeasured or missed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=SCRIPTS)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    results = kept()
    if args.check:
        return check(results)
    for script in SCRIPTS:
        if args.only not in (None, script):
            continue
        if args.smoke:
            measure(script, "--smoke")
        else:
            figures = [asdict(figure) for figure in measure(script)]
            results[script] = {"when": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine(), "figures": figures}
            write(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
