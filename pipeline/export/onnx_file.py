"""Networks as ONNX files, which ONNX Runtime and others run without this code, and what a file says of itself."""

import importlib
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

FORMAT = "vehicle-reid/1"
"""Kind and version of the files, noted in each as ``format``."""

OPSET = 18
"""Version of ONNX's operators that files are made of."""


def required(name: str) -> Any:
    """Import a package that only an export needs.

    Raises:
        RuntimeError: It is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise RuntimeError(
            f"{error}; an export needs the optional packages: uv sync --inexact --group export"
        ) from error


def dynamic_axes(example: Mapping[str, Tensor]) -> dict[str, dict[int, Any]]:
    """Axes a file leaves open: the batch's of every input, and height and width of the images."""
    batch = Dim("batch")
    axes: dict[str, dict[int, Any]] = {name: {0: batch} for name in example}
    axes["images"] |= {1: Dim("height", min=2), 2: Dim("width", min=2)}
    return axes


def write_onnx(
    path: Path, graph: nn.Module, example: Mapping[str, Tensor], outputs: Sequence[str], facts: Mapping[str, Any]
) -> None:
    """Write a network as one ONNX file.

    What the exporter notes of the code's places is left out, so that equal networks give equal files anywhere.

    Args:
        path: The file.
        graph: In evaluation mode.
        example: Inputs by the names of its arguments, a batch of at least 2.
        outputs: Names of what it gives.
        facts: What the file says of itself, see `with_facts`.

    Raises:
        RuntimeError: The exporter's packages are not installed, or it cannot express the network.
    """
    for package in ("onnx", "onnxscript"):
        required(package)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns of its own deprecations
        with torch.no_grad():
            program = torch.onnx.export(
                graph,
                kwargs=dict(example),
                input_names=list(example),
                output_names=list(outputs),
                dynamic_shapes=dynamic_axes(example),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    assert program is not None
    model = _without_places(program.model_proto)
    _check_open(model, dynamic_axes(example))
    save(path, model, facts)


def _check_open(model: Any, axes: Mapping[str, Mapping[int, Any]]) -> None:
    """Check that the exporter left all axes open that should be.

    Raises:
        RuntimeError: It did not; the message names input and axis.
    """
    for item in model.graph.input:
        dimensions = item.type.tensor_type.shape.dim
        for axis in axes[item.name]:
            if not dimensions[axis].dim_param:
                fixed = dimensions[axis].dim_value
                raise RuntimeError(f"input {item.name}, axis {axis}: expected an open axis, got one fixed to {fixed}")


def _without_places(model: Any) -> Any:
    """Take out what the exporter notes of the code and the machine; returns the same model."""
    graphs = [model.graph, *model.functions]
    for graph in graphs:
        graph.ClearField("doc_string")
        graph.ClearField("metadata_props")
        for item in (*graph.node, *graph.value_info):
            item.ClearField("doc_string")
            item.ClearField("metadata_props")
    for item in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        item.ClearField("doc_string")
        item.ClearField("metadata_props")
    return model


def save(path: Path, model: Any, facts: Mapping[str, Any]) -> None:
    """Write an ONNX model with what it says of itself.

    Args:
        path: The file.
        model: `onnx.ModelProto`.
        facts: Key -> text, or a JSON value; kept as the model's metadata, text as it is and all else as JSON.
    """
    onnx = required("onnx")
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items()}
    model.ClearField("metadata_props")
    onnx.helper.set_model_props(model, dict(sorted(texts.items())))
    path.write_bytes(model.SerializeToString(deterministic=True))


def open_session(path: Path, threads: int) -> Any:
    """Open an ONNX file in ONNX Runtime on the CPU.

    Args:
        path: The file.
        threads: Threads of one operator; 0 leaves it to ONNX Runtime.
    """
    runtime = required("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors
    return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
