import pytest
import torch

from pipeline.reid.blocks.refine import Refine, RefineParams


def refine(inputs: int, outputs: int, **changes: str) -> Refine:
    torch.manual_seed(0)
    return Refine(inputs, outputs, RefineParams(**changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("layers", ["paper", "release"])
@pytest.mark.parametrize("outputs", [16, 8])
def test_a_map_is_shortened_and_pooled(layers: str, outputs: int) -> None:
    module = refine(16, outputs, refinement=layers)
    feature = module(torch.randn(3, 16, 5, 4))
    assert feature.shape == (3, outputs)
    feature.sum().backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in module.parameters())


def test_the_papers_features_are_not_negative_and_the_releases_may_be() -> None:
    maps = torch.randn(3, 16, 5, 4)
    assert (refine(16, 8)(maps) >= 0).all()
    assert (refine(16, 8, refinement="release")(maps) < 0).any()


def test_the_releases_layers_have_no_biases_but_those_of_norms() -> None:
    paper, release = (set(refine(16, 8, refinement=layers).state_dict()) for layers in ("paper", "release"))
    assert {"excitation.fc1.bias", "excitation.fc2.bias"} <= paper
    assert not {name for name in release if name.startswith("excitation") and name.endswith("bias")}
    biased = refine(16, 8, refinement="release").residual.named_parameters()
    assert {name for name, value in biased if value.ndim == 4 and name.endswith("bias")} == set()


def test_the_releases_shortcut_sees_the_map_after_its_first_norm() -> None:
    block = refine(16, 8, refinement="release").eval().residual
    maps = torch.randn(2, 16, 5, 4)
    torch.nn.init.zeros_(block.convolved[-1].weight)  # type: ignore[index, union-attr, arg-type]
    with torch.no_grad():
        expected = torch.einsum("oi,bihw->bohw", block.shortcut.weight[..., 0, 0], (maps / (1 + 1e-5) ** 0.5).relu())  # type: ignore[union-attr, operator, index]
        assert torch.allclose(block(maps), expected, atol=1e-5)
    same = refine(16, 16, refinement="release").eval().residual
    torch.nn.init.zeros_(same.convolved[-1].weight)  # type: ignore[index, union-attr, arg-type]
    with torch.no_grad():
        assert torch.equal(same(maps), maps)


def test_a_length_that_the_bottleneck_cannot_give_is_refused() -> None:
    with pytest.raises(ValueError, match="dimension: expected a multiple of 4, got 10"):
        refine(16, 10)
