import random

import cv2
import numpy as np
import pytest
import torch

from pipeline.networks.runtime import generator_of, seed_everything


def draws() -> list[float]:
    noise = np.zeros((2, 2), np.float32)
    cv2.randu(noise, 0, 1)
    return [random.random(), float(np.random.rand()), float(torch.rand(())), float(noise.sum())]  # noqa: NPY002


def test_one_seed_fixes_every_generator_and_another_changes_each(monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for seed in (3, 3, 4):
        seed_everything(seed, torch.get_num_threads())
        results.append(draws())
    assert results[0] == results[1]
    assert all(one != other for one, other in zip(results[0], results[2], strict=True))


def test_generators_depend_on_all_keys_and_their_number() -> None:
    keys = [(0,), (0, 0), (0, 0, 0), (1,), (1, 0), (0, 1), (1, 2, 3), (1, 3, 2)]
    values = {generator_of(*key).random() for key in keys}
    assert len(values) == len(keys)
    assert generator_of(1, 2, 3).random() == generator_of(1, 2, 3).random()
