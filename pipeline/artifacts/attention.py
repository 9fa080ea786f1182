"""What re-ID models looked at as a file: ``data/attention/<dataset>/<model>.h5``, beside the features.

A file of its own, because features are large and read whole: who looks at attention need not have them.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.store import hdf5, hdf5_writer
from pipeline.store.origin import by_content

SCHEMA = "attention/1"


@dataclass(frozen=True)
class AttentionForm:
    """What a model weighs, and where the cells of its square map look.

    Attributes:
        top_d: D, the most confident part boxes it weighs; 0 where it weighs cells.
        count: Cells of a row or column.
        first: Centre of the first cell, as a share of the image's side, along either axis.
        step: From one centre to the next, likewise.
    """

    top_d: int
    count: int
    first: float
    step: float


@dataclass(frozen=True)
class Looks:
    """What a model looked at in one image or several.

    Attributes:
        weights: `(..., D)` float32 in [0, 1], weight w_i of each of the first D boxes, PGAN (4), summing to 1; D is 0
            where cells are weighed.
        cells: `(..., h, w)` float32 in [0, 1]: sum_i w_i M_i of PGAN (3) on the map's cells, or the cells' own weights.
    """

    weights: NDArray[np.float32]
    cells: NDArray[np.float32]


def header_of(
    model: str, form: AttentionForm | None, table: str, weights: str, parts: dict[str, str] | None
) -> hdf5.Header:
    """Header of an attention file.

    Args:
        model: Name of the model.
        form: Form of its attention; None for a model that has none.
        table: Digest of the image table.
        weights: Digest of the model's weights.
        parts: What made the part boxes it read; None where it read none.
    """
    makers = {"weights": weights} | _of_parts(parts or {})
    return hdf5.Header(SCHEMA, table, makers, {"model": model, "form": None if form is None else asdict(form)})


def form_of(header: hdf5.Header) -> AttentionForm | None:
    """Form of a file's attention; None where the model has none."""
    form = header.notes["form"]
    return None if form is None else AttentionForm(**form)


@contextlib.contextmanager
def create_attention(path: Path, header: hdf5.Header, rows: NDArray[np.int64]) -> Iterator[Callable[[Looks], None]]:
    """Write attention batch by batch, whole or not at all; the file exists, and says so, where a model has none.

    Args:
        path: The file.
        header: From `header_of`.
        rows: `(M,)` rows of the table, in the order in which they come.

    Yields:
        What takes the `Looks` of the next rows.

    Raises:
        ValueError: Rows were left out.
    """
    form = form_of(header)
    with hdf5_writer.create(path, header) as cache:
        datasets = []
        if form is not None:
            cache.array("rows", rows)
            shapes = {"weights": (form.top_d,), "cells": (form.count, form.count)}
            datasets = [cache.rows(name, len(rows), shape, np.float32) for name, shape in shapes.items()]

        def append(looks: Looks) -> None:
            for dataset, values in zip(datasets, (looks.weights, looks.cells), strict=True):
                dataset.append(values)

        yield append


def open_attention(path: Path, table: str) -> hdf5.Cache:
    """Open attention: ``rows`` `(M,)` int64 of the table, ``weights`` and ``cells`` as `Looks` of them has these.

    They are absent where `form_of` its header is None.

    Args:
        path: The file.
        table: Digest of the image table whose rows it must name.
    """
    return hdf5.Cache(path, SCHEMA, table)


def check_boxes(attention: hdf5.Cache, parts: hdf5.Cache) -> None:
    """Check that the boxes weighed are those of a file.

    Raises:
        ValueError: Others were; the message names what made them.
    """
    made_by = _of_parts(parts.header.made_by)
    for name in made_by:
        hdf5.check_same(name, made_by, attention.header.made_by, attention.path)


def _of_parts(makers: dict[str, str]) -> dict[str, str]:
    """Makers of part boxes, as an attention file names them among its own."""
    return {f"parts {name}": digest for name, digest in by_content(makers).items()}
