import numpy as np
import pytest
from drawn_vehicles import TinyData

from pipeline.ablations.splits import split_of


def test_held_out_vehicles_are_measured_on_and_not_trained_on(tiny_data: TinyData) -> None:
    store = tiny_data.store
    split = split_of(store, 0.5, "cross_camera")
    vehicles = [set(store.vehicle_ids[rows]) for rows in (split.trained, split.embedded)]
    assert vehicles[0] | vehicles[1] == {"0001", "0002"}
    assert not vehicles[0] & vehicles[1]
    assert split.held_out is not None
    np.testing.assert_array_equal(split.held_out.roles, ["query", "query"])


def test_a_protocol_that_draws_its_gallery_draws_it_among_held_out_vehicles_too(tiny_data: TinyData) -> None:
    test = split_of(tiny_data.store, 0.5, "vehicleid").held_out
    assert test is not None
    assert set(test.roles) == {"drawn"}


def test_without_a_share_the_test_split_is_measured_on(tiny_data: TinyData) -> None:
    split = split_of(tiny_data.store, 0, "cross_camera")
    assert split.held_out is None
    np.testing.assert_array_equal(split.embedded, tiny_data.store.test_rows())


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_a_share_that_leaves_a_side_without_vehicles_is_refused(tiny_data: TinyData, share: float) -> None:
    with pytest.raises(ValueError, match=f"holding out {share} of 2 training vehicles leaves a side empty"):
        split_of(tiny_data.store, share, "cross_camera")
