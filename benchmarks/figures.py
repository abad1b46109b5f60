"""A measured figure: what was measured, beside which peer, and the target that it is held to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Self


@dataclass(frozen=True)
class Figure:
    """`ratio` is ours by the peer's, the median over the rounds; `spread` half the distance between its quartiles.

    `at_most` or `at_least` is the ratio's target, None where there is none. `value` is ours alone, in `unit`.
    """

    name: str
    value: float | None = None
    unit: str = ""
    peer: str = ""
    ratio: float | None = None
    spread: float = 0.0
    at_most: float | None = None
    at_least: float | None = None

    @classmethod
    def of(
        cls,
        name: str,
        ratios: Sequence[float],
        *,
        peer: str,
        at_most: float | None = None,
        at_least: float | None = None,
        value: float | None = None,
        unit: str = "",
    ) -> Self:
        """The figure of several rounds, each with its own ratio."""
        ordered = sorted(ratios)
        quarter = len(ordered) // 4
        spread = (ordered[-1 - quarter] - ordered[quarter]) / 2
        return cls(name, value, unit, peer, median(ordered), spread, at_most, at_least)

    @classmethod
    def middle(cls, runs: Sequence[Sequence[Self]]) -> list[Self]:
        """Of several whole runs, which all give the same figures in one order: each figure of the run whose ratio is the
        median, with half the distance between the least and the greatest as its spread.
        """
        found = []
        for figures in zip(*runs, strict=True):
            ordered = sorted(figures, key=lambda figure: figure.ratio or 0.0)
            spread = ((ordered[-1].ratio or 0.0) - (ordered[0].ratio or 0.0)) / 2
            found.append(replace(ordered[len(ordered) // 2], spread=spread or ordered[0].spread))
        return found

    @property
    def missed(self) -> bool:
        """Whether the ratio misses its target by more than the spread."""
        if self.ratio is None:
            return False
        if self.at_most is not None and self.ratio - self.spread > self.at_most:
            return True
        return self.at_least is not None and self.ratio + self.spread < self.at_least

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """As a line of the table: name, value, peer, ratio with its spread, target."""
        value = "" if self.value is None else f"{self.value:,.3g} {self.unit}".strip()
        ratio = "" if self.ratio is None else f"{self.ratio:.3g} ± {self.spread:.2g}"
        target = ""
        if self.at_most is not None:
            target = f"at most {self.at_most:g}"
        elif self.at_least is not None:
            target = f"at least {self.at_least:g}"
        return self.name, value, self.peer, ratio, target


def told(figures: Sequence[Figure], file: Path | None = None) -> None:
    """Prints the figures as a table and, where a file is named, writes them there as JSON."""
    print(table(figures), flush=True)
    if file is not None:
        file.write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n")


def read(file: Path) -> list[Figure]:
    """The figures of a JSON file as `told` writes it."""
    return [Figure(**figure) for figure in json.loads(file.read_text())]


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table; a figure that misses its target says so."""
    lines = ["| what | ours | peer | ours by the peer's | target |", "|---|---|---|---|---|"]
    for figure in figures:
        *cells, target = figure.row
        lines.append("| " + " | ".join((*cells, f"{target}, **missed**" if figure.missed else target)) + " |")
    return "\n".join(lines)
