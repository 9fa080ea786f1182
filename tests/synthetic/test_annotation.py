import numpy as np
import pytest

from pipeline.synthetic.annotation import SMALLEST_PART, label_map, viewpoint, visible_parts
from pipeline.synthetic.render import Frame
from pipeline.synthetic.skin import FRONT, LEFT, NO_VIEW, REAR, RIGHT

PARTS = ["windshield_glass", "annual_service_signs", "wheel", "hanging"]


def frame(part: np.ndarray, inner: np.ndarray | None = None) -> Frame:
    empty = np.zeros(part.shape, np.float32)
    nothing = np.zeros(part.shape, np.uint8)
    return Frame(
        empty, np.zeros((*part.shape, 3), np.float32), part, nothing if inner is None else inner, nothing, empty
    )


def seen(areas: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    view = np.concatenate([np.full(count, code, np.uint8) for code, count in areas.items()])[None]
    return view, np.ones(view.shape, np.float32)


@pytest.mark.parametrize(
    ("areas", "expected"),
    [
        ({FRONT: 100, LEFT: 10, RIGHT: 10}, "front"),
        ({FRONT: 80, LEFT: 15, RIGHT: 5}, "front"),
        ({FRONT: 80, LEFT: 20}, "front-side"),
        ({FRONT: 20, RIGHT: 80}, "front-side"),
        ({FRONT: 5, LEFT: 95}, "side"),
        ({REAR: 5, LEFT: 95}, "side"),
        ({REAR: 50, LEFT: 50}, "rear-side"),
        ({REAR: 100, NO_VIEW: 500}, "rear"),
        ({REAR: 60, FRONT: 20, LEFT: 30}, "rear-side"),
    ],
)
def test_views_are_named_from_clearly_noticeable_areas(areas: dict[int, int], expected: str) -> None:
    assert viewpoint(*seen(areas)) == expected


def test_surfaces_that_only_a_high_camera_sees_name_no_view() -> None:
    view, level = seen({FRONT: 50, LEFT: 50})
    level[view == FRONT] = 0.05
    assert viewpoint(view, level) == "side"


def test_a_picture_without_a_vehicle_has_no_viewpoint() -> None:
    with pytest.raises(ValueError, match="shows no vehicle"):
        viewpoint(*seen({NO_VIEW: 10}))


def test_both_sides_have_one_label() -> None:
    np.testing.assert_array_equal(
        label_map(np.array([[0, FRONT, REAR, LEFT, NO_VIEW, RIGHT]], np.uint8)), [[0, 1, 2, 3, 4, 3]]
    )


def test_a_box_spans_the_visible_pixels_and_counts_them() -> None:
    part = np.zeros((20, 30), np.uint8)
    part[5:11, 8:15] = 3
    hidden = np.zeros(part.shape, bool)
    hidden[:, 8:10] = True
    (found,) = visible_parts(frame(part), hidden, PARTS)
    assert (found.name, found.box, found.area) == ("wheel", (10, 5, 5, 6), 30)


def test_parts_that_are_tiny_or_mostly_hidden_are_left_out() -> None:
    part = np.zeros((20, 30), np.uint8)
    part[0, : SMALLEST_PART - 1] = 1
    part[5:11, 8:18] = 3
    hidden = np.zeros(part.shape, bool)
    hidden[:, 8:15] = True
    assert visible_parts(frame(part), hidden, PARTS) == []


def test_a_windscreen_includes_its_stickers_and_what_is_behind_it_is_found_too() -> None:
    part = np.full((20, 30), 0, np.uint8)
    part[2:18, 2:28] = 1
    part[2:8, 22:28] = 2
    inner = np.zeros_like(part)
    inner[10:16, 12:18] = 4
    boxes = {found.name: found.box for found in visible_parts(frame(part, inner), np.zeros(part.shape, bool), PARTS)}
    assert boxes["windshield_glass"] == (2, 2, 26, 16)
    assert boxes["annual_service_signs"] == (22, 2, 6, 6)
    assert boxes["hanging"] == (12, 10, 6, 6)
