import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.reid.sampler import balanced_batches, identity_batches

IDENTITIES = np.repeat([3, 5, 8, 9, 11], [4, 7, 2, 9, 1])


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(1, 5), st.integers(1, 5))
def test_every_batch_has_k_images_of_each_of_p_vehicles(epoch: int, vehicles: int, images: int) -> None:
    for batch in identity_batches(IDENTITIES, vehicles, images, 0, epoch):
        drawn = IDENTITIES[batch].reshape(vehicles, images)
        assert (drawn == drawn[:, :1]).all()
        assert len(set(drawn[:, 0])) == vehicles


def test_an_epoch_repeats_and_differs_from_other_epochs_and_seeds() -> None:
    first = identity_batches(IDENTITIES, 2, 2, 0, 0)
    assert first == identity_batches(IDENTITIES, 2, 2, 0, 0)
    assert first != identity_batches(IDENTITIES, 2, 2, 0, 1)
    assert first != identity_batches(IDENTITIES, 2, 2, 1, 0)


def test_images_repeat_only_where_a_vehicle_has_fewer_than_k() -> None:
    seen = [position for batch in identity_batches(IDENTITIES, 2, 4, 0, 3) for position in batch]
    counts = {position: seen.count(position) for position in seen}
    assert all(counts[position] == 1 for position in counts if IDENTITIES[position] in (3, 5, 9))
    assert any(counts[position] > 1 for position in counts if IDENTITIES[position] in (8, 11))


def test_batches_of_one_vehicle_use_every_whole_group() -> None:
    batches = identity_batches(IDENTITIES, 1, 2, 0, 0)
    assert len(batches) == 2 + 3 + 1 + 4 + 1


def test_more_vehicles_than_there_are_are_refused_with_both_numbers() -> None:
    with pytest.raises(ValueError, match="at most the 5 vehicles there are, got 6"):
        identity_batches(IDENTITIES, 6, 2, 0, 0)


SETS = np.array([0] * 11 + [1] * 12)
JOINT = np.concatenate([IDENTITIES[:11], 20 + np.repeat(np.arange(6), 2)])
"""Two vehicles of one data set with 4 and 7 images, six of another with two each."""


@pytest.mark.parametrize("vehicles", [2, 3])
def test_every_joint_batch_has_as_many_vehicles_of_each_data_set(vehicles: int) -> None:
    batches = balanced_batches(JOINT, SETS, vehicles, 2, 0, 0)
    shares = [vehicles - vehicles // 2, vehicles // 2]
    for batch in batches:
        drawn = JOINT[batch].reshape(vehicles, 2)
        assert (drawn == drawn[:, :1]).all()
        assert len(set(drawn[:, 0])) == vehicles
        assert np.bincount(SETS[batch][::2], minlength=2).tolist() == shares


def test_a_joint_epoch_is_as_long_as_the_longest_and_draws_the_others_anew() -> None:
    batches = balanced_batches(JOINT, SETS, 2, 2, 0, 0)
    alone = [identity_batches(JOINT[place == SETS], 1, 2, 0, 0) for place in (0, 1)]
    assert len(batches) == max(map(len, alone)) == 6
    assert {position for batch in batches for position in batch} >= set(np.flatnonzero(SETS == 1).tolist())
    assert balanced_batches(JOINT, SETS, 2, 2, 0, 0) == batches
    assert balanced_batches(JOINT, SETS, 2, 2, 0, 1) != batches


def test_a_joint_batch_without_a_vehicle_for_each_data_set_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a vehicle for each of 2 data sets, got 1"):
        balanced_batches(JOINT, SETS, 1, 2, 0, 0)
    with pytest.raises(ValueError, match="at most the 2 vehicles there are, got 3"):
        balanced_batches(JOINT, SETS, 6, 2, 0, 0)
