import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.charts import BOTTOM, HEIGHT, LEFT, TOP, WIDTH, Axis, Chart, Series, axis, line_chart, spread
from pipeline.report.page import TEMPLATES
from pipeline.store.pages import environment

UNIT = Axis("epochs", 0, 1, [0, 1])


def drawn(chart: Chart) -> ElementTree.Element:
    template: Any = environment(TEMPLATES).get_template("chart.html").module
    return ElementTree.fromstring(template.chart(chart))


def test_a_line_runs_from_the_lower_left_to_the_upper_right_corner_of_the_plot() -> None:
    line = drawn(line_chart([Series("a", [0, 1], [0, 1])], UNIT, UNIT, "a line")).find(".//polyline")
    assert line is not None
    start, end = (tuple(map(float, point.split(","))) for point in line.attrib["points"].split())
    assert start == (LEFT, HEIGHT - BOTTOM)
    assert end[1] == TOP


def test_long_names_get_more_room_but_never_more_than_half_the_picture() -> None:
    charts = [line_chart([Series("n" * length, [0, 1], [0, 1])], UNIT, UNIT, "") for length in (2, 12, 90)]
    ends = [chart.right for chart in charts]
    assert ends[0] > ends[1] > ends[2] == WIDTH / 2
    assert [chart.x.ticks[-1] for chart in charts] == [(1, end) for end in ends]


def test_names_and_labels_are_escaped_and_every_line_looks_different() -> None:
    lines = [Series(f"<{index}&>", [0, 1], [0, index / 8]) for index in range(8)]
    chart = drawn(line_chart(lines, UNIT, Axis('"%"<', 0, 1, [0]), "a & b"))
    looks = [group.get("class") for group in chart.findall("g") if group.find("polyline") is not None]
    assert looks == [f"series-{index}" for index in range(8)]
    assert [text.text for text in chart.findall("g/text")] == [f"<{index}&>" for index in range(8)]
    assert '"%"<' in [text.text for text in chart.findall("text")]
    assert chart.get("aria-label") == "a & b"


def test_a_marker_stands_on_the_first_point_in_a_shape_of_its_line() -> None:
    lines = [Series(f"{index}", [0.5], [0.5]) for index in range(5)]
    chart = drawn(line_chart(lines, UNIT, UNIT, ""))
    shapes = [marker.get("d", "") for marker in chart.findall(".//path[@class='marker']")]
    assert len(set(shapes)) == 4
    assert shapes[4] == shapes[0]


def test_long_lines_get_a_handful_of_markers() -> None:
    line = Series("a", range(100), range(100))
    (made,) = line_chart([line], axis("x", line.x), axis("y", line.y), "").lines
    assert (len(made.points), len(made.markers)) == (100, 7)
    assert made.markers[0] == made.points[0]


def test_an_empty_line_is_left_out_and_a_value_that_is_not_finite_is_refused_by_name() -> None:
    assert line_chart([Series("none", [], [])], UNIT, UNIT, "").lines == []
    with pytest.raises(ValueError, match="'broken'"):
        line_chart([Series("broken", [0.0], [float("nan")])], UNIT, UNIT, "")
    with pytest.raises(ValueError, match="one finite value a position"):
        line_chart([Series("short", [0.0, 1.0], [1.0])], UNIT, UNIT, "")


@pytest.mark.parametrize(
    ("values", "high"), [([0.3, 0.97], 1.0), ([], 1.0), ([0.0], 1.0), ([17.0], 20.0), ([0.00031], 0.0004)]
)
def test_an_axis_starts_at_zero_and_ends_at_a_round_number(values: list[float], high: float) -> None:
    made = axis("x", values)
    assert made.low == 0
    assert made.high == pytest.approx(high)


def test_an_axis_of_whole_numbers_has_no_ticks_between_them() -> None:
    assert list(axis("epochs", [1, 2], whole=True).ticks) == [0, 1, 2]


@given(st.lists(st.integers(-(10**9), 10**9).map(lambda number: number / 1000), min_size=1, max_size=9))
def test_an_axis_covers_its_values_with_a_handful_of_ticks(values: list[float]) -> None:
    made = axis("x", values)
    slack = 1e-6 * (made.high - made.low)
    assert made.low <= min(values) + slack
    assert made.high >= max(values) - slack
    assert made.high > made.low
    assert 2 <= len(made.ticks) <= 9


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8))
def test_labels_are_spread_without_overlap_inside_the_plot_and_in_order(positions: list[float]) -> None:
    placed = spread(positions, gap=10, low=0, high=100)
    ordered = sorted(placed)
    assert all(after - before >= 10 - 1e-6 for before, after in zip(ordered, ordered[1:], strict=False))
    assert min(placed) >= -1e-6
    assert max(placed) <= 100 + 1e-6
    by_wish = sorted(range(len(positions)), key=lambda index: (positions[index], index))
    assert [placed[index] for index in by_wish] == ordered


def test_labels_that_do_not_collide_stay_where_they_wish_to_be() -> None:
    assert spread([50.0, 10.0], gap=14, low=0, high=100) == [50.0, 10.0]
