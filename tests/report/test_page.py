import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from drawn_vehicles import TinyData
from parsed_page import HOSTILE, ParsedPage, check_hostile_names
from report_example import MODELS, PARAMS, write_results

from pipeline.report.page import build_page
from pipeline.report.quality import class_table, quality_table
from pipeline.report.retrieval import read_answers
from pipeline.report.sources import Sources
from pipeline.report.tables import Cell, dataset_table, reid_table, totals
from pipeline.store.images import ImageStore


@pytest.fixture(scope="module")
def data(tiny_data: TinyData, tmp_path_factory: pytest.TempPathFactory) -> TinyData:
    copied = tiny_data.copy(tmp_path_factory.mktemp("report"))
    write_results(copied)
    return copied


@pytest.fixture(scope="module")
def page(data: TinyData) -> str:
    return build_page(data.root, [data.name], MODELS, PARAMS)


def test_the_page_is_well_formed_and_holds_everything_it_shows(page: str) -> None:
    tags = set(ParsedPage(page).tags)
    assert {"section", "table", "svg", "img"} <= tags
    assert not re.search(r"(?:src|href)=[\"'](?!data:image/webp;base64,|#)", page)
    assert "script" not in tags


def test_the_page_has_the_same_bytes_each_time(page: str, data: TinyData) -> None:
    assert build_page(data.root, [data.name], MODELS, PARAMS) == page


def test_names_from_data_are_escaped(page: str) -> None:
    assert "&lt;pgan&gt;" in page
    assert "<pgan>" not in page


def test_hostile_names_everywhere_stay_text(data: TinyData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data.copy(tmp_path)
    for path in sorted((tmp_path / "data").rglob(f"{data.name}*"), reverse=True):
        path.rename(path.with_name(path.name.replace(data.name, HOSTILE)))
    for path in (tmp_path / "data" / "evaluation").rglob("metrics.json"):
        metrics = json.loads(path.read_text())
        groups = {f"group {HOSTILE}": values for values in metrics["groups"].values()}
        path.write_text(json.dumps({**metrics, "groups": groups, "distance": f"distance {HOSTILE}"}))
    monkeypatch.setattr("pipeline.report.sources.ImageStore", hostile_store)
    page = build_page(tmp_path, [HOSTILE], MODELS, PARAMS)
    kinds = ("vehicle ", "camera ", "type ", "group ", "distance ", "Artifacts of ", "best mAP on ", "train_reid · ")
    check_hostile_names(page, *(f"{kind}{HOSTILE}" for kind in kinds), *MODELS)


def hostile_store(path: Path) -> ImageStore:
    """The store with a hostile name in each of its columns that a page shows."""
    store = ImageStore(path)
    for column in ("vehicle_ids", "camera_ids"):
        values = getattr(store, column)
        setattr(store, column, np.array([f"{HOSTILE} {value}" for value in values]))
    store.groups = {"type": np.array([f"type {HOSTILE} {value}" for value in store.groups["type"]])}
    return store


def test_every_section_link_leads_somewhere(page: str) -> None:
    links = re.findall(r'href="#([^"]+)"', page)
    assert links
    assert set(links) == set(re.findall(r'<section id="([^"]+)"', page))


def test_trainings_of_this_run_get_a_chart_and_others_do_not(page: str) -> None:
    assert "train_reid · tiny · baseline" in page
    assert "train_span" in page
    assert "train_reid · other" not in page


def test_right_and_wrong_images_are_framed_and_marked(data: TinyData, page: str) -> None:
    answers = read_answers(Sources(data.root, data.name, MODELS), "baseline")
    assert sorted(answers) == [4, 5]
    assert answers[4].rows == [6, 7]
    assert answers[4].right == [True, False]
    assert answers[4].average_precision == 1
    assert page.count('class="shot right"') == page.count('class="shot wrong"') == 4
    assert re.search(r"baseline<small>AP 100 %</small></div>\s*<div class=\"shot right\">.*?>1 ✓<", page, re.DOTALL)
    assert re.search(r"&lt;pgan&gt;<small>AP 50 %</small></div>\s*<div class=\"shot wrong\">.*?>1 ✗<", page, re.DOTALL)


def test_the_best_model_of_each_group_is_bold(data: TinyData, page: str) -> None:
    table = reid_table([Sources(data.root, data.name, MODELS)])
    groups = {group.title: dict(group.rows) for group in table.groups}
    assert set(groups) == {f"{name}: 2 queries, gallery of 2 images" for name in ("tiny", "tiny, van alone")}
    rows = groups["tiny: 2 queries, gallery of 2 images"]
    assert rows["baseline"][:2] == [Cell("100.0", best=True), Cell("100.0", best=True)]
    assert rows["<pgan>"][:2] == [Cell("50.0"), Cell("0.0")]
    assert '<th scope="row">baseline</th><td><b>100.0</b></td><td><b>100.0</b></td>' in page
    assert '<th scope="row">&lt;pgan&gt;</th><td>50.0</td><td>0.0</td>' in page


def test_queries_without_a_match_are_counted_above_the_rows(data: TinyData, tmp_path: Path) -> None:
    copied = data.copy(tmp_path)
    for model in MODELS:
        path = copied.path("metrics", model)
        path.write_text(json.dumps({**json.loads(path.read_text()), "queries_without_match": 1}))
    titles = [group.title for group in reid_table([Sources(copied.root, data.name, MODELS)]).groups]
    assert "tiny: 2 queries (1 of them left out), gallery of 2 images" in titles


def test_look_alikes_have_columns_of_their_own_and_chance_above_where_there_are_any(
    data: TinyData, page: str, tmp_path: Path
) -> None:
    assert "look-alikes</th>" not in page
    copied = data.copy(tmp_path)
    write_results(copied, alike="type")
    table = reid_table([Sources(copied.root, data.name, MODELS)])
    assert list(table.heads[-3:-1]) == ["mAP among look-alikes", "its 95 %"]
    assert "vehicles of one type: each query is ranked among those alone" in table.caption
    title = "tiny: 2 queries, gallery of 2 images; chance among look-alikes 75.0 %"
    rows = {group.title: dict(group.rows) for group in table.groups}[title]
    assert rows["baseline"][-3:-1] == [Cell("100.0", best=True), Cell("100.0 to 100.0")]
    assert rows["<pgan>"][-3:-1] == [Cell("50.0"), Cell("50.0 to 50.0")]
    shown = build_page(copied.root, [data.name], MODELS, PARAMS)
    assert ">mAP among look-alikes</th>" in shown
    ParsedPage(shown)


def test_a_query_that_looks_like_no_other_leaves_a_dash_among_look_alikes(data: TinyData, tmp_path: Path) -> None:
    copied = data.copy(tmp_path)
    write_results(copied, alike="vehicle_id")
    table = reid_table([Sources(copied.root, data.name, MODELS)])
    for group in table.groups:
        assert "chance" not in group.title
        for _, cells in group.rows:
            assert list(cells[-3:-1]) == [Cell("")] * 2


def test_quality_shows_what_was_measured_and_nothing_else(data: TinyData, page: str) -> None:
    table = quality_table([Sources(data.root, data.name, MODELS)])
    assert table is not None
    (group,) = table.groups
    assert [cells for _, cells in group.rows] == [[Cell("50.0", 0.5)], [Cell("1 of 8")], [Cell("4")]]
    assert '<td style="--share:50.0%" class="bar">50.0</td>' in page
    assert "Foreground network, trained on the seeds alone" not in page


def test_whether_training_removed_the_bad_seeds_is_said(data: TinyData, tmp_path: Path) -> None:
    copied = data.copy(tmp_path)
    removed = {"seeds": 2000, "bad_share": 0.03, "removed": 61, "removed_bad_share": 0.54}
    copied.path("quality").write_text(json.dumps({"removed_seeds": removed}))
    table = quality_table([Sources(copied.root, data.name, MODELS)])
    assert table is not None
    (group,) = table.groups
    assert [cells for _, cells in group.rows] == [[Cell("54.0", 0.54)], [Cell("3.0", 0.03)], [Cell("61 of 2,000")]]


def test_a_class_has_its_precision_and_its_recall(data: TinyData) -> None:
    table = class_table([Sources(data.root, data.name, MODELS)])
    assert table is not None
    assert list(table.heads) == ["part", "tiny: AP at IoU 0.5", "tiny: found by the surest boxes"]
    assert table.groups[0].rows == [("wheel", [Cell("25.0", 0.25), Cell("75.0", 0.75)])]


def test_counts_of_the_data_set_are_those_of_the_table(data: TinyData) -> None:
    ((_, cells),) = dataset_table([Sources(data.root, data.name, MODELS)]).groups[0].rows
    assert [cell.text for cell in cells] == ["8", "4", "2", "2", "4", "2", "7", "8"]


def test_images_and_vehicles_of_several_data_sets_count_once(data: TinyData, tmp_path: Path) -> None:
    own, same, other = (Sources(data.root, data.name, MODELS) for _ in range(3))
    assert totals([own]) == totals([own, same]) == (8, 4)
    other.store.image_digests[:2] = ["a", "b"]
    assert totals([own, other]) == (10, 5), "two images, of a vehicle of which the first data set shows none"


def test_without_models_their_sections_are_left_out(data: TinyData) -> None:
    page = build_page(data.root, [data.name], [], PARAMS)
    assert re.findall(r'<section id="(.*?)"', page) == [
        "summary",
        "quality",
        "artifacts",
        "overview",
        "training",
        "words",
    ]


def test_a_missing_output_is_named(data: TinyData, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"evaluation/tiny/absent/metrics\.json"):
        build_page(data.root, [data.name], ["absent"], PARAMS)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"model": "other"}, "expected metrics whose model is 'baseline', got 'other'"),
        ({"dataset": "other"}, "expected metrics whose dataset is 'tiny', got 'other'"),
        ({"trained_on": "other"}, "expected metrics whose trained_on is '', got 'other'"),
    ],
)
def test_metrics_of_another_model_or_data_set_are_refused(
    data: TinyData, tmp_path: Path, said: dict[str, str], message: str
) -> None:
    copied = data.copy(tmp_path)
    path = copied.path("metrics", "baseline")
    path.write_text(json.dumps(json.loads(path.read_text()) | said))
    with pytest.raises(ValueError, match=rf"tiny/baseline/metrics\.json: {message}"):
        build_page(copied.root, [data.name], MODELS, PARAMS)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("cmc.csv", r"cmc\.csv: expected the rate at rank 1 that metrics\.json gives, 1\.0000, got 0\.0000"),
        ("tables/queries.csv", r"queries\.csv: expected the mAP of test set .* gives, 1\.0000, got 0\.5000"),
    ],
)
def test_tables_of_another_model_are_refused(data: TinyData, tmp_path: Path, table: str, message: str) -> None:
    copied = data.copy(tmp_path)
    right, wrong = (copied.path("metrics", model).parent / table for model in MODELS)
    shutil.copy(wrong, right)
    with pytest.raises(ValueError, match=message):
        build_page(copied.root, [data.name], MODELS, PARAMS)


def test_a_line_for_each_query_of_the_ranking_is_expected(data: TinyData, tmp_path: Path) -> None:
    copied = data.copy(tmp_path)
    path = copied.path("tables", "baseline") / "queries.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(ValueError, match=r"queries\.csv: expected the 2 queries of ranking\.h5 .* order, got 1"):
        read_answers(Sources(copied.root, data.name, MODELS), "baseline")


def test_a_leading_test_set_without_identities_is_shown_without_scores(data: TinyData, tmp_path: Path) -> None:
    copied = data.copy(tmp_path)
    for model in MODELS:
        folder = copied.path("metrics", model).parent
        metrics = json.loads((folder / "metrics.json").read_text())
        withheld = {"mAP": None, "mAP_trapezoid": None, "mINP": None, "CMC": {"1": None}, "interval": {"samples": 0}}
        (folder / "metrics.json").write_text(
            json.dumps({**metrics, **withheld, "groups": {}, "test_set": "<official>"})
        )
        (folder / "cmc.csv").write_text("rank,rate\n")
    page = build_page(tmp_path, [data.name], MODELS, PARAMS)
    assert "identities of &lt;official&gt; are withheld" in page
    assert "tiny: 2 queries (whose vehicles are withheld), gallery of 2 images" in page
    assert "best mAP" not in page
    assert "at rank 1" not in page
    ParsedPage(page)
