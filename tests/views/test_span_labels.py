import numpy as np
import pytest
from drawn_vehicles import ROWS, TinyData

from pipeline.store.vocabulary import VIEWPOINTS, VIEWS
from pipeline.views.labels import labels_of, viewpoint_labels


def test_a_viewpoint_is_the_set_of_views_it_names(tiny_data: TinyData) -> None:
    labels = viewpoint_labels(tiny_data.store)
    assert labels.names == VIEWS
    carried = [tuple(labels.sets[code].astype(int)) if code >= 0 else None for code in labels.codes]
    assert carried == [VIEWPOINTS[viewpoint] if viewpoint else None for _, _, _, viewpoint in ROWS]


def test_the_sets_of_other_labels_are_those_some_image_carries() -> None:
    carried = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1], [0, 0, 1]], bool)
    labels = labels_of("012", carried)
    assert labels.names == ("0", "1", "2")
    assert len(labels.sets) == 3
    assert np.array_equal(labels.sets[labels.codes], carried)


def test_an_image_without_any_label_is_unlabelled() -> None:
    carried = np.array([[0, 0], [1, 0], [0, 0], [1, 1]], bool)
    labels = labels_of("ab", carried)
    assert labels.codes.tolist() == [-1, 0, -1, 1]
    assert labels.sets.tolist() == [[True, False], [True, True]]


def test_a_table_with_too_few_columns_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected 3 columns, one a label, got an array of shape \(4, 2\)"):
        labels_of("abc", np.zeros((4, 2), bool))
