from pathlib import Path
from typing import Any

import pytest
from drawn_vehicles import TinyData
from tiny_run import run_stage, write_params

from stages.detect_parts import detect_parts
from stages.embed import embed
from stages.predict_foreground import predict_foreground
from stages.predict_part_masks import predict_part_masks
from stages.train_detector import train_detector
from stages.train_foreground import train_foreground
from stages.train_reid import train_reid
from stages.train_span import train_span

ONE_EPOCH: dict[str, Any] = {
    "train_foreground": {"schedule": {"epochs": 1}},
    "train_detector": {"schedule": {"epochs": 1}},
    "train_reid": {"epochs": 1},
}
OUTPUTS = {
    train_foreground: ("foreground_network", "foreground_history"),
    predict_foreground: ("foreground",),
    train_detector: ("detector", "detector_history"),
    detect_parts: ("parts",),
    train_span: ("span", "span_history"),
    predict_part_masks: ("part_masks",),
    train_reid: ("reid", "reid_history"),
    embed: ("features",),
}
"""Stage that loads images in processes of their own -> what it writes; each works on what those before it wrote."""


def made_with(workers: int, data: TinyData) -> dict[str, bytes]:
    """What each stage writes with a number of loader processes."""
    write_params(data.root, {"workers": workers}, **ONE_EPOCH)
    made = {}
    for stage, kinds in OUTPUTS.items():
        for model in ("pgan", "span_cpdm") if stage in (train_reid, embed) else ("",):
            run_stage(stage, data.root, model=model)
            made |= {f"{stage.name} {kind} {model}": data.path(kind, model).read_bytes() for kind in kinds}
    return made


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # where there are fewer cores than processes
def test_loader_processes_change_no_byte_of_what_any_stage_writes(tiny_data: TinyData, tmp_path: Path) -> None:
    alone, shared = (made_with(workers, tiny_data.copy(tmp_path / f"{workers}")) for workers in (0, 2))
    assert [name for name, content in alone.items() if shared[name] != content] == []
