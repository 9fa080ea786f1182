"""Pictures of intermediate artifacts, as arrays: thumbnails, cut-outs, view masks, and their inlined encoding."""

import base64
import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.store.resizing import resize
from pipeline.store.vocabulary import VIEWS

VIEW_COLOURS: tuple[tuple[int, int, int], ...] = ((230, 140, 0), (0, 100, 200), (190, 60, 160))
"""RGB of `VIEWS`: orange, blue, purple; told apart by those who do not see red and green as others do."""
CONTOUR_COLOUR = (255, 221, 0)
SURFACE_COLOUR = (150, 150, 150)
PART_COLOUR = (0, 128, 110)
STRIPE_PERIOD = 8
HEAT_OPACITY = 0.8
"""Of the greatest heat; less heat is as much fainter."""


def thumbnail(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Scale an image so that its longer side has `side` pixels, keeping its proportions.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        side: Longer side of the result, pixels.
    """
    scale = side / max(image.shape[:2])
    height, width = (max(1, round(length * scale)) for length in image.shape[:2])
    return resize(image, height, width)


def cut_out(image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fade what a foreground mask leaves out and outline what it keeps.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        mask: `(S, S)` uint8, probability x 255 over the whole image squashed to a square.

    Returns:
        `(H, W, 3)` uint8: background grey and dark, a yellow line where the probability is a half.
    """
    height, width = image.shape[:2]
    full = resize(mask, height, width)
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    share = (full / np.float32(255))[..., None]
    blended = np.rint(image * share + grey * np.float32(0.35) * (1 - share)).astype(np.uint8)
    contours, _ = cv2.findContours((full > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(blended, contours, -1, CONTOUR_COLOUR, 1, cv2.LINE_AA), np.uint8)


def tint_views(image: NDArray[np.uint8], masks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Tint front, rear and side in their colours, over a grey image.

    Rear is striped along the diagonal and side across it, so that colour is not the only difference.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        masks: `(3, S, S)` uint8, probability x 255, order `VIEWS`, over the image squashed to a square.

    Returns:
        `(H, W, 3)` uint8.
    """
    height, width = image.shape[:2]
    tinted = _greyed(image)
    for mask, colour, stripes in zip(masks, VIEW_COLOURS, _stripes(height, width), strict=True):
        share = (resize(mask, height, width) / np.float32(255) * stripes)[..., None]
        tinted = np.asarray(tinted * (1 - share) + np.array(colour, np.float32) * share, np.float32)
    return np.asarray(np.rint(tinted), np.uint8)


def tint_labels(image: NDArray[np.uint8], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Tint a map of true views as `tint_views` does; vehicle surface of no single view becomes plain grey.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        labels: `(H', W')` uint8: 0 background or unlabelled, 1 to 3 for `VIEWS`, 4 other vehicle surface.

    Returns:
        `(H, W, 3)` uint8.
    """
    height, width = image.shape[:2]
    sized = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    masks = np.stack([np.where(sized == label, 255, 0) for label in range(1, len(VIEWS) + 1)]).astype(np.uint8)
    tinted = tint_views(image, masks)
    tinted[sized == len(VIEWS) + 1] = SURFACE_COLOUR
    return tinted


def heat(image: NDArray[np.uint8], cells: NDArray[np.float32], first: float, step: float) -> NDArray[np.uint8]:
    """Lay a map of heat over a grey image, brightest at the map's greatest value.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        cells: `(h, w)` float32, not negative, of the image squashed to a square.
        first: Where the first cell looks, as a share of the side, along either axis.
        step: From one cell to the next, likewise.

    Returns:
        `(H, W, 3)` uint8: each pixel between the cells that look around it, by linear interpolation.
    """
    rows, columns = (((np.arange(side) + 0.5) / side - first) / step for side in image.shape[:2])
    down, across = (axis.astype(np.float32) for axis in np.meshgrid(rows, columns, indexing="ij"))
    scaled = (cells / max(float(cells.max()), 1e-9)).astype(np.float32)
    values = np.asarray(cv2.remap(scaled, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    colours = cv2.applyColorMap(np.rint(255 * values).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    share = HEAT_OPACITY * values[..., None]
    return np.asarray(np.rint(_greyed(image) * (1 - share) + colours * share), np.uint8)


def _greyed(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.repeat(grey[..., None], 3, axis=2)


def _stripes(height: int, width: int) -> tuple[NDArray[np.float32], ...]:
    """Opacity `(H, W)` in [0, 1] of each view's tint."""
    rows, columns = np.indices((height, width))
    plain = np.full((height, width), 0.6, np.float32)
    return plain, *(
        np.where((rows + sign * columns) % STRIPE_PERIOD < STRIPE_PERIOD // 2, 0.75, 0.5).astype(np.float32)
        for sign in (1, -1)
    )


def data_uri(image: NDArray[np.uint8], quality: int) -> str:
    """Encode an image as WebP and return it as a ``data:`` address that a page can hold.

    Args:
        image: `(H, W, 3)` uint8, RGB.
        quality: WebP's quality, 1 to 100.
    """
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "WEBP", quality=quality, method=6)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
