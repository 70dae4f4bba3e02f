"""Pictures are PNG bytes, the same for the same input, whatever stands in a title."""

from __future__ import annotations

import struct

import pytest

from tail_pipeline.adapters.charts import cluster_map, trend_chart
from tail_pipeline.domain.trend import Trend, WeekNumbers, judge_trend
from tail_pipeline.domain.weeks import Cadence, IsoWeek
from tail_pipeline.domain.weighted_clusters import MapPoint

SIGNATURE = b"\x89PNG\r\n\x1a\n"
POINTS = [MapPoint(x=0.1 * number, y=(number % 3) * 0.2, rank=number % 4) for number in range(12)]
TITLES = {1: "Refund timing", 2: "Indemnity clauses", 3: "Tone"}


def trend(*clusters: int | None) -> Trend:
    """Weeks that end with 2026-W17; None is a week without a tail file."""
    last = IsoWeek(2026, 17)
    numbers = {}
    for back, count in enumerate(reversed(clusters)):
        if count is not None:
            week = last.shifted(-back)
            numbers[week] = WeekNumbers(week, spans=100, failing=10, clusters=count, new_clusters=2, max_clusters=20)
    return judge_trend(last, numbers, Cadence.WEEKLY)


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height from the header chunk."""
    assert png[12:16] == b"IHDR"
    return struct.unpack(">II", png[16:24])


def test_the_map_is_a_png():
    assert cluster_map(POINTS, TITLES).startswith(SIGNATURE)


def test_the_map_ends_as_a_png_does():
    assert cluster_map(POINTS, TITLES).endswith(b"IEND\xaeB`\x82")


def test_the_map_has_a_size_a_browser_can_show():
    width, height = size_of(cluster_map(POINTS, TITLES))
    assert (100 < width < 4000, 100 < height < 4000) == (True, True)


def test_the_same_map_has_the_same_bytes():
    assert cluster_map(POINTS, TITLES) == cluster_map(POINTS, dict(reversed(TITLES.items())))


def test_another_map_has_other_bytes():
    assert cluster_map(POINTS, TITLES) != cluster_map(POINTS[:6], TITLES)


@pytest.mark.parametrize(
    "title",
    ["costs $5", "$x$ and $y$", "$", "$$", r"\$", r"a \frac{1}{2} $", r"$\undefined$", "a\\", "{", "", " ", "_hidden",
     "two\nlines", "x" * 500, "%s %d", "ends with $" + "x" * 37 + "$$$"],
)  # fmt: skip
def test_a_title_is_drawn_as_it_is(title: str):
    assert cluster_map(POINTS, {1: title}).startswith(SIGNATURE)


@pytest.mark.parametrize("title", ["Ünïcode", "漢字の題", "🙂", "عربى", "\x00\x07"])
@pytest.mark.filterwarnings("ignore:Glyph:UserWarning", "ignore:Matplotlib currently does not support:UserWarning")
def test_a_title_in_another_script_does_not_stop_the_drawing(title: str):
    assert cluster_map(POINTS, {1: title}).startswith(SIGNATURE)


def test_a_map_without_points_is_drawn():
    assert cluster_map([], {}).startswith(SIGNATURE)


def test_a_map_of_one_point_is_drawn():
    assert cluster_map([MapPoint(0.0, 0.0, 1)], {1: "alone"}).startswith(SIGNATURE)


def test_a_map_of_points_in_one_place_is_drawn():
    assert cluster_map([MapPoint(0.0, 0.0, 1)] * 20, {1: "all alike"}).startswith(SIGNATURE)


def test_a_map_with_more_clusters_than_colours_is_drawn():
    points = [MapPoint(float(number), 0.0, number) for number in range(40)]
    assert cluster_map(points, {number: f"cluster {number}" for number in range(1, 40)}).startswith(SIGNATURE)


@pytest.mark.parametrize(
    "weeks",
    [(5,), (1, 2, 3), (3, None, 5), (0, 0), (10**6, 1), (None,), tuple(range(12))],
    ids=["one week", "three weeks", "a gap", "nothing", "very many", "no file", "twelve weeks"],
)
def test_a_trend_is_a_png(weeks: tuple[int | None, ...]):
    assert trend_chart(trend(*weeks)).startswith(SIGNATURE)


def test_the_same_trend_has_the_same_bytes():
    assert trend_chart(trend(3, None, 5, 6)) == trend_chart(trend(3, None, 5, 6))


def test_another_trend_has_other_bytes():
    assert trend_chart(trend(3, 4, 5)) != trend_chart(trend(3, 4, 6))


def test_a_trend_over_new_year_is_drawn():
    numbers = {
        week: WeekNumbers(week, spans=1, failing=1, clusters=1, new_clusters=1, max_clusters=20)
        for week in (IsoWeek(2020, 53), IsoWeek(2021, 1))
    }
    assert trend_chart(judge_trend(IsoWeek(2021, 1), numbers, Cadence.WEEKLY)).startswith(SIGNATURE)
