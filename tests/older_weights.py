"""Weights as another version of the pipeline would have written them, and how they must be refused."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.networks import weights

ADVICE = r"\(weights of another version of this pipeline; train them again\)"


def check_older_weights_are_refused(
    path: Path, kind: str, section: str, key: str, restore: Callable[[Path], object]
) -> None:
    """Check that weights whose parameters lack one, have one too many or are absent are refused in one sentence each.

    Args:
        path: Weights of this version, which `restore` takes; they are overwritten.
        kind: Of the weights.
        section: Where their metadata hold the parameters.
        key: A parameter without a default.
        restore: Rebuilds the network.
    """
    restore(path)
    state, metadata = weights.load(path, kind)
    facts = {name: value for name, value in metadata.items() if name != "kind"}
    lacking = {name: value for name, value in facts[section].items() if name != key}
    changes: dict[str, dict[str, Any]] = {
        rf"{section}: unknown key 'depth'; known keys are .*{key}.*": {section: {**facts[section], "depth": 3}},
        rf"{section}: key '{key}' is missing": {section: lacking},
        rf"section '{section}' is missing": {section: None},
    }
    for message, change in changes.items():
        older = {name: value for name, value in {**facts, **change}.items() if value is not None}
        weights.save(path, state, kind, older)
        with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: {message} {ADVICE}$"):
            restore(path)
