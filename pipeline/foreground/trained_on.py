"""Which seed masks a foreground network came not to be trained on."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.networks import weights

KIND = "foreground/1"


def read_removed_rows(path: Path) -> NDArray[np.int64]:
    """Rows whose seeds training removed for their abnormal loss, rising; see `pipeline.foreground.training`.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It holds other weights, or those of another version of this pipeline.
    """
    metadata = weights.load_metadata(path, KIND)
    if "removed_rows" not in metadata:
        raise ValueError(f"{path}: lacks removed_rows (weights of another version of this pipeline; train them again)")
    return np.array(metadata["removed_rows"], np.int64)
