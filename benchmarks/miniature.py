"""Parameters that make every stage small enough for a run of all of them within seconds."""

from typing import Any

SCHEDULE = {
    "epochs": 2,
    "learning_rate": 1e-3,
    "weight_decay": 0.0,
    "warmup_epochs": 0,
    "warmup_start": 1.0,
    "decay": "constant",
}
RESNET_SSD = {
    "size": 32,
    "backbone": "resnet10_narrow",
    "stem_stride": 4,
    "layers": [1, 2],
    "channels": 8,
    "scales": [0.1, 0.3, 0.6],
    "aspect_ratios": [],
}
TINY: dict[str, Any] = {
    "grabcut": {"size": 32, "padding": 16, "corner_radius": None},
    "train_foreground": {
        "network": {"backbone": "resnet10_narrow", "last_stride": 1, "decoder_widths": [16, 8], "input_size": 32},
        "pretrained": {"source": None},
        "remove_after_epochs": 1,
        "remove_deviations": 3.0,
        "augmentation": {"zoom": [0.9, 1.1], "colour_jitter": 0.2},
        "batch_size": 2,
        "schedule": SCHEDULE,
    },
    "predict_foreground": {"size": 16, "batch_size": 3},
    "train_detector": {
        "network": {"name": "ssd_resnet", "resnet": RESNET_SSD},
        "pretrained": {"source": None},
        "batch_size": 2,
        "augmentation": {"window": 1, "scale": [0.8, 1.2], "aspect": 1.2, "colour_jitter": 0.2, "hue": 9},
        "schedule": SCHEDULE,
    },
    "detect_parts": {"max_parts": 6, "candidates": 20, "batch_size": 3},
    "train_span": {
        "network": {"backbone": "resnet10", "input_size": 32},
        "pretrained": {"source": None},
        "images_per_label_set": 1,
        "batch_size": 2,
        "warmup": {**SCHEDULE, "epochs": 1},
        "schedule": {**SCHEDULE, "epochs": 1},
    },
    "predict_part_masks": {"size": 12, "batch_size": 3, "within_foreground": True},
    "train_reid": {
        "backbone": "resnet10_narrow",
        "input_size": 32,
        "pretrained": {"source": None},
        "identities_per_batch": 2,
        "images_per_identity": 2,
        "epochs": 2,
        "iterations": None,
        "warmup_epochs": 1,
    },
    "reid_models": {
        "baseline": {"dimension": 16},
        "pgan": {"dimension": 16, "top_d": 4},
        "span_cpdm": {"global_dimension": 12, "part_dimension": 8},
    },
    "embed": {"batch_size": 3},
    "evaluate": {"group_by": "type"},
    "evaluate_artifacts": {"parts": 2},
}
"""What makes every stage small: the overrides of a data set, over the project's own parameters."""
