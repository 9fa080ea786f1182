"""Where the code of a run starts, so that what is finished is done again once that code has changed."""

RUN = (
    "pipeline/reid/training.py",
    "pipeline/reid/embedding.py",
    "pipeline/retrieval/evaluation.py",
    "pipeline/ablations/runs.py",
)
"""Where the code starts that trains, embeds, measures any model and keeps what was measured."""
MASKS = (
    "pipeline/views/training.py",
    "pipeline/views/prediction.py",
    "pipeline/artifacts/views.py",
    "pipeline/ablations/masks.py",
)
"""Where the code starts that trains a SPAN for a row, predicts its part masks and keeps them."""


def of_network(network: str) -> tuple[str, ...]:
    """Where the code starts that a run of a network, a module of ``pipeline/reid/models``, consists of."""
    return (*RUN, f"pipeline/reid/models/{network}.py")
