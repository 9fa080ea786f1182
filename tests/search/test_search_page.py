import re
import shutil
from pathlib import Path

import pytest

from pipeline.search.page import build_page
from tests.search.search_example import Run, search_for


def test_a_page_shows_masks_and_how_much_each_view_counted(finished_run: Run) -> None:
    found = search_for(finished_run, "span_cpdm", finished_run.file(7))
    page = build_page(found)
    assert page.count('<li class="match">') == 2
    assert "View masks" in page
    assert "Part boxes" not in page
    shares = [[int(number) for number in re.findall(r"<dd>(\d+) %</dd>", card)] for card in page.split('class="match"')]
    whole, *views = shares[1]
    ratios = found.described.inputs.ratios
    assert ratios is not None
    total = 1 + float((ratios**2).sum())
    assert whole == pytest.approx(100 / total, abs=1)
    assert views == pytest.approx((100 * ratios[0] ** 2 / total).tolist(), abs=1)


def test_a_page_shows_part_boxes_and_says_that_the_whole_feature_counted(finished_run: Run) -> None:
    page = build_page(search_for(finished_run, "pgan", finished_run.file(7)))
    assert "The whole feature counted in every pair" in page
    assert "View masks" not in page
    assert 'class="shares"' not in page
    assert page.count('<rect class="box"') == 3 * 4, "the asked image and two found, with top_d boxes each"


def test_a_page_of_a_model_that_reads_images_alone_shows_neither(finished_run: Run) -> None:
    page = build_page(search_for(finished_run, "baseline", finished_run.file(7)))
    assert "Part boxes" not in page
    assert "View masks" not in page
    assert "Vehicles, by their nearest image: 0004, 0003." in page


def test_several_images_have_a_section_each_and_the_page_needs_no_network(finished_run: Run) -> None:
    page = build_page(search_for(finished_run, "pgan", finished_run.file(7), finished_run.file(4)))
    assert page.count("<section") == 2
    assert page.count('href="#query-') == 2
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "url(" not in page


def test_file_names_are_escaped(finished_run: Run, tmp_path: Path) -> None:
    name = "<b>&.png"
    shutil.copy(finished_run.file(7), tmp_path / name)
    page = build_page(search_for(finished_run, "baseline", tmp_path / name))
    assert name not in page
    assert "&lt;b&gt;&amp;.png" in page
