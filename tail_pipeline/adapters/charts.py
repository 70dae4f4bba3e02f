"""Pictures for the Dagster UI as PNG bytes: the map of the week and the trend. The only module that imports matplotlib."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tail_pipeline.domain.trend import Trend
from tail_pipeline.domain.weighted_clusters import MapPoint

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMED = 10


def cluster_map(points: Sequence[MapPoint], titles: Mapping[int, str]) -> bytes:
    """Every distinct failing text on its two principal directions, coloured by cluster; ``titles`` are by rank."""
    figure = _figure(8, 5)
    axes = figure.add_axes((0.02, 0.03, 0.54, 0.89))
    named = sorted(titles)[:_NAMED]
    rest = [point for point in points if point.rank not in named]
    axes.plot([p.x for p in rest], [p.y for p in rest], "o", ms=3.7, color="lightgrey", label="other and unclustered")
    for number, rank in enumerate(named):
        own = [point for point in points if point.rank == rank]
        label = f"{rank}. {titles[rank]}"[:48].replace("$", r"\$")
        axes.plot([p.x for p in own], [p.y for p in own], "o", ms=5.8, color=f"C{number}", label=label)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title("Failing inputs by intent")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8, frameon=False)
    return _png(figure)


def trend_chart(trend: Trend) -> bytes:
    """Clusters before the cap as bars, new ones as a line, a gap where a week has no tail file."""
    from matplotlib.ticker import MaxNLocator

    figure = _figure(7, 3)
    axes = figure.add_axes((0.09, 0.11, 0.89, 0.78))
    shown = {one.week: one for one in trend.weeks}
    weeks = sorted([*shown, *trend.missing])
    labels = [f"W{week.week:02d}" for week in weeks]
    clusters = [shown[week].clusters if week in shown else float("nan") for week in weeks]
    new = [shown[week].new_clusters if week in shown else float("nan") for week in weeks]
    axes.bar(labels, clusters, color="steelblue", label="clusters")
    axes.plot(labels, new, color="darkorange", marker="o", label="new")
    axes.set_title(f"{trend.week}: {trend.verdict}")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return _png(figure)


def _figure(width: float, height: float) -> Figure:
    """An empty one; axes are placed by hand, because a layout engine draws everything twice."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=90)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
