from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_vehicles import ROWS, TinyData

from pipeline.artifacts.views import SCHEMA, area_ratios, write_part_masks
from pipeline.networks.runtime import Runtime, start
from pipeline.store import hdf5
from pipeline.views.network import Span, SpanArchitecture
from pipeline.views.prediction import PartMasksParams, load_span, predict_masks

ARCHITECTURE = SpanArchitecture("resnet10", True, 32)
PARAMS = PartMasksParams(size=24, batch_size=3, within_foreground=False)
RUNTIME = Runtime(seed=0, threads=1, workers=0, accelerator="cpu", devices=1, precision="32-true")


def predict(data: TinyData, params: PartMasksParams) -> np.ndarray:
    torch.manual_seed(0)
    span = Span(ARCHITECTURE, 3).eval()
    store = data.store
    foreground = hdf5.Cache(data.path("foreground"), "foreground/1", store.digest)
    return np.concatenate(list(predict_masks(span, store, foreground, params, RUNTIME, start(RUNTIME))))


def test_area_ratios_are_each_masks_share_of_all_three() -> None:
    masks = np.zeros((2, 3, 4, 4), np.uint8)
    masks[0, 0], masks[0, 2] = 255, 85
    assert area_ratios(masks).tolist() == [[0.75, 0.0, 0.25], [0.0, 0.0, 0.0]]
    assert area_ratios(masks).dtype == np.float32


def test_every_image_gets_masks_of_the_size_asked_for_whatever_the_batch(tiny_data: TinyData) -> None:
    masks = predict(tiny_data, PARAMS)
    assert masks.shape == (len(ROWS), 3, 24, 24)
    assert masks.dtype == np.uint8
    one_by_one = predict(tiny_data, replace(PARAMS, batch_size=1))
    assert np.abs(masks.astype(int) - one_by_one).max() <= 1


def test_masks_within_the_foreground_vanish_outside_it(tiny_data: TinyData) -> None:
    plain, within = predict(tiny_data, PARAMS), predict(tiny_data, replace(PARAMS, within_foreground=True))
    assert plain[..., 0, 0].all()
    assert not within[..., 0, 0].any()
    assert np.array_equal(plain[..., 12, 12], within[..., 12, 12])


def test_a_network_is_rebuilt_from_its_weights_alone() -> None:
    torch.manual_seed(0)
    span = Span(ARCHITECTURE, 3).eval()
    metadata = {"architecture": asdict(ARCHITECTURE), "views": ["front", "rear", "side"]}
    rebuilt = load_span(span.state_dict(), metadata, "span.safetensors")
    images = torch.randn(1, 3, 32, 32)
    assert torch.allclose(rebuilt(images), span(images), atol=1e-5)
    with pytest.raises(ValueError, match="span.safetensors: architecture: unknown key 'depth'"):
        load_span({}, {**metadata, "architecture": {"depth": 3}}, "span.safetensors")


def test_the_cache_holds_masks_and_ratios_and_is_never_left_incomplete(tmp_path: Path) -> None:
    header, block = hdf5.Header(SCHEMA, "t"), np.full((2, 3, 4, 4), 9, np.uint8)
    write_part_masks(tmp_path / "masks.h5", iter([block, block[:1]]), header, 3, 4)
    cache = hdf5.Cache(tmp_path / "masks.h5", SCHEMA, "t")
    assert cache["masks"].shape == (3, 3, 4, 4)
    assert np.allclose(cache["area_ratios"][()], 1 / 3)
    with pytest.raises(ValueError, match="has 2 rows written"):
        write_part_masks(tmp_path / "short.h5", iter([block]), header, 3, 4)
    assert not (tmp_path / "short.h5").exists()
