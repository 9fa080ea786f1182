import numpy as np

from pipeline.store.boxes import clip_boxes, have_area


def test_clipping_keeps_boxes_inside_and_marks_those_outside_as_empty() -> None:
    boxes = clip_boxes(np.array([[-0.1, 0.2, 0.5, 1.3], [1.1, 0.2, 1.4, 0.5]], np.float32))
    np.testing.assert_allclose(boxes[0], [0, 0.2, 0.5, 1])
    np.testing.assert_array_equal(have_area(boxes), [True, False])
