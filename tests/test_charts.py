"""Charts: seen by every eye, on light and dark pages."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from lib.charts import FIRST, SECOND, Drawing, bars, curve, svg

THEME = tomllib.loads((Path(__file__).parents[1] / ".streamlit" / "config.toml").read_text())["theme"]
PAGES = [THEME["light"]["backgroundColor"], THEME["dark"]["backgroundColor"], "#ffffff", "#111111"]  # JupyterLab's, too
#: How an eye without the red, the green or the blue cones sees linear RGB (Machado, Oliveira, Fernandes 2009), or no colour.
EYES = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
    "no colour": ((0.2126, 0.7152, 0.0722),) * 3,
}
TABLE = pd.DataFrame({"Users": ["none", "none", "1"], "Status": ["Active", "Inactive", "Active"], "Customers": [3, 2, 5]})
CURVE = pd.DataFrame({"days": [30, 90, 365], "candidates": [9, 4, 1], "unknown": [2, 1, 1]})


def linear(colour: str) -> list[float]:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(rgb: list[float]) -> float:
    return sum(weight * max(part, 0.0) for weight, part in zip((0.2126, 0.7152, 0.0722), rgb, strict=True))


def contrast(one: float, other: float) -> float:
    """As WCAG 2.2 has it, of two luminances."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


@pytest.mark.parametrize(("colour", "page"), itertools.product([FIRST, SECOND], PAGES))
def test_both_colours_stand_out_from_every_page(colour: str, page: str) -> None:
    assert contrast(luminance(linear(colour)), luminance(linear(page))) >= 3


@pytest.mark.parametrize("eye", EYES)
def test_every_eye_tells_the_two_colours_apart_by_their_lightness(eye: str) -> None:
    seen = [[sum(m * p for m, p in zip(row, linear(colour), strict=True)) for row in EYES[eye]] for colour in (FIRST, SECOND)]
    assert contrast(*map(luminance, seen)) >= 1.7


@pytest.mark.parametrize("chart", [bars(TABLE), bars(TABLE, upright=True), curve(CURVE, now=365, chosen=90)])
def test_a_notebook_in_the_dark_has_no_white_chart_and_one_on_paper_has(chart) -> None:
    drawn = Drawing(chart)
    on_screen = set(re.findall(r'(?:fill|stroke)="([^"]+)"', drawn._repr_html_()))
    assert on_screen <= {FIRST, SECOND, "currentColor", "none", "transparent"}
    assert 'fill="white"' in drawn._repr_svg_()
    assert "currentColor" not in drawn._repr_svg_()


@pytest.mark.parametrize(("now", "chosen"), [(90, 85), (90, 90), (365, 30), (30, 365)])
@pytest.mark.parametrize("moves", [False, True])
def test_what_both_marks_say_can_be_read(now: int, chosen: int, moves: bool) -> None:
    table = pd.DataFrame({"days": [30, 85, 90, 365], "candidates": [9, 5, 4, 1], "unknown": [2, 1, 1, 1]})
    drawn = re.findall(
        r'translate\([\d.-]+,([\d.-]+)\)"[^>]*>((?:now|chosen): [^<]*)', svg(curve(table, now=now, chosen=chosen, moves=moves))
    )
    of_now, of_chosen = dict.fromkeys(words for _, words in drawn)
    assert of_now == f"now: {now}"
    assert of_chosen.startswith(f"chosen: {chosen} · ")
    assert len({height for height, _ in drawn}) == 2, "in a line each"
    assert all(float(height) < 0 for height, _ in drawn), "above the curve"


def test_another_choice_leaves_the_curve_that_is_dragged_standing() -> None:
    """A page draws a chart anew where anything but its data changes: what is being dragged would be gone."""
    first, second = (curve(CURVE, now=365, chosen=chosen, moves=True).to_dict() for chosen in (90, 30))
    for one in (first, second):
        names = {name: f"data-{place}" for place, name in enumerate(one.pop("datasets"))}
        for layer in one["layer"]:
            layer["data"]["name"] = names[layer["data"]["name"]]
    assert first == second
