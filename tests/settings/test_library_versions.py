import ast

import cv2
import pytest
from tiny_run import PROJECT

from pipeline.settings import libraries
from pipeline.settings.libraries import ALIKE, PICTURES, versions
from pipeline.store import code

HARMLESS = {"error", "setNumThreads", "setRNGSeed", "typing"}
"""What changes no pixel."""


def functions(file: str) -> set[str]:
    """Names of OpenCV's functions that a module uses."""
    tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
    used = {node.attr for node in nodes if isinstance(node.value, ast.Name) and node.value.id == "cv2"}
    return {name for name in used if not name.isupper() and "_" not in name} - HARMLESS


def test_the_example_goes_through_all_that_those_modules_let_opencv_do() -> None:
    assert all((PROJECT / file).exists() for file in ALIKE)
    own = {"pipeline/settings/libraries.py", "pipeline/store/decoding.py", "pipeline/store/resizing.py"}
    covered = set.union(*map(functions, own))
    assert set.union(*map(functions, ALIKE)) <= covered


def test_a_new_version_of_opencv_changes_its_own_file_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before, real = versions(), code.version
    monkeypatch.setattr(code, "version", lambda package: "9.9" if package == "opencv-python" else real(package))
    after = versions()
    assert [name for name in before if before[name] != after[name]] == ["cv2"]
    assert after["cv2"] == {"package": "opencv-python", "version": "9.9"}


@pytest.mark.parametrize("name", ["warpAffine", "imdecode", "resize"])
def test_a_version_that_makes_other_pictures_is_seen(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before, real = versions(), getattr(cv2, name)

    def other(*args: object, **more: object) -> object:
        return cv2.subtract(real(*args, **more), (1, 0, 0, 0))

    monkeypatch.setattr(libraries.cv2, name, other)
    assert [key for key, value in versions().items() if value != before[key]] == [PICTURES]
