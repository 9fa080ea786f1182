from pathlib import Path

import numpy as np
import pytest
from drawn_vehicles import TinyData, rewrite_cache
from parsed_page import ParsedPage
from report_example import MODELS, PARAMS, write_results

from pipeline.artifacts.attention import AttentionForm, Looks, create_attention, header_of
from pipeline.artifacts.parts import parts_at, write_parts
from pipeline.report.attention import attention_sheets
from pipeline.report.page import build_page
from pipeline.report.sources import Sources
from pipeline.store import hdf5
from pipeline.store.origin import MADE_FOR, VALUES

FORMS = {"baseline": None, "<pgan>": AttentionForm(3, 4, 0.1, 0.25), "grid": AttentionForm(0, 4, 0.1, 0.25)}
WEIGHTS = (0.2, 0.7, 0.1)


@pytest.fixture
def data(tiny_data: TinyData, tmp_path: Path) -> TinyData:
    """The tiny data set with what three models looked at: one at nothing, one at parts, one at cells."""
    copied = tiny_data.copy(tmp_path)
    store = copied.store
    rows, makers = store.test_rows(), hdf5.Cache(copied.path("parts"), "parts/1").header.made_by
    for model, form in FORMS.items():
        parts = makers if form and form.top_d else None
        with create_attention(
            copied.path("attention", model), header_of(model, form, store.digest, "w", parts), rows
        ) as keep:
            if form is not None:
                weights = np.tile(np.array(WEIGHTS[: form.top_d], np.float32), (len(rows), 1))
                keep(Looks(weights, np.full((len(rows), 4, 4), 0.05, np.float32)))
    rewrite_cache(copied.path("parts"), copied.path("parts"), {MADE_FOR: "tiny", VALUES: "0"})  # as stages write it
    return copied


def test_every_model_with_attention_shows_its_boxes_and_its_map(data: TinyData) -> None:
    sheets = attention_sheets(Sources(data.root, data.name, list(FORMS)), PARAMS)
    assert sheets is not None
    (bands,) = sheets.sheets
    assert [band.title for band in bands] == [
        "Photograph",
        "<pgan>: weight of each part box",
        "<pgan>: where it looks",
        "grid: where it looks",
    ]
    assert all(len(band.cells) == PARAMS.attention_images for band in bands)
    boxes, heat = bands[1].cells[0], bands[2].cells[0]
    assert list(boxes.names) == ["2 wheel 70 %", "1 wheel 20 %", "3 plate 10 %"]
    assert boxes.picture is not None
    assert [box.strength for box in boxes.picture.boxes] == pytest.approx([2 / 7, 1, 1 / 7])
    assert heat.caption == "up to 5 %"


def test_the_page_has_the_section_where_there_is_attention_and_only_there(data: TinyData) -> None:
    write_results(data)
    page = build_page(data.root, [data.name], MODELS, PARAMS)
    assert '<section id="attention">' in page
    assert "&lt;pgan&gt;: where it looks" in page
    assert 'style="--strength:1.00"' in page
    ParsedPage(page)
    assert attention_sheets(Sources(data.root, data.name, ["baseline", "absent"]), PARAMS) is None


def test_weights_of_other_boxes_than_those_drawn_are_refused(data: TinyData) -> None:
    table = data.store.digest
    with hdf5.Cache(data.path("parts"), "parts/1", table) as cache:
        found = parts_at(cache, ())
    write_parts(data.path("parts"), table, *found.scores.shape, [found], {"detector": "another"})
    with pytest.raises(ValueError, match="made with parts detector"):
        attention_sheets(Sources(data.root, data.name, ["<pgan>"]), PARAMS)
