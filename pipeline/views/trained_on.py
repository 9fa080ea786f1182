"""What a SPAN was trained on."""

from pathlib import Path

from pipeline.networks import weights

KIND = "span/1"


def read_trained_table(path: Path) -> str:
    """Digest of the image table a SPAN was trained on.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It holds other weights.
    """
    metadata = weights.load_metadata(path, KIND)
    return str(metadata["table"])
