"""Fixtures of the settings' tests."""

import shutil
from pathlib import Path

import pytest
from tiny_run import PROJECT

from pipeline.settings.code import FOLDERS


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the project's parameters and the code of its re-ID networks, for a test that edits them."""
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    for folder in FOLDERS:
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path
