import base64
import io

import numpy as np
from PIL import Image

from pipeline.report.figures import (
    SURFACE_COLOUR,
    VIEW_COLOURS,
    cut_out,
    data_uri,
    heat,
    thumbnail,
    tint_labels,
    tint_views,
)

GREY = np.full((40, 60, 3), 120, np.uint8)


def test_a_thumbnail_keeps_proportions_and_never_vanishes() -> None:
    assert thumbnail(GREY, 30).shape == (20, 30, 3)
    assert thumbnail(np.zeros((60, 40, 3), np.uint8), 90).shape == (90, 60, 3)
    assert thumbnail(np.zeros((2, 500, 3), np.uint8), 50).shape == (1, 50, 3)


def test_a_cut_out_keeps_the_inside_dims_the_outside_and_draws_the_border_once() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[5:15, 5:15] = 255
    shown = cut_out(GREY, mask)
    assert shown.shape == GREY.shape
    assert shown[20, 30].tolist() == [120, 120, 120]
    assert shown[1, 1].max() < 60
    yellow = shown[..., 0].astype(int) - shown[..., 2] > 80
    assert 60 < yellow.sum() < 200  # the square's border is 96 pixels long


def test_an_empty_mask_dims_everything_and_a_full_one_nothing_inside() -> None:
    assert cut_out(GREY, np.zeros((8, 8), np.uint8)).max() < 60
    assert (cut_out(GREY, np.full((8, 8), 255, np.uint8))[5:35, 5:55] == 120).all()


def test_views_are_tinted_towards_their_own_colours_and_the_rest_stays_grey() -> None:
    masks = np.zeros((3, 4, 6), np.uint8)
    for view in range(3):
        masks[view, :2, 2 * view : 2 * view + 2] = 255
    shown = tint_views(GREY, masks).astype(float)
    for view, colour in enumerate(VIEW_COLOURS):
        patch = shown[4:12, 20 * view + 6 : 20 * view + 14].mean((0, 1))
        distances = [np.abs(patch - other).sum() for other in VIEW_COLOURS]
        assert int(np.argmin(distances)) == view, colour
    assert (shown[30:] == 120).all()


def test_colours_of_views_differ_in_more_than_red_against_green() -> None:
    blues = sorted(colour[2] for colour in VIEW_COLOURS)
    assert min(np.diff(blues)) >= 40


def test_true_labels_are_tinted_like_masks_and_other_surface_is_plain_grey() -> None:
    labels = np.zeros((40, 60), np.uint8)
    labels[:20, :30], labels[20:, 30:] = 2, 4
    masks = np.zeros((3, 40, 60), np.uint8)
    masks[1, :20, :30] = 255
    shown = tint_labels(GREY, labels)
    np.testing.assert_array_equal(shown[:20, :30], tint_views(GREY, masks)[:20, :30])
    assert (shown[20:, 30:] == SURFACE_COLOUR).all()


def test_heat_is_brightest_where_its_cell_looks_and_leaves_the_rest_grey() -> None:
    cells = np.zeros((4, 4), np.float32)
    cells[1, 3] = 0.02
    shown = heat(GREY, cells, first=0.1, step=0.25).astype(int)  # cell (1, 3) looks at 35 % down, 85 % across
    changed = np.abs(shown - GREY).sum(2)
    row, column = np.unravel_index(shown.sum(2).argmax(), changed.shape)
    assert (row in (13, 14), column in (50, 51)) == (True, True)
    assert not changed[:, :20].any()
    assert not changed[25:].any()
    np.testing.assert_array_equal(shown, heat(GREY, 10 * cells, first=0.1, step=0.25))


def test_no_attention_at_all_is_no_heat() -> None:
    np.testing.assert_array_equal(heat(GREY, np.zeros((2, 2), np.float32), 0.25, 0.5), GREY)


def test_an_inlined_image_decodes_to_its_size_and_its_bytes_repeat() -> None:
    address = data_uri(GREY, 80)
    head, _, content = address.partition(",")
    assert head == "data:image/webp;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (60, 40)
    assert data_uri(GREY.copy(), 80) == address
