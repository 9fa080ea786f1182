import pytest

from pipeline.export.onnx_file import required


def test_a_missing_package_is_named_with_what_installs_it() -> None:
    with pytest.raises(RuntimeError, match="No module named 'absent_package'; .*uv sync --inexact --group export"):
        required("absent_package")
