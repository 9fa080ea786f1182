import os
import random
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from cpu_runtime import RUNTIME

from pipeline.networks.runtime import generator_of, seed_everything, start


def draws() -> list[float]:
    noise = np.zeros((2, 2), np.float32)
    cv2.randu(noise, 0, 1)
    return [random.random(), float(np.random.rand()), float(torch.rand(())), float(noise.sum())]  # noqa: NPY002


def test_one_seed_fixes_every_generator_and_another_changes_each() -> None:
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


def test_starting_seeds_and_places() -> None:
    values = []
    for _ in range(2):
        fabric = start(RUNTIME)
        values.append(torch.rand(3))
    assert torch.equal(*values)
    assert fabric.device == torch.device("cpu")
    assert torch.get_num_threads() == RUNTIME.threads


def test_neither_devices_nor_workers_decide_the_result_of_a_training() -> None:
    elsewhere = replace(RUNTIME, workers=3, accelerator="auto", devices=2)
    assert elsewhere.arithmetic == RUNTIME.arithmetic
    for change in ({"seed": 1}, {"threads": 2}, {"precision": "bf16-mixed"}, {"deterministic": False}):
        assert replace(RUNTIME, **change).arithmetic != RUNTIME.arithmetic  # type: ignore[arg-type]


def test_repeatability_is_asked_for_before_cuda_starts_and_changes_nothing_on_cpus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    start(replace(RUNTIME, deterministic=False))
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    start(RUNTIME)
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert not torch.are_deterministic_algorithms_enabled()
    assert not torch.backends.cudnn.deterministic
