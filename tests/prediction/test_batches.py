from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from cpu_runtime import RUNTIME
from foreground_example import network
from torch import Tensor

from pipeline.maps.columns import Arrays, joined
from pipeline.networks.devices import processes
from pipeline.prediction import batches
from pipeline.prediction.batches import predicted

NETWORK = network()


def image(row: int) -> Tensor:
    """Something that depends on the row alone."""
    return torch.from_numpy(np.random.default_rng(row).standard_normal((3, 32, 32), np.float32))


def run(rows: list[int], size: int = 4, **changes: Any) -> Arrays:
    """What the network finds in some rows."""

    def found(batch: Tensor) -> Arrays:
        assert len(batch) == size
        with torch.inference_mode():
            return {"logits": NETWORK(batch).numpy()}

    return joined(predicted(found, rows, image, size, replace(RUNTIME, **changes), torch.stack))


def test_what_is_found_in_a_row_depends_on_no_other_row_to_the_last_bit() -> None:
    alone = {row: run([row])["logits"][0] for row in range(9)}
    for rows in ([0, 1, 2, 3, 4, 5, 6, 7, 8], [8, 3, 5], [7, 0, 1, 2, 6]):
        for row, found in zip(rows, run(rows)["logits"], strict=True):
            assert found.tobytes() == alone[row].tobytes()


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # where there are fewer cores than processes
def test_loader_processes_change_nothing() -> None:
    assert run([3, 1, 4, 0, 5])["logits"].tobytes() == run([3, 1, 4, 0, 5], workers=2)["logits"].tobytes()


def test_each_process_predicts_every_nth_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert processes() == 1
    seen: list[list[int]] = []
    monkeypatch.setattr(batches, "processes", lambda: 2)
    for number in range(2):
        monkeypatch.setattr(batches, "process", lambda number=number: number)
        rows: list[int] = []
        monkeypatch.setattr(batches, "on_first", lambda found, rows=rows: rows.extend(found["row"]) or [])
        given = predicted(lambda batch: {"row": np.array(batch)}, range(10), int, 3, RUNTIME, list)
        if number == 1:
            monkeypatch.setattr(
                batches, "on_first", lambda found, rows=rows: rows.extend([] if found is None else found["row"]) or []
            )
        assert list(given) == []
        seen.append([int(row) for row in rows])
    assert seen == [[0, 1, 2, 6, 7, 8], [3, 4, 5, 9]]
