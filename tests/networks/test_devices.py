import pytest
import torch
from lightning_fabric.plugins.environments import LightningEnvironment
from torch import nn

from pipeline.networks import devices
from pipeline.networks.devices import (
    DataParallel,
    averaged,
    from_first,
    gathered,
    launch,
    of_batch,
    on_first,
    own_share,
    share_of,
)


def shares(batch: list[int], count: int, patch: pytest.MonkeyPatch, unit: int = 1) -> list[list[int]]:
    """What each of `count` processes would load of a batch."""
    patch.setattr(devices, "processes", lambda: count)
    found = []
    for number in range(count):
        patch.setattr(devices, "process", lambda number=number: number)
        found.append(list(share_of(batch, unit)))
    return found


@pytest.mark.parametrize(("size", "count"), [(8, 2), (7, 2), (7, 3), (3, 3)])
def test_shares_are_neighbours_of_even_size_that_make_up_the_batch(
    size: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = shares(list(range(size)), count, monkeypatch)
    assert [item for share in found for item in share] == list(range(size))
    assert max(map(len, found)) - min(map(len, found)) <= 1


def test_images_of_one_vehicle_stay_in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = [vehicle for vehicle in range(5) for _ in range(4)]
    found = shares(batch, 2, monkeypatch, unit=4)
    assert [sorted(set(share)) for share in found] == [[0, 1], [2, 3, 4]]
    assert [len(share) for share in found] == [8, 12]


def test_a_batch_too_small_to_be_shared_is_loaded_whole_by_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shares([5, 6], 3, monkeypatch) == [[5, 6]] * 3


def test_one_process_shares_nothing_and_changes_no_byte() -> None:
    values = torch.rand(4, 3, requires_grad=True)
    assert share_of([1, 2, 3]) == [1, 2, 3]
    assert gathered(values) is values
    assert own_share(values, values) is values
    assert of_batch(values, 3) is values
    assert torch.equal(averaged(values), values)
    assert from_first("asked") == "asked"
    assert on_first("found") == ["found"]
    assert on_first(None) == []


def prepared(network: nn.Module) -> nn.Module:
    """What several processes with synchronised batch norm make of a network on a CPU."""
    strategy = DataParallel(synchronised_norm=True)
    strategy.parallel_devices, strategy.cluster_environment = [torch.device("cpu")], LightningEnvironment()
    return strategy.setup_module(network)


def test_synchronised_batch_norm_is_refused_on_cpus() -> None:
    with pytest.raises(ValueError, match=r"runtime\.synchronised_norm: expected false on CPUs"):
        prepared(nn.BatchNorm2d(3))


def test_a_network_that_only_predicts_stays_as_it_is() -> None:
    network = nn.BatchNorm2d(3).eval()
    assert prepared(network) is network


def test_torchrun_must_start_as_many_processes_as_there_are_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=r"runtime\.devices: expected the 4 processes a machine .* got 2"):
        launch("cpu", 2, "32-true", synchronised_norm=False)


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a GPU where there is none")
def test_a_device_that_is_not_there_is_named_with_its_parameter() -> None:
    with pytest.raises(ValueError, match=r"runtime\.devices, runtime\.accelerator: .*CUDA"):
        launch("cuda", 1, "32-true", synchronised_norm=False)
