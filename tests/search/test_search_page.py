import re
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from drawn_vehicles import TinyData
from parsed_page import HOSTILE, check_hostile_names
from search_example import search_for
from tiny_run import MODELS

from pipeline.search.page import SHARED_TEMPLATES, TEMPLATES, Query, build_page
from pipeline.store.pages import environment

KINDS = ("Boxes", "Tints")


def boxes_in(page: str) -> int:
    return page.count('<rect class="box"')


def damage(path: Path, name: str) -> None:
    """Flip a bit of every chunk of a dataset."""
    with h5py.File(path) as file:
        stored = file[name].id
        places = [stored.get_chunk_info(chunk).byte_offset for chunk in range(stored.get_num_chunks())]
    content = bytearray(path.read_bytes())
    for place in places:
        content[place + 8] ^= 1
    path.write_bytes(content)


def heads_of(page: str) -> list[tuple[str, str]]:
    return re.findall(r"<p><b>(.*?:)</b> (.*?)</p>", page)


def captions_of(page: str) -> list[tuple[str, str]]:
    return re.findall(r"<figcaption>([^<]+)<small>([^<]+)</small></figcaption>", page)


def test_a_page_shows_masks_and_how_much_each_view_counted(finished_run: TinyData) -> None:
    found = search_for(finished_run, "span_cpdm", finished_run.file(7))
    page = build_page(found)
    assert page.count('<li class="match">') == 2
    shares = [[int(number) for number in re.findall(r"<dd>(\d+) %</dd>", card)] for card in page.split('class="match"')]
    whole, *views = shares[1]
    ratios = found.described.inputs.ratios
    assert ratios is not None
    total = 1 + float((ratios**2).sum())
    assert whole == pytest.approx(100 / total, abs=1)
    assert views == pytest.approx((100 * ratios[0] ** 2 / total).tolist(), abs=1)


def test_a_page_shows_part_boxes_and_says_that_the_whole_feature_counted(finished_run: TinyData) -> None:
    page = build_page(search_for(finished_run, "pgan", finished_run.file(7)))
    assert "The whole feature counted in every pair" in page
    assert 'class="shares"' not in page
    assert boxes_in(page) == 3 * 4, "the query image and two found, with top_d boxes each"


@pytest.mark.parametrize("model", MODELS)
def test_whatever_the_model_reads_boxes_and_masks_of_asked_and_found_images_are_shown(
    finished_run: TinyData, model: str
) -> None:
    page = build_page(search_for(finished_run, model, finished_run.file(7)))
    assert "Vehicles, by their nearest image: 0004, 0003." in page
    shown = 4 if model == "pgan" else 6
    assert boxes_in(page) == 3 * shown, "top_d boxes of a model that reads boxes, else all there are up to 8"
    assert page.count('alt="its view masks"') == 2
    assert page.count('aria-label="Colours of the view masks"') == 1
    assert ("whole vehicle</li>" in page) == (model == "span_cpdm"), "only bars show the whole vehicle"
    assert "not shown" not in page


@pytest.mark.parametrize(
    ("model", "read", "unread"),
    [("baseline", "", "Boxes Tints"), ("pgan", "Boxes", "Tints"), ("span_cpdm", "Tints", "Boxes")],
)
def test_what_the_model_read_is_told_from_what_is_shown_for_orientation(
    finished_run: TinyData, model: str, read: str, unread: str
) -> None:
    page = build_page(search_for(finished_run, model, finished_run.file(7)))
    told = {head: " ".join(re.findall("Boxes|Tints", text)) for head, text in heads_of(page)}
    heads = {f"{model} read these beside the images:": read}
    heads |= {f"Shown for orientation; {model} did not read them:": unread}
    assert told == {head: kinds for head, kinds in heads.items() if kinds}
    notes = [f"read by {model}" if kind in read else f"for orientation, not read by {model}" for kind in KINDS]
    assert captions_of(page) == list(zip(("Part boxes", "View masks"), notes, strict=True))


def test_what_cannot_be_shown_is_left_out_with_a_remark(finished_run: TinyData, tmp_path: Path) -> None:
    run = finished_run.copy(tmp_path / "run")
    run.path("span").unlink()
    run.path("parts").unlink()
    page = build_page(search_for(run, "baseline", run.file(7)))
    assert (captions_of(page), heads_of(page), boxes_in(page)) == ([], [], 0)
    assert "its view masks" not in page
    assert "Colours of the view masks" not in page
    for text in (
        r"Part boxes are not shown: \S+parts/tiny\.h5: no such file; stage `detect_parts` makes it",
        r"View masks are not shown: \S+span\.safetensors: no such file; stage `train_span` makes it",
    ):
        assert len(re.findall(text, page)) == 1


@pytest.mark.parametrize(
    ("kind", "name", "what"), [("parts", "boxes", "Part boxes"), ("part_masks", "masks", "View masks")]
)
@pytest.mark.parametrize("model", MODELS)
def test_what_is_damaged_of_what_is_only_shown_is_left_out_with_a_remark(
    finished_run: TinyData, tmp_path: Path, model: str, kind: str, name: str, what: str
) -> None:
    run = finished_run.copy(tmp_path / "run")
    damage(run.path(kind), name)
    found = search_for(run, model, run.file(7))
    page = build_page(found)
    assert page.count('<li class="match">') == len(found.matches[0].positions)
    assert ("its view masks" in page) == (kind != "part_masks")
    (remark,) = found.shown.remarks
    assert remark.startswith(f"{what} are not shown of all images: {run.path(kind)}: dataset '{name}' is damaged")
    assert page.count(f"{what} are not shown of all images") == 1


def test_a_found_image_that_is_damaged_is_named_without_its_picture(finished_run: TinyData, tmp_path: Path) -> None:
    run = finished_run.copy(tmp_path / "run")
    damage(run.path("images"), "encoded")
    found = search_for(run, "baseline", finished_run.file(7))
    page = build_page(found)
    assert page.count('<li class="match">') == len(found.matches[0].positions)
    assert f"Images are not shown of all that were found: {run.path('images')}" in page


def test_several_images_have_a_section_each_and_the_page_needs_no_network(finished_run: TinyData) -> None:
    page = build_page(search_for(finished_run, "pgan", finished_run.file(7), finished_run.file(4)))
    assert page.count("<section") == 2
    assert page.count('href="#query-') == 2
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "url(" not in page


def test_hostile_names_everywhere_stay_text(finished_run: TinyData, tmp_path: Path) -> None:
    name = f"file {HOSTILE}.png"
    for file in (tmp_path / name, tmp_path / "other.png"):
        shutil.copy(finished_run.file(7), file)
    found = search_for(finished_run, "span_cpdm", tmp_path / name, tmp_path / "other.png")
    store = found.gallery.store
    for column in ("vehicle_ids", "camera_ids", "paths"):
        setattr(store, column, np.array([f"{column} {HOSTILE}"] * len(store)))
    shown = replace(found.shown, remarks=[f"remark {HOSTILE}"])
    page = build_page(replace(found, shown=shown, dataset=f"set {HOSTILE}", model=f"model {HOSTILE}"))
    kinds = ("Vehicle vehicle_ids", "camera camera_ids", "paths", "remark", "gallery images of set", "read by model")
    check_hostile_names(page, name, *(f"{kind} {HOSTILE}" for kind in kinds))


@pytest.mark.parametrize("kind", ["image", "track"])
def test_vehicles_are_named_up_to_the_eighth(kind: str) -> None:
    vehicles = [(f"v{number}", 1 + number % 2) for number in range(10)]
    template = environment(TEMPLATES, SHARED_TEMPLATES).get_template("search.html")
    facts = {
        "dataset": "",
        "model": "",
        "images": 0,
        "kind": kind,
        "searched": "gallery images",
        "distance_note": "",
        "notes": [],
        "remarks": [],
    }
    named = ", ".join(f"v{number} (2 {kind}s)" if number % 2 else f"v{number}" for number in range(8))
    for count, told in ((8, f"{named}."), (10, f"{named} and 2 more.")):
        page = template.render(queries=[Query(Path("a.png"), 1, [], vehicles[:count], [], [])], **facts)
        assert f"<p>Vehicles, by their nearest {kind}: {told}</p>" in page


def test_file_names_are_escaped(finished_run: TinyData, tmp_path: Path) -> None:
    name = "<b>&.png"
    shutil.copy(finished_run.file(7), tmp_path / name)
    page = build_page(search_for(finished_run, "baseline", tmp_path / name))
    assert name not in page
    assert "&lt;b&gt;&amp;.png" in page
