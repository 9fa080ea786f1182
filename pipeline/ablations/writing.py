"""From a table to its files: its steps taken, its part masks measured and drawn, its document and page written."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.ablations.experiment import Experiment
from pipeline.ablations.mask_quality import measure_masks
from pipeline.ablations.page import write_result
from pipeline.ablations.pictures import mask_sheet
from pipeline.ablations.results import result_of
from pipeline.ablations.rows import Table
from pipeline.ablations.steps import Step, run_all
from pipeline.store.files import directory_target


def write_table(
    experiment: Experiment,
    table: Table,
    steps: Sequence[Step],
    documents: Path,
    say: Callable[[str], None],
    *,
    keep: bool,
) -> list[Path]:
    """Run what is left of a table and write it.

    Args:
        experiment: What its runs share.
        table: The table.
        steps: Its steps, from `pipeline.ablations.steps.steps_of`.
        documents: Folder of its document; the page goes to ``data/tables/<dataset>`` of the workspace.
        say: Told of each step in one line.
        keep: Whether weights and features of runs trained now are kept.

    Returns:
        What was written.

    Raises:
        OSError: One of the folders takes no file.
        ValueError: One of the folders is a file.
    """
    pages = experiment.workspace.root / "data/tables" / experiment.workspace.dataset
    for folder in (documents, pages):
        directory_target(folder)  # before days of training
    finished = run_all(experiment, steps, say, keep=keep)
    measured = {label: [measure_masks(experiment, path) for path in paths] for label, paths in finished.masks.items()}
    result = result_of(table, experiment, finished.runs, measured)
    return write_result(result, mask_sheet(experiment, finished.masks), documents, pages)
