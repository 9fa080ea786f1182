from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from torch import Tensor, nn

from pipeline.networks import weights
from pipeline.training import loop as training
from pipeline.training.loop import ScheduleParams, Trained, fit

SCHEDULE = ScheduleParams(
    epochs=6,
    learning_rate=0.01,
    weight_decay=0.001,
    warmup_epochs=2,
    warmup_start=0.1,
    decay="step",
    decay_every=3,
    decay_factor=0.5,
)
STEPS = replace(SCHEDULE, epochs=None, iterations=13, decay="cosine")
"""Four epochs of three batches and a third of another."""
Batch = tuple[Tensor, Tensor]


class Stopped(Exception):
    """Stands for a process that is killed."""


def batches(epoch: int) -> list[Batch]:
    generator = torch.Generator().manual_seed(epoch)
    return [(torch.randn(8, 3, generator=generator), torch.randint(0, 2, (8,), generator=generator)) for _ in range(3)]


def stopping_at(last: int) -> Callable[[int], list[Batch]]:
    def stopped(epoch: int) -> list[Batch]:
        if epoch == last:
            raise Stopped
        return batches(epoch)

    return stopped


def train(
    seed: int,
    batches_of: Callable[[int], list[Batch]] = batches,
    scratch: Path | None = None,
    schedule: ScheduleParams = SCHEDULE,
) -> tuple[dict[str, Tensor], list[dict[str, float]], Tensor]:
    """Train a network with batch norm and dropout, counting steps in extra state; weights, history and state."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))
    state = {"seen": torch.zeros(())}

    def losses(module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        state["seen"] += 1
        logits = module(batch[0])
        return {"class": nn.functional.cross_entropy(logits, batch[1]), "size": 0.01 * logits.square().mean()}

    fabric = Fabric(accelerator="cpu", devices=1)
    history = fit(network, losses, batches_of, schedule, fabric, scratch=scratch, state=state)
    return network.state_dict(), history, state["seen"]


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_one_seed_gives_one_network_and_another_seed_another() -> None:
    first, history, _ = train(0)
    again, history_again, _ = train(0)
    other, _, _ = train(1)
    assert same(first, again)
    assert history == history_again
    assert not same(first, other)


@pytest.mark.parametrize(("schedule", "epochs"), [(SCHEDULE, 6), (STEPS, 5)], ids=["epochs", "iterations"])
@pytest.mark.parametrize("killed_at", [1, 4])
def test_a_killed_training_continues_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int, schedule: ScheduleParams, epochs: int
) -> None:
    monkeypatch.setattr(training, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    whole, history, seen = train(0, schedule=schedule)
    with pytest.raises(Stopped):
        train(0, stopping_at(killed_at), tmp_path / "scratch", schedule)
    began: list[int] = []

    def noting(epoch: int) -> list[Batch]:
        began.append(epoch)
        return batches(epoch)

    continued, history_continued, seen_continued = train(  # the seed no longer counts
        5, noting, tmp_path / "scratch", schedule
    )
    assert began == list(range(killed_at, epochs))
    assert same(whole, continued)
    assert list(map(list, history)) == list(map(list, history_continued)), "columns are in another order"
    assert history == history_continued
    assert torch.equal(seen, seen_continued)


def test_a_training_that_ended_is_not_done_again_while_its_checkpoint_stands(tmp_path: Path) -> None:
    whole, history, seen = train(0, batches, tmp_path / "scratch")
    again, history_again, seen_again = train(5, stopping_at(0), tmp_path / "scratch")
    assert same(whole, again)
    assert list(map(list, history)) == list(map(list, history_again)), "columns are in another order"
    assert (history, seen) == (history_again, seen_again)


@pytest.mark.parametrize(
    "damage", ["cut", "empty", "junk", "flipped", "of another network", "of other state", "folder"]
)
def test_a_damaged_checkpoint_is_set_aside_with_a_word_and_training_starts_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    whole, history, _ = train(0, batches, tmp_path / "scratch")
    file = tmp_path / "scratch" / "checkpoint.safetensors"
    content = file.read_bytes()
    if damage.startswith("of"):
        state, metadata = weights.load(file, "checkpoint/2")
        name = "network.0.weight" if damage == "of another network" else "state.seen"
        facts = {key: value for key, value in metadata.items() if key != "kind"}
        weights.save(file, {**state, name: torch.zeros(7)}, "checkpoint/2", facts)
    elif damage == "folder":
        file.unlink()
        file.mkdir()
    else:
        flipped = content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]
        file.write_bytes({"cut": content[:-20], "empty": b"", "junk": b"junk" * 99, "flipped": flipped}[damage])
    again, history_again, _ = train(0, batches, tmp_path / "scratch")
    assert same(whole, again)
    assert history == history_again
    said = capsys.readouterr().err
    assert str(file) in said
    assert "set aside as checkpoint.safetensors.damaged; the training starts over" in said


def test_checkpoints_do_not_change_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    assert same(train(0)[0], train(0, batches, tmp_path / "scratch")[0])


def test_the_network_comes_back_ready_to_predict() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.Dropout())
    losses = lambda module, batch: {"loss": module(batch[0]).square().mean()}  # noqa: E731
    fit(network, losses, batches, SCHEDULE, Fabric(accelerator="cpu", devices=1))
    assert not network.training
    assert torch.equal(network(torch.ones(1, 3)), network(torch.ones(1, 3)))


def test_a_loss_that_is_not_finite_stops_with_epoch_step_and_name() -> None:
    def losses(module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        value = module(batch[0]).square().mean()
        return {"fine": value, "triplet": value / 0 if torch.equal(batch[0], batches(2)[1][0]) else value}

    with pytest.raises(FloatingPointError, match=r"epoch 2, step 1: the loss is not finite: .*triplet inf"):
        fit(nn.Linear(3, 2), losses, batches, SCHEDULE, Fabric(accelerator="cpu", devices=1))


def test_history_holds_the_mean_of_each_loss_and_their_sum() -> None:
    values = iter(range(1, 100))

    def losses(module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return {"a": module.weight.sum() * 0 + float(next(values)), "b": torch.tensor(10.0)}

    history = fit(nn.Linear(3, 2), losses, batches, SCHEDULE, Fabric(accelerator="cpu", devices=1))
    assert [row["epoch"] for row in history] == list(range(6))
    assert [row["a"] for row in history] == pytest.approx([2, 5, 8, 11, 14, 17])
    assert [row["loss"] for row in history] == pytest.approx([12, 15, 18, 21, 24, 27])


def test_parameters_that_need_no_gradient_are_not_trained() -> None:
    network = nn.Sequential(nn.Linear(3, 4).requires_grad_(False), nn.Linear(4, 2))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    losses = lambda module, batch: {"loss": module(batch[0]).square().mean()}  # noqa: E731
    fit(network, losses, batches, SCHEDULE, Fabric(accelerator="cpu"))
    after = network.state_dict()
    assert torch.equal(before["0.weight"], after["0.weight"])
    assert not torch.equal(before["1.weight"], after["1.weight"])


def test_what_was_trained_is_written_with_its_facts_and_each_phases_own_columns(tmp_path: Path) -> None:
    history = [{"epoch": 0, "loss": 0.5, "views": 0.5}, {"epoch": 1, "loss": 0.25, "masks": 0.25}]
    trained = Trained(nn.Linear(3, 2), history, {"table": "abc"})
    trained.write(tmp_path / "models" / "weights.safetensors", "test/1", tmp_path / "history" / "history.csv")
    state, metadata = weights.load(tmp_path / "models" / "weights.safetensors", "test/1")
    assert same(trained.network.state_dict(), state)
    assert metadata == {"kind": "test/1", "table": "abc"}
    written = (tmp_path / "history" / "history.csv").read_text()
    assert written == "epoch,loss,views,masks\n0,0.5,0.5,\n1,0.25,,0.25\n"


@pytest.mark.parametrize(
    ("decay", "factors"),
    [
        ("milestones", {0: 0.1, 1: 0.55, 2: 1, 2.9: 1, 3: 0.5, 4.9: 0.5, 5: 0.25, 9: 0.25}),
        ("step", {0: 0.1, 1: 0.55, 2: 1, 2.9: 1, 3: 0.5, 5.9: 0.5, 6: 0.25}),
        ("cosine", {0: 0.1, 1: 0.55, 2: 1, 4: 0.75, 6: 0.5, 7: 0.5}),
        ("constant", {0: 0.1, 1: 0.55, 2: 1, 6: 1}),
    ],
)
def test_the_rate_rises_linearly_and_then_follows_its_decay(decay: str, factors: dict[float, float]) -> None:
    schedule = replace(SCHEDULE, decay=decay, milestones=(3, 5))
    assert {epochs: schedule.factor(epochs, 6) for epochs in factors} == pytest.approx(factors)


def test_without_warm_up_the_first_step_has_the_full_rate() -> None:
    assert replace(SCHEDULE, warmup_epochs=0).factor(0, 6) == 1


def test_every_step_has_the_rate_of_its_place_in_the_epoch() -> None:
    network = nn.Linear(1, 1, bias=False)
    start = network.weight.item()
    schedule = replace(SCHEDULE, epochs=3, weight_decay=0.0)
    losses = lambda module, batch: {"loss": module.weight.sum()}  # noqa: E731
    history = fit(network, losses, batches, schedule, Fabric(accelerator="cpu", devices=1))
    # a constant gradient makes every step of Adam as long as the rate: 0.1 to 0.85 of it by 0.15, then thrice 1
    moved = 0.01 * (0.1 + 0.25 + 0.4 + 0.55 + 0.7 + 0.85 + 3)
    assert start - network.weight.item() == pytest.approx(moved, rel=1e-5)
    assert [row["learning_rate"] for row in history] == pytest.approx([0.0055, 0.01, 0.005])


def test_a_training_in_iterations_stops_at_the_step_and_its_last_row_is_of_the_batches_it_took() -> None:
    values = iter(range(1, 100))
    losses = lambda module, batch: {"a": module.weight.sum() * 0 + float(next(values))}  # noqa: E731
    schedule = replace(STEPS, iterations=8)
    history = fit(nn.Linear(3, 2), losses, batches, schedule, Fabric(accelerator="cpu", devices=1))
    assert next(values) == 9
    assert [row["epoch"] for row in history] == [0, 1, 2]
    assert [row["a"] for row in history] == pytest.approx([2, 5, 7.5])


def test_as_many_iterations_as_the_epochs_have_give_the_same_network() -> None:
    schedule = replace(SCHEDULE, decay="cosine")
    by_epochs, history, _ = train(0, schedule=schedule)
    by_steps, history_by_steps, _ = train(0, schedule=replace(schedule, epochs=None, iterations=18))
    assert all(torch.allclose(by_epochs[name], by_steps[name]) for name in by_epochs)
    assert [row["learning_rate"] for row in history] == pytest.approx(
        [row["learning_rate"] for row in history_by_steps]
    )


def test_a_cosine_over_iterations_ends_with_the_last_of_them_within_an_epoch() -> None:
    _, history, _ = train(0, schedule=STEPS)
    assert len(history) == 5
    assert history[-1]["learning_rate"] == pytest.approx(0.01 * 0.5)
    assert history[-2]["learning_rate"] > 0.01 * 0.5


@pytest.mark.parametrize("schedule", [SCHEDULE, STEPS], ids=["epochs", "iterations"])
def test_an_epoch_without_batches_stops_the_training(schedule: ScheduleParams) -> None:
    with pytest.raises(ValueError, match="epoch 2: expected at least one batch to train on, got none"):
        train(0, lambda epoch: batches(epoch) if epoch < 2 else [], schedule=schedule)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"iterations": 100}, "epochs, iterations: expected exactly one .* got epochs 6 and iterations 100"),
        ({"epochs": None}, "epochs, iterations: expected exactly one .* got epochs null and iterations null"),
        ({"decay": "milestones"}, "milestones: expected at least one epoch"),
        ({"milestones": (50, 30)}, r"milestones: expected rising epochs, got \[50, 30\]"),
    ],
)
def test_a_schedule_without_one_length_or_with_wrong_milestones_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SCHEDULE, **changes)


def test_the_gradient_scale_of_16_bit_training_continues_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(scratch: Path | None, batches_of: Callable[[int], list[Batch]] = batches) -> tuple[float, list[Any]]:
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0, growth_interval=4)
        fabric = Fabric(accelerator="cpu", devices=1, plugins=MixedPrecision("16-mixed", "cpu", scaler))
        torch.manual_seed(0)
        network = nn.Linear(3, 2)

        def losses(module: nn.Module, batch: Batch) -> dict[str, Tensor]:
            return {"class": nn.functional.cross_entropy(module(batch[0]), batch[1])}

        history = fit(network, losses, batches_of, SCHEDULE, fabric, scratch=scratch)
        return float(scaler.get_scale()), history

    straight = run(None)
    assert straight[0] == 2.0 * 2**4, "18 steps, doubled after every fourth"
    monkeypatch.setattr(training, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    with pytest.raises(Stopped):
        run(tmp_path / "scratch", stopping_at(2))
    assert run(tmp_path / "scratch") == straight
