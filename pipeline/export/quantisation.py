"""The 8-bit form of an exported network, whose convolutions compute with whole numbers."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.export.onnx_file import required, save

QUANTISED = ("Conv", "Gemm")
"""Operators that compute with 8 bits; preprocessing, attention and part selection keep theirs."""
ACTIVATIONS = ("Clip", "Relu")
"""Operators that are taken into a convolution before them, whose result is then rounded in the range they leave of it:
of EfficientNet-lite0 that is 0 to 6, many times narrower."""


class _Readings:
    """Gives ONNX Runtime the inputs that ranges are measured on, one after the other."""

    def __init__(self, inputs: Iterator[Mapping[str, NDArray[Any]]]) -> None:
        self._inputs = inputs

    def get_next(self) -> Mapping[str, NDArray[np.generic]] | None:
        """The next inputs, None at the end."""
        return next(self._inputs, None)


def write_quantised(
    path: Path, source: Path, inputs: Iterator[Mapping[str, NDArray[Any]]], facts: Mapping[str, Any]
) -> None:
    """Write the 8-bit form of an ONNX file: weights by output channel, activations by ranges measured on some inputs.

    Weights keep 7 bits: an x86 processor without VNNI adds products in pairs to 16 bits, which those of 8 overflow
    unnoticed.

    Args:
        path: The file to write.
        source: The file to quantise.
        inputs: What ranges are measured on, a batch each, by input names.
        facts: What the new file says of itself.
    """
    onnx, quantisation = required("onnx"), required("onnxruntime.quantization")
    preparation = required("onnxruntime.quantization.shape_inference")
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)  # each advises what is done here
    try:
        with TemporaryDirectory() as folder:
            prepared, made = Path(folder, "prepared.onnx"), Path(folder, "quantised.onnx")
            preparation.quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
            quantisation.quantize_static(
                str(prepared),
                str(made),
                _Readings(inputs),
                quant_format=quantisation.QuantFormat.QDQ,
                op_types_to_quantize=[*QUANTISED, *ACTIVATIONS],
                per_channel=True,
                reduce_range=True,
                activation_type=quantisation.QuantType.QUInt8,
                weight_type=quantisation.QuantType.QInt8,
            )
            save(path, onnx.load(str(made)), facts)
    finally:
        logging.disable(disabled)
