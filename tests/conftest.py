"""Shared fixtures."""

import pytest
from drawn_vehicles import TinyData, write_tiny_data


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> TinyData:
    """A data set of eight drawn images with every cache, made once; tests read it and must not change it."""
    return write_tiny_data(tmp_path_factory.mktemp("tiny"))
