"""Commands of benchmarks that no other test runs, at their smallest: that they run, and what their lines say."""

from pathlib import Path

import click
import cv2
import pytest
from click.testing import CliRunner
from drawn_vehicles import TinyData

from benchmarks import (
    batch_company,
    evaluation_size,
    evaluation_speed,
    fleet_difficulty,
    fleet_transfer,
    grabcut,
    part_attention_cost,
    search,
    span_digits,
)


def lines_of(command: click.Command, *words: object) -> list[str]:
    """What a command prints, line by line."""
    result = CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def test_company_in_a_batch_is_judged_for_every_network(finished_run: TinyData) -> None:
    places = ["--root", finished_run.root, "--dataset", "tiny", "--models", "baseline", "--threads", 1]
    _, *lines = lines_of(batch_company.main, *places, "--size", 4)
    assert {line[:20].strip() for line in lines} == {"part detector", "foreground network", "SPAN", "baseline"}
    assert all("outputs changed, by" in line for line in lines)


def test_evaluation_is_timed_from_the_smallest_gallery_to_the_largest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation_size, "GALLERIES", (300, 600))
    monkeypatch.setattr(evaluation_size, "QUERIES", 20)
    monkeypatch.setattr(evaluation_size, "VEHICLES", 10)
    monkeypatch.setattr(evaluation_size, "apart", evaluation_size.evaluate)
    words = ["--distances", "euclidean", "--rerank-gallery", 200, "--threads", 1, "--chart", tmp_path / "chart.svg"]
    head, *lines = lines_of(evaluation_size.main, *words)
    assert head.startswith("20 queries, 1 threads")
    assert all(
        word in line for word, line in zip(("gallery      300:", "gallery      600:", "re-ranked"), lines, strict=True)
    )
    assert (tmp_path / "chart.svg").read_text(encoding="utf-8").startswith("<svg")


def test_ways_to_evaluate_are_timed_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation_speed, "SIZE", {"queries": 20, "gallery": 200, "vehicles": 10, "cameras": 4})
    text = "\n".join(lines_of(evaluation_speed.main, "--rounds", 1, "--threads", 1))
    assert text.count("ours, whole, first 100 kept") == len(evaluation_speed.NOISES)
    assert "CPDM, 2,560" in text


def test_the_difficulty_of_a_rendered_fleet_is_counted(miniature: Path) -> None:
    first, *lines = lines_of(fleet_difficulty.main, "--root", miniature, "--dataset", "synthetic")
    assert 0 < float(first.removeprefix("histogram mAP")) <= 1
    assert any(line.startswith("viewpoint") for line in lines)
    assert any(line.startswith("wheel") for line in lines)


def test_networks_of_one_data_set_are_measured_on_another(miniature: Path) -> None:
    lines = lines_of(fleet_transfer.main, "--root", miniature, "--dataset", "synthetic", "--trained-on", "synthetic")
    found = {tuple(line.split()[:2]) for line in lines if line.startswith(("foreground ", "part_masks ", "parts "))}
    assert {group for group, _ in found} == {"foreground", "part_masks", "parts"}


def test_two_ways_of_grabcut_are_timed_and_compared(miniature: Path) -> None:
    words = ["--root", miniature, "--dataset", "synthetic", "--sample", 2, "--rounds", 1]
    head, release, ours, verdict = lines_of(grabcut.main, *words)
    assert head.startswith("2 images of synthetic, 1 rounds")
    assert "192 + 32 px" in release
    assert all("IoU mean" in line for line in (release, ours))
    assert verdict.startswith("ours is ")


def test_a_step_is_timed_with_part_attention_and_without(
    finished_run: TinyData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished_run.root)
    words = ["--dataset", "tiny", "--vehicles", 2, "--classes", 2, "--rounds", 1]
    _, *lines = lines_of(part_attention_cost.main, *words)
    assert [line[:20].strip() for line in lines] == list(part_attention_cost.VARIANTS)
    assert all("s a step" in line for line in lines)


def test_ways_to_search_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search.importlib.util, "find_spec", lambda name: None)
    _, _, *lines = lines_of(search.main, "--gallery", 200, "--dimension", 32, "--threads", 1, "--rounds", 1)
    assert len(lines) == 3 * 4
    assert all(line.endswith("100.0%") for line in lines if "CPDM" not in line)


def test_digits_are_found_and_drawn(tmp_path: Path) -> None:
    words = ["--digits", 3, "--train", 24, "--test", 8, "--part", "validation", "--out", tmp_path / "digits.png"]
    head, *lines = lines_of(span_digits.main, *words)
    assert head.startswith("trained on 24 images in ")
    assert any("SPAN" in line for line in lines)
    assert cv2.imread(str(tmp_path / "digits.png")) is not None
