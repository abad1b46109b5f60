"""Charts of counted customers, for pages, notebooks and reports alike."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import pandas as pd
import vl_convert

#: The colours of two series. They stand out from a white and from a dark page, and from each other for every eye.
FIRST, SECOND = "#1c68a4", "#8b949f"
#: What a click on a bar chooses, as `st.altair_chart` tells it.
CLICKED = "bar"
#: What dragging the mark of a curve moves, as `st.altair_chart` tells it; pixels between a curve's left side and its plot.
MOVED, LEFT = "moved", 48
_DRAG = "pointerdown, [pointerdown, window:pointerup] > pointermove"
_ROW, _FLAT = 22, 250
#: Pixels above a curve: of a line of words, and of all of them.
_LINE, _ABOVE = 16, 44
#: That of the words on the page.
_INK = "currentColor"
#: Characters of a group's name that are shown.
_LABEL = 130


def bars(table: pd.DataFrame, *, title: str = "", upright: bool = False, clicks: bool = False) -> alt.Chart:
    """A bar each value of the first column, in two colours for the two series of the second, as long as the third, a number.

    `title` says what the groups are, where the first column's name does not; `upright` bars are for short names, as years.
    With `clicks` a bar can be chosen.
    """
    by, status, number = map(str, table.columns)
    series = list(dict.fromkeys(table[status]))
    order = list(dict.fromkeys(table[by].astype(str)))
    group, length = (alt.X, alt.Y) if upright else (alt.Y, alt.X)
    names = alt.Axis(labelLimit=_LABEL, labelOverlap=upright)
    numbers = alt.Axis(tickMinStep=1, format=",d", tickCount=4)
    chart: alt.Chart = (
        alt.Chart(table.astype({by: "str"}))
        .mark_bar(cursor="pointer" if clicks else "default")
        .encode(
            group(f"{by}:N", sort=order, title=(title or by) if upright else None, axis=names),
            length(f"{number}:Q", title=number, axis=numbers),
            color=_two_colours(status, series),
            order=alt.Order("place:Q"),
            tooltip=[alt.Tooltip(f"{by}:N", title=title or by), f"{status}:N", alt.Tooltip(f"{number}:Q", format=",d")],
        )
        # What comes first stands next to the axis.
        .transform_calculate(place=f"indexof({series}, datum['{status}'])")
        .properties(height=_FLAT if upright else alt.Step(_ROW))
    )
    return chart.add_params(alt.selection_point(name=CLICKED, fields=[by, status], on="click")) if clicks else chart


def curve(table: pd.DataFrame, *, now: int | None, chosen: int | None = None, moves: bool = False) -> alt.LayerChart:
    """Candidates along a number of days: those for certain as a line, those of whom nobody can tell as a dashed one.

    `table` has the columns `days`, `candidates` and `unknown`. A mark stands at the number of days `now`, another at the
    `chosen` one, which can be dragged where it `moves`. What it says does not change the chart but its data, so that a page
    leaves it standing.
    """
    long = table.melt("days", var_name="Answer", value_name="Customers").replace(_ANSWERS)
    days = alt.X("days:Q", title="Days", scale=alt.Scale(nice=False, zero=False))
    customers = alt.Axis(tickMinStep=1, format=",d", minExtent=LEFT, maxExtent=LEFT)
    lines = (
        alt.Chart(long)
        .mark_line(interpolate="step-after", strokeWidth=2.5)
        .encode(
            x=days,
            y=alt.Y("Customers:Q", title=None, axis=customers),
            color=_two_colours("Answer", [*_ANSWERS.values()], offset=_ABOVE),
            strokeDash=alt.StrokeDash("Answer:N", scale=alt.Scale(domain=[*_ANSWERS.values()], range=[[1, 0], [5, 4]])),
            tooltip=[alt.Tooltip("days:Q", title="Days"), "Answer:N", alt.Tooltip("Customers:Q", format=",d")],
        )
    )
    middle = int(table["days"].min() + table["days"].max()) // 2
    layers = [lines]
    if now is not None:
        layers += _mark(alt.Chart(pd.DataFrame({"days": [now]})), "'now: ' + format(datum.days, ',d')", middle, row=1)
    at = alt.Chart(table[table["days"] == chosen])
    if moves:
        moved = alt.selection_point(name=MOVED, encodings=["x"], nearest=True, on=_DRAG, clear=False, toggle=False, empty=False)
        told = [alt.Tooltip(f"{name}:Q", title=name.capitalize(), format=",d") for name in ("days", "candidates", "unknown")]
        anywhere = alt.Chart(table).mark_point(opacity=0, aria=False).encode(x=days, tooltip=told).add_params(moved)
        layers += [*_mark(at.transform_filter(f"!{MOVED}.days"), _CHOSEN, middle)]
        layers += [*_mark(alt.Chart(table).transform_filter(moved), _CHOSEN, middle), anywhere]
    elif chosen is not None:
        layers += _mark(at, _CHOSEN, middle)
    both: alt.LayerChart = alt.LayerChart(layer=layers).properties(height=_FLAT)
    return both


#: What the mark of a curve says, above the plot, in a row of its own each: none lies on a line or on the other.
_CHOSEN = (
    "'chosen: ' + format(datum.days, ',d') + ' · ' + format(datum.candidates, ',d')"
    " + (datum.candidates == 1 ? ' candidate, ' : ' candidates, ') + format(datum.unknown, ',d') + ' unknown'"
)


def _mark(at: alt.Chart, words: str, middle: int, *, row: int = 0) -> list[alt.Chart]:
    """A line at the days, a handle at its upper end, and its words above the plot, towards the side where there is room."""
    is_left = f"datum.days < {middle}"
    align, aside = alt.expr(f"{is_left} ? 'left' : 'right'"), alt.expr(f"{is_left} ? -4 : 4")
    at = at.encode(alt.X("days:Q"))
    line = at.mark_rule(strokeWidth=1.5, strokeDash=[3, 3] if row else [1, 0], color=_INK, aria=False)
    handle = at.mark_point(shape="diamond", filled=not row, size=70, opacity=1, color=_INK, aria=False)
    told = at.mark_text(align=align, dx=aside, baseline="middle", color=_INK, aria=False).transform_calculate(words=words)
    return [
        line.encode(y=alt.value(0), y2=alt.value("height")),
        handle.encode(y=alt.value(0)),
        told.encode(y=alt.value(-_LINE * (row + 1)), text="words:N"),
    ]


_ANSWERS = {"candidates": "Candidates", "unknown": "Unknown"}


def _two_colours(name: str, series: list[str], *, offset: int = 6) -> alt.Color:
    return alt.Color(
        f"{name}:N",
        legend=alt.Legend(orient="top", title=None, padding=0, offset=offset),
        scale=alt.Scale(domain=series, range=[FIRST, SECOND][: len(series)]),
    )


def svg(chart: alt.TopLevelMixin, *, ink: str = "#0e151c", paper: str | None = None) -> str:
    """The chart as a picture, words and lines in one colour, on paper of another or on whatever lies below it."""
    spec = chart.to_dict()
    words = {f"{what}Color": ink for what in ("label", "title")}
    lines = {f"{what}Color": ink for what in ("domain", "tick", "grid")}
    faint = {"domainOpacity": 0.4, "tickOpacity": 0.4, "gridOpacity": 0.15}
    look = {"axis": words | lines | faint, "legend": words, "title": {"color": ink}, "view": {"stroke": None}}
    spec["config"] = spec.get("config", {}) | look | {"background": paper}
    drawn: str = vl_convert.vegalite_to_svg(spec)
    return drawn.replace("currentColor", ink)


@dataclass(frozen=True)
class Drawing:
    """A chart that a notebook shows as a picture, which stays when the notebook is kept; `chart` is Altair's, to go on from."""

    chart: alt.TopLevelMixin

    def _repr_html_(self) -> str:
        """In the colours of the notebook, be they light or dark."""
        return svg(self.chart, ink="currentColor")

    def _repr_svg_(self) -> str:
        """For what prints the notebook."""
        return svg(self.chart, paper="white")
