"""A small foreground network."""

import torch

from pipeline.foreground.network import ForegroundNetwork, ForegroundNetworkParams, build_foreground
from pipeline.foreground.prediction import ForegroundPredictionParams
from pipeline.networks.pretrained import PretrainedParams

PREDICTION = ForegroundPredictionParams(size=16, batch_size=3, mirrored_too=False)


def network() -> ForegroundNetwork:
    """Random weights, the same each time."""
    torch.manual_seed(0)
    shape = ForegroundNetworkParams("resnet10_narrow", True, "layer4", 1, (16, 8), 32)
    return build_foreground(shape, PretrainedParams(None)).eval()
