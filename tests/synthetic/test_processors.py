import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tiny_run import PROJECT

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
LESS = {
    "OpenCV without AVX-512": {"OPENCV_CPU_DISABLE": "AVX512_SKX"},
    "OpenCV without AVX": {"OPENCV_CPU_DISABLE": "AVX512_SKX,AVX2,FMA3,AVX"},
    "OpenCV with neither SSE4 nor IPP": {
        "OPENCV_CPU_DISABLE": "AVX512_SKX,AVX2,FMA3,AVX,SSE4_2,SSE4_1",
        "OPENCV_IPP": "disabled",
    },
    "NumPy without AVX": {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512F AVX512_SKX AVX2 FMA3"},
    "OpenBLAS of 2008": {"OPENBLAS_CORETYPE": "Nehalem"},
    "OpenBLAS of 2013": {"OPENBLAS_CORETYPE": "Haswell"},
    "libjpeg without SIMD": {"JSIMD_FORCENONE": "1"},
    "libm without FMA": {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable"},
}
"""What libraries may not use, by their own variables: each makes this processor work as an older one does."""


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


@pytest.mark.parametrize("less", LESS)
def test_no_byte_of_the_fleet_and_its_images_depends_on_the_processor(
    less: str, here: dict[str, str], tmp_path: Path
) -> None:
    assert rendered(tmp_path, LESS[less]) == here
