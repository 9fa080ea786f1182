from pathlib import Path
from typing import Any

import pytest
from drawn_vehicles import TinyData
from tiny_run import invoke

from pipeline.store.places import PLACES
from stages.detect_parts import detect_parts
from stages.embed import embed
from stages.evaluate import evaluate
from stages.evaluate_artifacts import evaluate_artifacts
from stages.grabcut import grabcut
from stages.predict_foreground import predict_foreground
from stages.predict_part_masks import predict_part_masks
from stages.train_detector import train_detector
from stages.train_foreground import train_foreground
from stages.train_reid import train_reid
from stages.train_span import train_span

ARTIFACTS = ("truth", "grabcut", "foreground", "parts", "part_masks", "detector", "span", "foreground_network")
INPUTS: list[tuple[Any, str, tuple[str, ...]]] = [
    (grabcut, "", ("images",)),
    (train_foreground, "", ("images", "grabcut")),
    (predict_foreground, "", ("images", "foreground_network")),
    (train_detector, "", ("images",)),
    (detect_parts, "", ("images", "detector")),
    (train_span, "", ("images", "foreground")),
    (predict_part_masks, "", ("images", "foreground", "span")),
    (evaluate_artifacts, "", ("images", *ARTIFACTS)),
    (train_reid, "pgan", ("images", "parts")),
    (train_reid, "span_cpdm", ("images", "part_masks")),
    (embed, "pgan", ("images", "parts", "reid")),
    (embed, "span_cpdm", ("images", "part_masks", "reid")),
    (evaluate, "pgan", ("images", "features")),
]
"""Stage, re-ID model and what it reads."""


@pytest.mark.parametrize(("stage", "model", "inputs"), INPUTS, ids=lambda value: getattr(value, "name", None))
def test_a_missing_input_is_named_with_the_stage_that_makes_it(
    finished_run: TinyData, tmp_path: Path, stage: Any, model: str, inputs: tuple[str, ...]
) -> None:
    run = finished_run.copy(tmp_path)
    for name in inputs:
        path = run.path(name, model)
        path.rename(tmp_path / "kept")
        result = invoke(stage, run.root, model=model)
        assert result.exit_code == 1
        maker = PLACES[name].stage
        message = f"{path}: no such file; stage `{maker}` makes it (`dvc repro` or `dvc pull`)"
        assert result.output == f"Error: FileNotFoundError: {message}\n"
        (tmp_path / "kept").rename(path)
