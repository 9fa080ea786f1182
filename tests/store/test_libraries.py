from importlib import metadata
from pathlib import Path

import pytest

from pipeline.store import code
from pipeline.store.code import check_versions, code_digest, installed_version, libraries_of
from pipeline.store.files import write_json


def test_of_what_code_imports_directly_or_not_packages_that_calculate_count_by_version(tmp_path: Path) -> None:
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/first.py").write_text("import json\nimport click\nfrom pipeline import second\n")
    (tmp_path / "pipeline/second.py").write_text("def late():\n    from cv2 import dnn\n    import numpy.typing\n")
    versions = {"cv2": metadata.version("opencv-python"), "numpy": metadata.version("numpy")}
    assert libraries_of(("pipeline/first.py",), tmp_path) == versions


def test_a_build_for_another_device_is_the_same_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "version", lambda package: "2.13.0+cu130")
    assert installed_version("torch") == "2.13.0"


def test_code_of_a_stage_counts_for_the_stage_that_takes_from_it_and_its_options_do_not(tmp_path: Path) -> None:
    folder = tmp_path / "stages"
    folder.mkdir()
    (folder / "second.py").write_text("from stages.command import stage\nfrom stages.first import work\n")

    def digest(command: str, first: str) -> str:
        (folder / "command.py").write_text(command)
        (folder / "first.py").write_text(first)
        return code_digest(("stages/second.py",), tmp_path)

    assert digest("a = 1", "b = 1") == digest("a = 2", "b = 1") != digest("a = 1", "b = 2")


def test_a_library_that_is_not_the_one_dvc_was_told_of_is_refused_with_both_versions(tmp_path: Path) -> None:
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/first.py").write_text("import cv2, numpy\n")
    folder, entries = tmp_path / "libraries", ("pipeline/first.py",)
    check_versions(folder, entries, tmp_path)  # nothing was told
    for name in ("cv2", "numpy"):
        write_json(folder / f"{name}.json", {"version": installed_version(name)})
    write_json(folder / "torch.json", {"version": "0.1"})  # which this code does not use
    check_versions(folder, entries, tmp_path)
    write_json(folder / "cv2.json", {"version": "0.1"})
    with pytest.raises(ValueError, match=rf"cv2\.json: expected opencv-python 0\.1, found {installed_version('cv2')}"):
        check_versions(folder, entries, tmp_path)
