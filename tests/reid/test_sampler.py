import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.reid.sampler import identity_batches

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
