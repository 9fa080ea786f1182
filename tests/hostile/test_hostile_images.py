import io
import os
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.hostile.hostile_sets import SECRET, Policy, picture, prepared, write_table

MODES = {"rgb": "RGB", "grey": "L", "bits": "1", "palette": "P", "alpha": "RGBA", "grey_alpha": "LA", "cmyk": "CMYK"}
FORMATS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif", "GIF": "gif"}


def encoded(kind: str, mode: str = "RGB", size: tuple[int, int] = (30, 20), **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, kind, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "green", "blue")]
    stream = io.BytesIO()
    frames[0].save(stream, kind, save_all=True, append_images=frames[1:])
    return stream.getvalue()


def deep(kind: str) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 65536, (20, 30), np.uint16)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded("JPEG", exif=exif)


def bomb(width: int, height: int) -> bytes:
    """A PNG file whose header announces more than it has."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


GOOD: dict[str, bytes] = {
    **{f"png_{name}": encoded("PNG", mode) for name, mode in MODES.items() if mode != "CMYK"},
    **{f"jpeg_{name}": encoded("JPEG", MODES[name]) for name in ("rgb", "grey", "cmyk")},
    **{f"tiff_{name}": encoded("TIFF", MODES[name]) for name in ("rgb", "grey")},
    **{f"exif_{number}": turned(number) for number in range(9)},
    "exif_99": turned(99),
    "progressive": encoded("JPEG", progressive=True),
    "png_16": deep("PNG"),
    "tiff_16": deep("TIFF"),
    "animated_webp": animated("WEBP"),
    "animated_png": animated("PNG"),
    "junk_behind": encoded("JPEG") + b"\0" * 4096,
}
BAD: dict[str, bytes] = {
    "empty": b"",
    "one_byte": b"\xff",
    "text": b"an image",
    "html": b"<!doctype html><script>alert(1)</script>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "pdf": b"%PDF-1.7",
    "zip": b"PK\x03\x04" + bytes(60),
    "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "bomb": bomb(60_000, 60_000),
    "bomb_of_lines": bomb(1, 2**31 - 1),
    "bomb_of_zeros": bomb(0, 0),
    "large": encoded("PNG", size=(200, 200)),
    "large_webp": encoded("WEBP", size=(200, 200)),
    "small": encoded("PNG", size=(4, 4)),
    "thin": encoded("PNG", size=(100, 1)),
    **{f"half_{name}": encoded(kind)[:60] for kind, name in FORMATS.items() if name != "gif"},
}
CUTS = [(kind, share) for kind in FORMATS for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99)]


def write(root: Path, content: bytes, name: str = "odd.png") -> None:
    write_table(root, [f"{name},extra,,,", "good.png,extra,,,"])
    (root / "good.png").write_bytes(picture())
    (root / name).write_bytes(content)


@pytest.mark.parametrize("kind", GOOD)
def test_what_is_an_image_is_kept_whatever_its_ending(tmp_path: Path, kind: str) -> None:
    write(tmp_path / "raw", GOOD[kind])
    assert prepared(tmp_path / "raw") == ["odd.png", "good.png"]


@pytest.mark.parametrize("policy", ["stop", "skip"])
@pytest.mark.parametrize("kind", BAD)
def test_what_is_none_is_refused_by_name_or_left_out(tmp_path: Path, kind: str, policy: Policy) -> None:
    write(tmp_path / "raw", BAD[kind])
    if policy == "skip":
        assert prepared(tmp_path / "raw", policy) == ["good.png"]
        return
    with pytest.raises(ValueError, match=r"1 unusable images: odd\.png: .*on_bad_image"):
        prepared(tmp_path / "raw", policy)


@pytest.mark.parametrize(("kind", "share"), CUTS)
def test_a_cut_file_is_read_as_far_as_it_goes_or_left_out(tmp_path: Path, kind: str, share: float) -> None:
    whole = encoded(kind)
    write(tmp_path / "raw", whole[: int(share * len(whole))], f"odd.{FORMATS[kind]}")
    assert prepared(tmp_path / "raw", "skip")[-1] == "good.png"


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


ODD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, "expected a regular file, got a folder"),
    "a pipe": (os.mkfifo, "expected a regular file, got a pipe"),
    "a socket": (make_socket, "expected a regular file, got a socket"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "expected a regular file, got a device"),
    "a link out": (lambda path: path.symlink_to(path.parent.parent / "secret.png"), "a link that leads out"),
    "a relative link out": (lambda path: path.symlink_to("../secret.png"), "a link that leads out"),
    "a link to nothing": (lambda path: path.symlink_to("nothing.png"), "the file does not exist"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "odd.png: "),
    "no file": (lambda path: None, "the file does not exist"),
}


@pytest.mark.parametrize("kind", ODD_FILES)
def test_what_is_no_regular_file_of_the_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    (tmp_path / "secret.png").write_bytes(picture() + SECRET)
    write(tmp_path / "raw", b"")
    monkeypatch.chdir(tmp_path / "raw")  # a socket's path must be short
    (tmp_path / "raw" / "odd.png").unlink()
    make, message = ODD_FILES[kind]
    make(Path("odd.png") if kind == "a socket" else tmp_path / "raw" / "odd.png")
    assert prepared(tmp_path / "raw", "skip") == ["good.png"]
    with pytest.raises(ValueError, match=message):
        prepared(tmp_path / "raw")


def test_links_out_of_the_folder_are_followed_where_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "other.png").write_bytes(picture(1))
    write(tmp_path / "raw", b"")
    (tmp_path / "raw" / "odd.png").unlink()
    (tmp_path / "raw" / "odd.png").symlink_to(tmp_path / "other.png")
    limits = {"max_pixels": 10_000, "min_side": 8, "on_bad_image": "stop", "links": "anywhere"}
    assert prepared(tmp_path / "raw", limits=limits) == ["odd.png", "good.png"]


@pytest.mark.parametrize("name", ["images.csv", "parts.json", "viewpoints.csv"])
def test_a_pipe_in_place_of_a_table_is_not_waited_for(tmp_path: Path, name: str) -> None:
    write(tmp_path / "raw", picture(1))
    (tmp_path / "raw" / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / "raw" / name)
    changes = {
        "images.csv": {},
        "parts.json": {"parts": {"file": name, "images": None, "categories": None}},
        "viewpoints.csv": {"viewpoints": [name]},
    }[name]
    with pytest.raises(ValueError, match=rf"{name}: expected a regular file, got a pipe"):
        prepared(tmp_path / "raw", **changes)
