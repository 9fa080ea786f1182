import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tiny_run import PROJECT

from benchmarks.processors import IMAGE_LIBRARIES
from pipeline.store.params import merge, read

FLEET = {
    "train_vehicles": 2,
    "test_vehicles": 2,
    "images_per_vehicle": 5,
    "query_per_vehicle": 1,
    "cameras": 5,
    "low_cameras": 2,
    "cameras_per_vehicle": 5,
    "shortest_long_side": 110,
    "longest_long_side": 150,
    "workers": 1,
}
PROGRAM = """
import sys
from stages.prepare import prepare
from stages.synthesize import synthesize
for stage in (synthesize, prepare):
    stage(["--dataset", "synthetic", "--root", sys.argv[1]], standalone_mode=False)
"""


def rendered(root: Path, environment: dict[str, str]) -> dict[str, str]:
    """Digests of all that `synthesize` and `prepare` write in a new process."""
    document = read(PROJECT / "params.yaml")
    document["overrides"]["synthetic"] = merge(document["overrides"]["synthetic"], {"synthesize": FLEET})
    with open(root / "params.yaml", "w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(document, stream)
    command = [sys.executable, "-W", "ignore::ImportWarning", "-c", PROGRAM, str(root)]
    found = subprocess.run(command, env=os.environ | environment, cwd=PROJECT, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    files = sorted(path for path in (root / "data").rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return rendered(tmp_path_factory.mktemp("here"), {})


def test_images_truth_and_pictures_are_among_what_is_compared(here: dict[str, str]) -> None:
    assert {"data/images/synthetic.h5", "data/truth/synthetic.h5", "data/raw/synthetic/parts.json"} <= set(here)
    assert sum(name.endswith(".jpg") for name in here) == 20 + 2


@pytest.mark.parametrize("less", IMAGE_LIBRARIES)
def test_no_byte_of_the_fleet_and_its_images_depends_on_the_processor(
    less: str, here: dict[str, str], tmp_path: Path
) -> None:
    assert rendered(tmp_path, IMAGE_LIBRARIES[less]) == here
