import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.synthetic.bodies import BODY_TYPES, sample_shape
from pipeline.synthetic.fleet import FleetParams, synthesize
from pipeline.synthetic.specs import VehicleSpec, sample_details, sample_styling
from pipeline.synthetic.vehicle import Vehicle, build
from pipeline.synthetic.veri_layout import Taken

SMALL = FleetParams(
    seed=5,
    train_vehicles=3,
    test_vehicles=3,
    images_per_vehicle=5,
    query_per_vehicle=2,
    cameras=4,
    low_cameras=1,
    cameras_per_vehicle=3,
    shortest_long_side=110,
    longest_long_side=150,
    twin_share=0.6,
    twins_in_group=2,
    workers=1,
)


def no_progress(albums: Iterator[list[Taken]], total: int) -> Iterator[list[Taken]]:
    return albums


@pytest.fixture(scope="session")
def small() -> FleetParams:
    return SMALL


@pytest.fixture(scope="session")
def make_fleet() -> Callable[..., Path]:
    def make(output: Path, **changes: float) -> Path:
        synthesize(dataclasses.replace(SMALL, **changes), output, no_progress)
        return output

    return make


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory, make_fleet: Callable[..., Path]) -> Path:
    return make_fleet(tmp_path_factory.mktemp("fleet") / "synthetic")


@pytest.fixture(scope="session")
def vehicles() -> dict[str, Vehicle]:
    built = {}
    for index, body_type in enumerate(BODY_TYPES):
        rng = np.random.default_rng(index)
        shape, styling = sample_shape(body_type, rng), sample_styling(body_type, rng)
        details = sample_details(body_type, rng)
        everything = dataclasses.replace(details, hanging=(1, 0, 0), belt=(0.8, 0.1, 0.1), light_cover=2)
        built[body_type] = build(VehicleSpec(index + 1, index + 1, shape, styling, everything))
    return built
