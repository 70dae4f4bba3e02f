"""The chart of pull requests and escalations: whatever the numbers are, it is one that mermaid can draw."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from tail_pipeline.domain.pull_request import trend_chart
from tail_pipeline.domain.trend import judge_trend
from tail_pipeline.domain.weeks import Cadence, IsoWeek
from tail_pipeline_tests.domain.builders import WEEK, week_numbers

WEEKS = [WEEK.shifted(-back) for back in range(60)]
COUNTS = st.integers(0, 10**12)
"""What a tail file may hold, also after somebody edited it; nothing else in it reaches the chart."""

CHART = re.compile(
    "```mermaid\n%%\\{init: [^\n]+\\}%%\nxychart-beta\n"
    '  title "[^"\n]+"\n'
    r'  x-axis \[(?P<weeks>"W\d\d"(?:, "W\d\d")*)\]\n'
    r'  y-axis "clusters" 0 --> (?P<top>\d+)\n'
    r"  bar \[(?P<bars>\d+(?:, \d+)*)\]\n"
    r"  line \[(?P<line>\d+(?:, \d+)*)\]\n"
    "```"
)


def chart(counts: dict[IsoWeek, tuple[int, int]]) -> re.Match[str]:
    numbers = {week: week_numbers(week, found, new_clusters=new) for week, (found, new) in counts.items()}
    drawn = CHART.fullmatch(trend_chart(judge_trend(WEEK, numbers, Cadence.WEEKLY)))
    assert drawn
    return drawn


@given(st.dictionaries(st.sampled_from(WEEKS[1:11]), st.tuples(COUNTS, COUNTS), min_size=1), COUNTS, COUNTS)
def test_a_chart_has_one_value_of_each_kind_for_each_week(
    counts: dict[IsoWeek, tuple[int, int]], clusters: int, new: int
) -> None:
    drawn = chart(counts | {WEEK: (clusters, new)})
    lengths = {name: len(drawn[name].split(", ")) for name in ("weeks", "bars", "line")}
    assert lengths == dict.fromkeys(lengths, len(counts) + 1)


@given(st.tuples(COUNTS, COUNTS), st.tuples(COUNTS, COUNTS))
def test_nothing_is_drawn_outside_the_axis(earlier: tuple[int, int], now: tuple[int, int]) -> None:
    drawn = chart({WEEK.shifted(-1): earlier, WEEK: now})
    values = [int(value) for name in ("bars", "line") for value in drawn[name].split(", ")]
    assert 0 <= min(values) <= max(values) <= int(drawn["top"])
