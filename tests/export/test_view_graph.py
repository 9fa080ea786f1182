from dataclasses import replace

import numpy as np
import pytest
import torch
from cpu_runtime import RUNTIME
from drawn_vehicles import TinyData

from pipeline.artifacts import views as artifact
from pipeline.artifacts.foreground import open_foreground
from pipeline.export.views import ForegroundGraph, ViewGraph, area_ratios
from pipeline.foreground import network as foreground_network
from pipeline.foreground.prediction import ForegroundPredictionParams
from pipeline.networks.runtime import start
from pipeline.store.vocabulary import VIEWS
from pipeline.views import network as views_network
from pipeline.views.prediction import ViewPredictionParams, predict


@pytest.mark.parametrize("within", [False, True])
def test_view_masks_are_those_the_stages_make(finished_run: TinyData, within: bool) -> None:
    run = finished_run
    params = replace(run.workspace().load("predict_part_masks", ViewPredictionParams), within_foreground=within)
    foreground = run.workspace().load("predict_foreground", ForegroundPredictionParams)
    seen = open_foreground(run.path("foreground"))["masks"][()]
    span = views_network.restore(run.path("span"), VIEWS)
    blocks = list(predict(span, run.store, seen, params, RUNTIME, start(RUNTIME)))
    expected = np.concatenate([block["masks"] for block in blocks])
    network = foreground_network.restore(run.path("foreground_network"))
    graph = ViewGraph(
        views_network.restore(run.path("span"), VIEWS),
        params,
        ForegroundGraph(network, foreground) if within else None,
    )
    images = torch.from_numpy(np.stack([run.store.image(row) for row in range(len(run.store))])).permute(0, 3, 1, 2)
    with torch.inference_mode():
        found = graph(images).numpy()
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert (found != expected).mean() < 0.01


def test_area_ratios_are_those_of_the_cache_and_none_of_an_image_without_masks() -> None:
    masks = np.random.default_rng(0).integers(0, 256, (3, 3, 5, 5), dtype=np.uint8)
    masks[1] = 0
    found = area_ratios(torch.from_numpy(masks)).numpy()
    np.testing.assert_array_equal(found[:, 0], 1)
    np.testing.assert_array_equal(found[:, 1:], artifact.area_ratios(masks))
    np.testing.assert_array_equal(found[1], [1, 0, 0, 0])
