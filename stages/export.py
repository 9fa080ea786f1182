"""Writes a trained re-ID model as files that run without this code. No stage of the DAG: run it by hand.

Reads the data set's images, features and what the model reads; the model, and the networks that make what it reads.
Writes: MODEL.onnx and, where the model reads part boxes or view masks, MODEL_from_images.onnx, which finds them itself.
"""

from pathlib import Path

import click

from pipeline.export.run import export as export_files
from pipeline.networks.runtime import seed_everything
from pipeline.retrieval.evaluation import EvaluateParams
from pipeline.search.fitting import load_params
from pipeline.store.places import Workspace
from stages.command import FiniteRange, Output, dataset_option, model_option, stage


@stage
@dataset_option
@model_option
@click.option(
    "--format", type=click.Choice(["onnx"]), default="onnx", show_default=True, expose_value=False, help="Kind of file."
)
@click.option(
    "--output", type=Output(folder=True), default=Path("exported"), show_default=True, help="Folder to write to."
)
@click.option("--quantise", is_flag=True, help="Write 8-bit forms too, and measure them.")
@click.option(
    "--tolerance",
    type=FiniteRange(min=0),
    default=1e-4,
    show_default=True,
    help="Greatest difference of any number of a feature of length 1 from the pipeline's.",
)
def export(workspace: Workspace, output: Path, quantise: bool, tolerance: float) -> None:
    """Export a model as ONNX files, checked on the test sets."""
    values = load_params(workspace)
    evaluation = workspace.load("evaluate", EvaluateParams)
    seed_everything(values.runtime.seed, values.runtime.threads)
    for file in export_files(workspace, values, evaluation, output, quantise=quantise, tolerance=tolerance):
        click.echo(f"{file.path}: {file.megabytes:.1f} MB; {file.parity}")


if __name__ == "__main__":
    export()
