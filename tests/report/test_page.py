import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from drawn_vehicles import TinyData
from report_example import MODELS, PARAMS, write_results

from pipeline.report.page import build_page
from pipeline.report.retrieval import read_rankings
from pipeline.report.sources import Sources
from pipeline.report.tables import dataset_table, quality_table, reid_table

VOID = {"meta", "img", "br"}


class Balance(HTMLParser):
    """Checks that tags close in the order they open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def data(tiny_data: TinyData, tmp_path_factory: pytest.TempPathFactory) -> TinyData:
    root = tmp_path_factory.mktemp("report")
    shutil.copytree(tiny_data.root, root / "data")
    copied = TinyData(root / "data", tiny_data.name)
    write_results(copied)
    return copied


@pytest.fixture(scope="module")
def page(data: TinyData) -> str:
    return build_page(data.root, [data.name], MODELS, PARAMS)


def test_the_page_is_well_formed_and_holds_everything_it_shows(page: str) -> None:
    balance = Balance()
    balance.feed(page)
    assert balance.open == []
    assert {"section", "table", "svg", "img"} <= set(balance.seen)
    assert not re.search(r"(?:src|href)=[\"'](?!data:image/webp;base64,|#)", page)
    assert "script" not in balance.seen


def test_the_page_has_the_same_bytes_each_time(page: str, data: TinyData) -> None:
    assert build_page(data.root, [data.name], MODELS, PARAMS) == page


def test_names_from_data_are_escaped(page: str) -> None:
    assert "&lt;pgan&gt;" in page
    assert "<pgan>" not in page


def test_every_section_link_leads_somewhere(page: str) -> None:
    links = re.findall(r'href="#([^"]+)"', page)
    assert links
    assert set(links) == set(re.findall(r'<section id="([^"]+)"', page))


def test_trainings_of_this_run_get_a_chart_and_others_do_not(page: str) -> None:
    assert "train_reid · tiny · baseline" in page
    assert "train_span" in page
    assert "train_reid · other" not in page


def test_right_and_wrong_images_are_framed_and_marked(data: TinyData, page: str) -> None:
    rankings = read_rankings(Sources(data.root, data.name, MODELS), "baseline")
    assert sorted(rankings) == [4, 5]
    assert rankings[4].rows == [6, 7]
    assert rankings[4].right == [True, False]
    assert rankings[4].average_precision == 1
    assert page.count('class="shot right"') == page.count('class="shot wrong"') == 4
    assert re.search(r"baseline<small>AP 100 %</small></div><div class=\"shot right\">.*?>1 ✓<", page)
    assert re.search(r"&lt;pgan&gt;<small>AP 50 %</small></div><div class=\"shot wrong\">.*?>1 ✗<", page)


def test_the_best_model_of_each_group_is_bold(data: TinyData) -> None:
    table = reid_table([Sources(data.root, data.name, MODELS)])
    assert "tiny: 2 queries, gallery of 2 images" in table
    assert "tiny, van alone" in table
    row = re.search(r'<th scope="row">baseline</th>(.*?)</tr>', table)
    other = re.search(r'<th scope="row">&lt;pgan&gt;</th>(.*?)</tr>', table)
    assert row is not None
    assert other is not None
    assert row[1].startswith("<td><b>100.0</b></td><td><b>100.0</b></td>")
    assert other[1].startswith("<td>50.0</td><td>0.0</td>")


def test_quality_shows_what_was_measured_and_nothing_else(data: TinyData) -> None:
    table = quality_table([Sources(data.root, data.name, MODELS)])
    assert "50.0" in table
    assert "1 of 8" in table
    assert "Foreground network" not in table


def test_counts_of_the_data_set_are_those_of_the_table(data: TinyData) -> None:
    table = dataset_table([Sources(data.root, data.name, MODELS)])
    cells = re.findall(r"<td>([\d,]+)</td>", table)
    assert cells == ["8", "4", "2", "2", "4", "2", "7", "8"]


def test_a_missing_output_is_named(data: TinyData, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"evaluation/tiny/absent/metrics\.json"):
        build_page(data.root, [data.name], ["absent"], PARAMS)


def test_a_leading_test_set_without_identities_is_shown_without_scores(data: TinyData, tmp_path: Path) -> None:
    shutil.copytree(data.root, tmp_path / "data")
    for model in MODELS:
        folder = tmp_path / "data" / "evaluation" / data.name / model
        metrics = json.loads((folder / "metrics.json").read_text())
        withheld = {"mAP": None, "mAP_trapezoid": None, "mINP": None, "CMC": {"1": None}, "interval": {"samples": 0}}
        (folder / "metrics.json").write_text(json.dumps({**metrics, **withheld, "groups": {}, "test_set": "official"}))
        (folder / "cmc.csv").write_text("rank,rate\n")
    page = build_page(tmp_path / "data", [data.name], MODELS, PARAMS)
    assert "identities of official are withheld" in page
    assert "best mAP" not in page
    assert "at rank 1" not in page
    Balance().feed(page)
