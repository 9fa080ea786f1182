from dataclasses import replace
from pathlib import Path

import pytest
from ablation_example import result

from pipeline.ablations.comparison import Difference
from pipeline.ablations.page import charts, write_result


def test_the_document_lays_ours_beside_the_papers_figures_and_says_whose_order_differs(tmp_path: Path) -> None:
    document, picture, _ = write_result(result(), None, tmp_path / "docs", tmp_path / "pages")
    text = document.read_text()
    assert "| Plain | baseline | 75.7 / 95.2 / 98.2 | 55.0 ± 7.1 | 50.0 ± 0.0 | – |" in text
    assert "| Parts | span_cpdm | 79.3 / 96.5 / 98.3 | 53.0 ± 7.1 | 50.0 ± 0.0 | -2.0 (-3.0 to -1.0) |" in text
    assert "Of 1 pair of rows that differ in the paper's figures on VeRi-776, 0 stand in the same order here;" in text
    assert (
        "- Parts is 3.6 points of mAP above Plain in the paper, here -2.0 (-3.0 to -1.0); the interval excludes 0"
        in text
    )
    assert "- Plain: printed so." in text
    assert "reid ablations --dataset tiny --table tiny --seeds 2`" in text
    assert f"]({picture.name})" in text
    assert picture.read_text().lstrip().startswith("<svg")


def test_an_interval_that_holds_0_tells_nothing_apart(tmp_path: Path) -> None:
    found = result()
    unsure = replace(found.reversals[0], ours=Difference(-0.01, (-0.03, 0.01)))
    document, *_ = write_result(replace(found, reversals=[unsure]), None, tmp_path, tmp_path)
    assert "the interval holds 0: these vehicles do not tell the two apart" in document.read_text()


def test_remarks_written_by_hand_are_put_in_as_they_are_and_escaped_in_the_page(tmp_path: Path) -> None:
    notes = tmp_path / "docs/notes/tiny.md"
    notes.parent.mkdir(parents=True)
    notes.write_text("## Why\n\nBecause *parts* < plain.\n")
    document, _, page = write_result(result(), None, tmp_path / "docs", tmp_path / "pages")
    assert "\n\n## Why\n\nBecause *parts* < plain.\n\n" in document.read_text()
    assert "Because *parts* &lt; plain." in page.read_text()


def test_where_one_file_cannot_be_written_none_is(tmp_path: Path) -> None:
    (tmp_path / "pages").touch()
    with pytest.raises((OSError, ValueError), match="pages"):
        write_result(result(), None, tmp_path / "docs", tmp_path / "pages")
    assert not (tmp_path / "docs").exists()


def test_figures_on_held_out_vehicles_never_replace_those_on_the_test_split(tmp_path: Path) -> None:
    written = {path.name for path in write_result(result(0.3), None, tmp_path, tmp_path)}
    assert written == {"tiny_held_out.md", "tiny_held_out.svg", "tiny_held_out.html"}
    assert "30 % of the training vehicles" in (tmp_path / "tiny_held_out.md").read_text()


def test_the_page_needs_no_network_and_shows_ours_and_the_papers_curve(tmp_path: Path) -> None:
    *_, page = write_result(result(), None, tmp_path, tmp_path)
    text = page.read_text()
    assert text.count("<svg") == 2
    assert "http" not in text
    assert "Paper, VeRi-776" in text


def test_a_table_that_varies_no_number_has_no_chart(tmp_path: Path) -> None:
    found = result()
    plain = [replace(outcome, row=replace(outcome.row, value=None)) for outcome in found.outcomes]
    assert charts(replace(found, outcomes=plain)) == []


def test_a_charts_axis_covers_every_seed_and_does_not_start_at_zero() -> None:
    ours, _ = charts(result())
    ticks = [tick for tick, _ in ours.chart.y.ticks]
    assert 0 < ticks[0] <= 48
    assert ticks[-1] >= 60
