from dataclasses import replace

import numpy as np
from cpu_runtime import RUNTIME
from drawn_vehicles import ROWS, TinyData
from foreground_example import PREDICTION, network

from pipeline.foreground.prediction import ForegroundPredictionParams, predict
from pipeline.maps.columns import joined
from pipeline.networks.runtime import start
from pipeline.networks.tensors import normalise, to_batch
from pipeline.store.resizing import resize


def masks_of(data: TinyData, values: ForegroundPredictionParams) -> np.ndarray:
    return joined(predict(network(), data.store, values, RUNTIME, start(RUNTIME)))["masks"]


def test_masks_are_the_networks_probabilities_in_row_order(tiny_data: TinyData) -> None:
    masks = masks_of(tiny_data, PREDICTION)
    assert masks.shape == (len(ROWS), 16, 16)
    for row in range(len(ROWS)):
        image = normalise(to_batch([resize(tiny_data.store.image(row), 32, 32)]))
        expected = network()(image).detach().sigmoid()[0].numpy() * 255
        np.testing.assert_allclose(masks[row], expected, atol=0.51)


def test_masks_come_in_batches_of_at_most_the_size_asked_for(tiny_data: TinyData) -> None:
    batches = predict(network(), tiny_data.store, PREDICTION, RUNTIME, start(RUNTIME))
    assert [len(batch["masks"]) for batch in batches] == [3, 3, 2]


def test_the_mirrored_image_counts_half_when_asked(tiny_data: TinyData) -> None:
    image = normalise(to_batch([resize(tiny_data.store.image(2), 32, 32)]))
    upright, mirrored = (network()(picture).detach().sigmoid()[0].numpy() for picture in (image, image.flip(3)))
    expected = (upright + mirrored[:, ::-1]) / 2 * 255
    mask = masks_of(tiny_data, replace(PREDICTION, mirrored_too=True))[2]
    np.testing.assert_allclose(mask, expected, atol=0.51)
    assert not np.allclose(upright, mirrored[:, ::-1], atol=0.01)
