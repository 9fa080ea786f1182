"""Shared fixtures."""

import shutil
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pytest
import torch
from drawn_vehicles import TinyData, write_tiny_data
from filelock import FileLock
from miniature import write_miniature
from tiny_run import write_run


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--remotes",
        default="folder",
        help="Kinds of DVC remote that tests push to and pull from, with commas: folder, ssh, s3, webdav.",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files of slow tests first, so that no worker is left with them at the end.

    Every other one does without the miniature run, so that no worker waits while another makes it.
    """
    slow = [item for item in items if item.get_closest_marker("slow")]
    files = dict.fromkeys(item.path for item in slow)
    waiting = dict.fromkeys(item.path for item in slow if "miniature" in getattr(item, "fixturenames", ()))
    taken = zip_longest(waiting, [path for path in files if path not in waiting])
    places = {path: place for place, path in enumerate(path for pair in taken for path in pair if path)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> TinyData:
    """A data set of eight drawn images with every cache, made once; tests read it and must not change it."""
    return write_tiny_data(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def finished_run(tiny_data: TinyData, tmp_path_factory: pytest.TempPathFactory) -> TinyData:
    """The tiny data set with every network and what the stages make by them; tests read it and must not change it."""
    threads = torch.get_num_threads()
    run = write_run(tiny_data, tmp_path_factory.mktemp("run"))
    torch.set_num_threads(threads)
    return run


@pytest.fixture(scope="session")
def miniature(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The default run as a miniature, made by the first worker that asks; tests copy it and must not change it."""
    of_all = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent
    folder = of_all / "miniature" / "project"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (done := folder.with_suffix(".done")).exists():
            shutil.rmtree(folder, ignore_errors=True)
            write_miniature(folder)
            done.touch()
    return folder


@pytest.fixture(autouse=True)
def _own_threads() -> Iterator[None]:
    """Put torch's thread count back, which every stage sets."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
