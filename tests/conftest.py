"""Shared fixtures."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from drawn_vehicles import TinyData, write_tiny_data
from miniature import write_miniature
from tiny_run import write_run


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--remotes",
        default="folder",
        help="Kinds of DVC remote that tests push to and pull from, with commas: folder, ssh, s3, webdav.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each file to one worker, and all slow tests to the first, which alone makes the miniature run."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        is_slow = item.get_closest_marker("slow") is not None
        item.add_marker(pytest.mark.xdist_group("slow" if is_slow else item.path.name))


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
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The default run as a miniature, made once; tests copy it and must not change it."""
    folder = tmp_path_factory.mktemp("miniature") / "project"
    write_miniature(folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def _own_threads() -> Iterator[None]:
    """Put torch's thread count back, which every stage sets."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
