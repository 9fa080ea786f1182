"""Fixtures of the search's tests."""

from collections.abc import Iterator

import pytest
import torch
from drawn_vehicles import TinyData

from tests.search.search_example import Run, write_run


@pytest.fixture(scope="session")
def finished_run(tiny_data: TinyData, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with every cache a search reads, made once; tests read it and must not change it."""
    return write_run(tiny_data, tmp_path_factory.mktemp("search") / "run")


@pytest.fixture(autouse=True)
def _own_threads() -> Iterator[None]:
    """Put torch's thread count back."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
