import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.datasets.limits import ImageLimitsParams, check_image
from pipeline.store.decoding import BadImageError, decode, decode_labels

LIMITS = ImageLimitsParams(max_pixels=10_000, min_side=8, on_bad_image="stop")
TURNED = 6
"""EXIF orientation: the stored image must be turned clockwise by a quarter to stand upright."""


def picture(height: int = 40, width: int = 60) -> NDArray[np.uint8]:
    """Red left half; right half green above, blue below."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2] = (200, 40, 20)
    image[: height // 2, width // 2 :] = (20, 180, 40)
    image[height // 2 :, width // 2 :] = (10, 20, 220)
    return image


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def orientation() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = TURNED
    return exif


def translucent(height: int = 40, width: int = 60) -> Image.Image:
    """`picture`, of which the upper quarter is transparent and the next one half so."""
    image = Image.fromarray(picture(height, width)).convert("RGBA")
    alpha = np.full((height, width), 255, np.uint8)
    alpha[: height // 4] = 0
    alpha[height // 4 : height // 2] = 128
    image.putalpha(Image.fromarray(alpha))
    return image


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF", "GIF", "JPEG2000"])
def test_lossless_formats_come_back_exactly(kind: str) -> None:
    image = Image.fromarray(picture())
    stored = image.quantize(8) if kind == "GIF" else image
    np.testing.assert_array_equal(decode(encoded(stored, kind)), picture())


@pytest.mark.parametrize("mode", ["RGB", "CMYK"])
def test_jpeg_comes_back_closely_in_either_colour_space(mode: str) -> None:
    decoded = decode(encoded(Image.fromarray(picture()).convert(mode), "JPEG", quality=98, subsampling=0))
    np.testing.assert_allclose(decoded.astype(int), picture().astype(int), atol=16)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG"])
def test_exif_orientation_is_applied(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {"quality": 98, "subsampling": 0} if kind == "JPEG" else {}
    decoded = decode(encoded(Image.fromarray(picture()), kind, exif=orientation(), **options))
    assert decoded.shape == (60, 40, 3)
    np.testing.assert_allclose(decoded.astype(int), np.rot90(picture(), -1).astype(int), atol=16)


def test_palettes_are_resolved() -> None:
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(picture()).quantize(8), "PNG")), picture())


def test_grey_is_repeated_over_three_channels() -> None:
    grey = np.tile(np.arange(60, dtype=np.uint8), (40, 1))
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(grey), "PNG")), np.dstack([grey] * 3))


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_16_bit_is_scaled_to_8(suffix: str) -> None:
    deep = picture()[..., ::-1].astype(np.uint16) * 257
    np.testing.assert_array_equal(decode(cv2.imencode(suffix, deep)[1].tobytes()), picture())


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True, "exact": True})])
def test_transparency_is_laid_over_white(kind: str, options: dict[str, bool], turned: bool) -> None:
    exif = {"exif": orientation()} if turned else {}
    decoded = decode(encoded(translucent(40, 40), kind, **options, **exif))
    upright = np.rot90(decoded, 1) if turned else decoded
    image = picture(40, 40).astype(float)
    image[:10] = 255
    image[10:20] = image[10:20] * 128 / 255 + 255 * 127 / 255
    np.testing.assert_allclose(upright, image, atol=1)


def test_a_transparent_palette_colour_is_white() -> None:
    palette = Image.fromarray(picture()).quantize(8)
    decoded = decode(encoded(palette, "PNG", transparency=palette.getpixel((50, 5))))
    assert tuple(decoded[5, 50]) == (255, 255, 255)
    assert tuple(decoded[5, 5]) == (200, 40, 20)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_file_that_is_cut_short_is_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    whole = encoded(Image.fromarray(noise), kind)
    assert check_image(whole, LIMITS).shape == (64, 64, 3)
    with pytest.raises(BadImageError, match="damaged"):
        check_image(whole[: int(len(whole) * share)], LIMITS)


def announcing(width: int, height: int) -> bytes:
    """A PNG whose header promises far more pixels than the file holds."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"no image at all", "damaged or of an unknown format"),
        (announcing(1000, 1000), "1000000 pixels; at most 10000"),
        (announcing(60_000, 60_000), "3600000000 pixels"),
        (encoded(Image.fromarray(picture(200, 60)), "PNG"), "12000 pixels; at most 10000"),
        (encoded(Image.fromarray(picture(6, 60)), "PNG"), "60 x 6 pixels; each side needs 8"),
        (cv2.imencode(".hdr", np.ones((200, 60, 3), np.float32))[1].tobytes(), "12000 pixels"),  # unknown to Pillow
    ],
)
def test_an_unusable_file_is_refused_with_a_reason(content: bytes, message: str) -> None:
    with pytest.raises(BadImageError, match=message):
        check_image(content, LIMITS)


def test_the_checked_size_is_the_upright_one() -> None:
    assert check_image(encoded(Image.fromarray(picture()), "PNG", exif=orientation()), LIMITS).shape == (60, 40, 3)


def test_damage_never_raises_anything_but_a_bad_image() -> None:
    generator = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        whole = encoded(translucent() if kind in ("PNG", "WEBP") else Image.fromarray(picture()), kind)
        for _ in range(30):
            damaged = bytearray(whole)
            for place in generator.integers(0, len(damaged), 4):
                damaged[place] = generator.integers(256)
            try:
                check_image(bytes(damaged), LIMITS)
            except BadImageError:
                continue


def test_label_maps_keep_their_values_and_other_images_are_refused() -> None:
    labels = np.arange(30, dtype=np.uint8).reshape(5, 6) % 5
    np.testing.assert_array_equal(decode_labels(cv2.imencode(".png", labels)[1].tobytes()), labels)
    for wrong in (picture(), labels.astype(np.uint16)):
        with pytest.raises(BadImageError, match="8-bit grey PNG"):
            decode_labels(cv2.imencode(".png", wrong)[1].tobytes())
