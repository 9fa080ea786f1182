from importlib import metadata
from pathlib import Path

from pipeline.store.code import libraries_of


def test_of_what_code_imports_directly_or_not_packages_that_calculate_count_by_version(tmp_path: Path) -> None:
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline/first.py").write_text("import json\nimport click\nfrom pipeline import second\n")
    (tmp_path / "pipeline/second.py").write_text("def late():\n    from cv2 import dnn\n    import numpy.typing\n")
    versions = {"cv2": metadata.version("opencv-python"), "numpy": metadata.version("numpy")}
    assert libraries_of(("pipeline/first.py",), tmp_path) == versions
