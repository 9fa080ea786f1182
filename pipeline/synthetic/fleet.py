"""The fleet: draws vehicles and cameras, plans who is seen where, renders on all cores, writes the data set."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from pydantic import NonNegativeInt, PositiveInt

from pipeline.store.files import atomic_directory
from pipeline.store.params import Share, parameters
from pipeline.synthetic import cameras, picture, specs, veri_layout
from pipeline.synthetic.cameras import Camera
from pipeline.synthetic.specs import VehicleSpec
from pipeline.synthetic.vehicle import Vehicle, build
from pipeline.synthetic.veri_layout import Shot, Taken

_CAMERAS, _VEHICLES, _PICTURES = range(3)
"""First spawn key of the seeds of each kind of draw."""

NEIGHBOURS = 2
"""Other vehicles that one vehicle may meet."""


@parameters
class FleetParams:
    """Size and difficulty of the fleet."""

    seed: NonNegativeInt
    """Seed of the whole fleet; same seed, same bytes."""
    train_vehicles: PositiveInt
    """Vehicles to train on."""
    test_vehicles: PositiveInt
    """Vehicles to test on."""
    images_per_vehicle: PositiveInt
    """Pictures of each vehicle."""
    query_per_vehicle: PositiveInt
    """Of a test vehicle's pictures, how many are queries, each from another camera."""
    cameras: PositiveInt
    """Cameras in all (VeRi-776 has 20)."""
    low_cameras: NonNegativeInt
    """Of these at street level, 2 to 9 degrees above the horizon; the others at 10 to 37."""
    cameras_per_vehicle: PositiveInt
    """Cameras that see one vehicle."""
    shortest_long_side: PositiveInt
    """Smallest long side of a picture, pixels."""
    longest_long_side: PositiveInt
    """Largest long side of a picture, pixels."""
    twin_share: Share
    """Share of each split's vehicles that share body and paint with another of it."""
    twins_in_group: PositiveInt
    """Vehicles that share one body and paint."""
    workers: NonNegativeInt
    """Processes, which do not change a byte; 0 for one per core."""


@dataclass(frozen=True)
class FleetSummary:
    """What was written.

    Attributes:
        vehicles: Vehicles.
        twins: Vehicles among them that have a twin.
        images: Pictures, queries counted once.
        boxes: Part boxes.
    """

    vehicles: int
    twins: int
    images: int
    boxes: int


def synthesize(
    params: FleetParams, output: Path, progress: Callable[[Iterator[list[Taken]], int], Iterator[list[Taken]]]
) -> FleetSummary:
    """Render a fleet and write it to `output`, whole or not at all; an older one is replaced.

    Args:
        params: Size and difficulty.
        output: Directory to write.
        progress: Wraps the iterator over finished vehicles; gets their number as well.
    """
    _check(params)
    fleet = draw_fleet(params)
    work = partial(_photograph, params)
    count = params.workers or len(os.sched_getaffinity(0))
    with atomic_directory(output) as root:
        with _mapper(count) as apply:
            albums = list(progress(apply(work, fleet), len(fleet)))
        train = [taken for album in albums[: params.train_vehicles] for taken in album]
        test = [taken for album in albums[params.train_vehicles :] for taken in album]
        veri_layout.write(root, train, test, fleet)
    boxes = sum(len(taken.parts) for _, taken in [*train, *test])
    return FleetSummary(len(fleet), _count_twins(fleet), len(train) + len(test), boxes)


@contextmanager
def _mapper(workers: int) -> Iterator[Callable[..., Iterator[list[Taken]]]]:
    """Something that maps in order: over processes of one thread each, or in this process for one worker."""
    if workers == 1:
        yield map
        return
    with ProcessPoolExecutor(workers, get_context("spawn"), cv2.setNumThreads, (1,)) as pool:
        try:
            yield pool.map
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def draw_fleet(params: FleetParams) -> list[VehicleSpec]:
    """All vehicles, those to train on first; twin groups never span the splits."""
    fleet: list[VehicleSpec] = []
    for size in (params.train_vehicles, params.test_vehicles):
        twins = int(np.ceil(params.twin_share * size))
        groups: list[int] = []
        while twins > 0 and sum(groups) < twins and size - sum(groups) >= 2:
            groups.append(min(params.twins_in_group, size - sum(groups)))
        groups += [1] * (size - sum(groups))
        for members in groups:
            group = fleet[-1].twin_group + 1 if fleet else 1
            shape, styling = specs.sample_model(_generator(params, _VEHICLES, group, 0))
            for _ in range(members):
                vehicle_id = len(fleet) + 1
                details = specs.sample_details(shape.body_type, _generator(params, _VEHICLES, group, vehicle_id))
                fleet.append(VehicleSpec(vehicle_id, group, shape, styling, details))
    return fleet


def draw_cameras(params: FleetParams) -> list[Camera]:
    """The cameras of the fleet."""
    sides = params.shortest_long_side, params.longest_long_side
    return cameras.sample_cameras(params.cameras, params.low_cameras, sides, _generator(params, _CAMERAS))


def _check(params: FleetParams) -> None:
    """Refuse sizes that contradict each other."""
    if not 0 <= params.low_cameras <= params.cameras:
        raise ValueError(f"low_cameras must lie between 0 and cameras = {params.cameras}, got {params.low_cameras}")
    if not 2 <= params.cameras_per_vehicle <= params.cameras:
        raise ValueError(
            f"cameras_per_vehicle must lie between 2 and cameras = {params.cameras}, got {params.cameras_per_vehicle}"
        )
    if params.images_per_vehicle < params.cameras_per_vehicle:
        raise ValueError(
            f"images_per_vehicle = {params.images_per_vehicle} is fewer than "
            f"cameras_per_vehicle = {params.cameras_per_vehicle}"
        )
    if not 1 <= params.query_per_vehicle <= params.cameras_per_vehicle:
        raise ValueError(
            f"query_per_vehicle must lie between 1 and cameras_per_vehicle = {params.cameras_per_vehicle}, "
            f"got {params.query_per_vehicle}"
        )
    if params.twin_share > 0 and params.twins_in_group < 2:
        raise ValueError(f"twins_in_group must be at least 2, got {params.twins_in_group}")


def _generator(params: FleetParams, *key: int) -> np.random.Generator:
    """The random generator of one draw, independent of all others."""
    return np.random.default_rng(np.random.SeedSequence(params.seed, spawn_key=key))


def _photograph(params: FleetParams, spec: VehicleSpec) -> list[Taken]:
    """All pictures of one vehicle, sorted by name."""
    rng = _generator(params, _PICTURES, spec.vehicle_id)
    vehicle = build(spec)
    neighbours = _neighbours(rng)
    chosen = _choose_cameras(params, rng)
    album: list[Taken] = []
    for number in range(params.images_per_vehicle):
        camera = chosen[number % len(chosen)]
        round_ = number // len(chosen)
        azimuth = (camera.bearing + (180.0 if rng.random() < 0.4 else 0.0) + rng.normal(0, camera.spread)) % 360
        frame = 10_000 * int(rng.integers(1, 9000)) + 40 * round_ + number
        is_query = spec.vehicle_id > params.train_vehicles and number < params.query_per_vehicle
        shot = Shot(spec.vehicle_id, camera.camera_id, frame, is_query)
        circumstances = _generator(params, _PICTURES, spec.vehicle_id, number)
        album.append((shot, picture.take(vehicle, camera, azimuth, neighbours, circumstances)))
    return sorted(album, key=lambda taken: taken[0].name)


def _choose_cameras(params: FleetParams, rng: np.random.Generator) -> list[Camera]:
    """The cameras that see one vehicle, in random order."""
    all_cameras = draw_cameras(params)
    return [all_cameras[i] for i in rng.permutation(len(all_cameras))[: params.cameras_per_vehicle]]


def _neighbours(rng: np.random.Generator) -> list[Vehicle]:
    """Vehicles that no one has to recognise: random ones outside the fleet."""
    others = []
    for number in range(NEIGHBOURS):
        shape, styling = specs.sample_model(rng)
        details = specs.sample_details(shape.body_type, rng)
        others.append(build(VehicleSpec(-1 - number, 0, shape, styling, details)))
    return others


def _count_twins(fleet: Sequence[VehicleSpec]) -> int:
    """Vehicles that share their group with another."""
    sizes = np.bincount([spec.twin_group for spec in fleet])
    return int(sizes[sizes > 1].sum())
