from pathlib import Path

import numpy as np
import onnxruntime
import torch
from reid.reid_example import batch, network

from pipeline.artifacts.parts import PART_ARRAYS
from pipeline.export.graphs import ModelGraph
from pipeline.export.onnx_file import write_onnx
from pipeline.reid.models import fused
from pipeline.store.vocabulary import BLOCKS


def test_a_file_of_a_model_that_compares_parts_reads_their_classes_and_gives_a_ratio_for_each_block(
    tmp_path: Path,
) -> None:
    torch.manual_seed(0)
    graph = ModelGraph(network(fused), mirrored_too=False).eval()
    given = batch()
    inputs = {"images": given.images.permute(0, 2, 3, 1).contiguous()}
    inputs |= {name: getattr(given, name) for name in PART_ARRAYS} | {"masks": given.masks}
    assert graph.inputs == list(inputs)
    write_onnx(tmp_path / "fused.onnx", graph, {name: values[:2] for name, values in inputs.items()}, graph.outputs, {})
    session = onnxruntime.InferenceSession(str(tmp_path / "fused.onnx"))
    feature, ratios = session.run(None, {name: values.numpy() for name, values in inputs.items()})
    with torch.inference_mode():
        expected, expected_ratios = graph(**inputs)
    np.testing.assert_allclose(feature, expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(ratios, expected_ratios.numpy(), atol=1e-6)
    assert ratios.shape == (4, len(BLOCKS))
    assert (ratios[:3, 4:].sum(1) > 0).all()
    assert (ratios[3, 4:] == 0).all()
