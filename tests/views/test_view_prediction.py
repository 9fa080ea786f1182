from dataclasses import replace

import numpy as np
import torch
from cpu_runtime import RUNTIME
from drawn_vehicles import ROWS, TinyData

from pipeline.artifacts.foreground import open_foreground
from pipeline.maps.columns import joined
from pipeline.networks.runtime import start
from pipeline.store.vocabulary import VIEWS
from pipeline.views.network import Span, SpanNetworkParams
from pipeline.views.prediction import ViewPredictionParams, predict

SHAPE = SpanNetworkParams("resnet10", True, 32)
PARAMS = ViewPredictionParams(size=24, batch_size=3, within_foreground=False)


def masks_of(data: TinyData, params: ViewPredictionParams) -> np.ndarray:
    torch.manual_seed(0)
    span = Span(SHAPE, VIEWS).eval()
    store = data.store
    foreground = open_foreground(data.path("foreground"), store.digest)["masks"][()]
    return joined(predict(span, store, foreground, params, RUNTIME, start(RUNTIME)))["masks"]


def test_every_image_gets_masks_of_the_size_asked_for_whatever_the_batch(tiny_data: TinyData) -> None:
    masks = masks_of(tiny_data, PARAMS)
    assert masks.shape == (len(ROWS), 3, 24, 24)
    assert masks.dtype == np.uint8
    one_by_one = masks_of(tiny_data, replace(PARAMS, batch_size=1))
    assert np.abs(masks.astype(int) - one_by_one).max() <= 1


def test_masks_within_the_foreground_vanish_outside_it(tiny_data: TinyData) -> None:
    plain, within = masks_of(tiny_data, PARAMS), masks_of(tiny_data, replace(PARAMS, within_foreground=True))
    assert plain[..., 0, 0].all()
    assert not within[..., 0, 0].any()
    assert np.array_equal(plain[..., 12, 12], within[..., 12, 12])
