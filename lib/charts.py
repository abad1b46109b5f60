"""Charts of counted customers, for pages and notebooks alike."""

from __future__ import annotations

from dataclasses import dataclass

import altair as alt
import pandas as pd
import vl_convert


def bars(table: pd.DataFrame) -> alt.Chart:
    """A bar each value of the first column, in two colours for the two series of `Status`."""
    by = str(table.columns[0])
    series = list(dict.fromkeys(table["Status"]))
    order = list(dict.fromkeys(table[by].astype(str)))
    chart: alt.Chart = (
        alt.Chart(table.astype({by: "str"}))
        .mark_bar()
        .encode(
            x=alt.X(f"{by}:N", sort=order, title=None, axis=alt.Axis(labelAngle=0, labelLimit=90, labelOverlap=False)),
            y=alt.Y("Customers:Q", title=None),
            color=alt.Color(
                "Status:N",
                legend=alt.Legend(orient="top", title=None),
                scale=alt.Scale(domain=series),
            ),
            tooltip=[by, "Status", alt.Tooltip("Customers:Q", format=",")],
        )
    )
    return chart


@dataclass(frozen=True)
class Drawing:
    """A chart that a notebook shows as a picture, which stays when the notebook is kept; `chart` is Altair's, to go on from."""

    chart: alt.Chart

    def _repr_svg_(self) -> str:
        drawn: str = vl_convert.vegalite_to_svg(self.chart.to_dict())
        return drawn
