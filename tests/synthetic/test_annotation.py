import numpy as np
import pytest

from pipeline.synthetic.annotation import SHORTEST_SIDE, SMALLEST_PART, label_map, viewpoint, visible_parts
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
    part = np.zeros((30, 40), np.uint8)
    part[5:15, 8:20] = 3
    hidden = np.zeros(part.shape, bool)
    hidden[:, 8:11] = True
    (found,) = visible_parts(frame(part), hidden, PARTS)
    assert (found.name, found.box, found.area) == ("wheel", (11, 5, 9, 10), 90)


def test_parts_that_are_tiny_thin_or_mostly_hidden_are_left_out() -> None:
    nothing_hidden = np.zeros((30, 80), bool)
    thin = np.zeros((30, 80), np.uint8)
    thin[: SHORTEST_SIDE - 1, :70] = 3
    assert visible_parts(frame(thin), nothing_hidden, PARTS) == []
    tiny = np.zeros((30, 80), np.uint8)
    tiny[:SHORTEST_SIDE, : SMALLEST_PART // SHORTEST_SIDE] = 3
    assert visible_parts(frame(tiny), nothing_hidden, PARTS) == []
    part = np.zeros((30, 80), np.uint8)
    part[5:15, 8:38] = 3
    hidden = nothing_hidden.copy()
    hidden[:, 8:29] = True
    assert visible_parts(frame(part), hidden, PARTS) == []
    assert len(visible_parts(frame(part), nothing_hidden, PARTS)) == 1


def test_a_windscreen_includes_its_stickers_and_what_is_behind_it_is_found_too() -> None:
    part = np.zeros((30, 40), np.uint8)
    part[2:28, 2:38] = 1
    part[2:11, 28:38] = 2
    inner = np.zeros_like(part)
    inner[14:24, 12:22] = 4
    boxes = {found.name: found.box for found in visible_parts(frame(part, inner), np.zeros(part.shape, bool), PARTS)}
    assert boxes["windshield_glass"] == (2, 2, 36, 26)
    assert boxes["annual_service_signs"] == (28, 2, 10, 9)
    assert boxes["hanging"] == (12, 14, 10, 10)
