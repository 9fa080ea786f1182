"""Lists of images as benchmarks ship them: an image per line, further fields after blanks."""

import glob
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.store.files import line_of, regular

IMAGE_ENDINGS: tuple[str, ...] = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""Of the files of a folder that are taken for images, in either case; OpenCV decodes them all."""


@dataclass(frozen=True)
class ImageList:
    """What a list says of each image.

    Attributes:
        path: The list.
        fields: Image name -> the fields after it, in the list's order.
        lines: Image name -> its line, from 1.
        repeated: Lines that say again what an earlier one said.
    """

    path: Path
    fields: dict[str, tuple[str, ...]]
    lines: dict[str, int]
    repeated: int

    def where(self, name: str) -> str:
        """File and line of an image, for messages."""
        return f"{self.path}, line {self.lines[name]}"

    @property
    def remarks(self) -> list[str]:
        """What a reader should know of the list."""
        return [f"{self.repeated} lines of {self.path.name} repeat earlier ones"] if self.repeated else []


def read_list(path: Path, form: str) -> ImageList:
    """Read a list of images; a name without an image file's ending gets ``.jpg``.

    Args:
        path: The list.
        form: As `read_fields`; the first field is the image's name.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: As `read_fields`; or a name comes again with other fields.
    """
    fields: dict[str, tuple[str, ...]] = {}
    lines: dict[str, int] = {}
    repeated = 0
    for line, (first, *others) in read_fields(path, form):
        name = image_name(first)
        if name not in fields:
            fields[name], lines[name] = tuple(others), line
        elif fields[name] == tuple(others):
            repeated += 1
        else:
            raise ValueError(f"{path}, line {line}: {name!r} is on line {lines[name]} too, with other fields")
    return ImageList(path, fields, lines, repeated)


def read_fields(path: Path, form: str) -> Iterator[tuple[int, list[str]]]:
    """Yield `(line number, fields)` of a file of fields between blanks.

    Args:
        path: The file.
        form: Names of the fields, as ``NAME VEHICLE [CAMERA]``; those in brackets may be absent.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It is no text, or a line has another number of fields.
    """
    names = form.split()
    least = sum(not name.startswith("[") for name in names)
    for line, text in read_lines(path):
        fields = text.split()
        if not least <= len(fields) <= len(names):
            raise ValueError(f"{path}, line {line}: expected {form}, got {text!r}")
        yield line, fields


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield `(line number, text)` of the lines that are not blank, stripped; UTF-8, or else GB 18030.

    Raises:
        FileNotFoundError: `path` does not exist.
        ValueError: It is in neither encoding.
    """
    content = regular(path).read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("gb18030")
        except UnicodeDecodeError as error:
            where = f"{path}, line {line_of(error, content)}"
            raise ValueError(f"{where}: not a text file in UTF-8 or GB 18030 ({error})") from error
    for line, content_of_line in enumerate(text.split("\n"), 1):
        if stripped := content_of_line.strip():
            yield line, stripped


def image_name(name: str) -> str:
    """A file name out of a list's name, which may lack its ending."""
    return name if name.lower().endswith(IMAGE_ENDINGS) else f"{name}.jpg"


def first_existing(folder: Path, *names: str) -> Path:
    """The first of several files a release is known to have.

    Raises:
        FileNotFoundError: There is none.
    """
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{folder}: expected a file {' or '.join(names)}")


def unlisted(root: Path, folder: str, pattern: str, listed: Collection[str], lists: str) -> list[str]:
    """Remark that counts the image files of a folder that no list names; empty where there are none.

    Args:
        root: The data set's folder.
        folder: The folder in it.
        pattern: Which files, relative to `folder`, as ``*`` or ``*/*``.
        listed: Paths relative to `root` that are listed.
        lists: How to name the lists.
    """
    found = glob.iglob(pattern, root_dir=root / folder)
    count = sum(file.lower().endswith(IMAGE_ENDINGS) and f"{folder}/{file}" not in listed for file in found)
    return [f"{count} files of {folder} are not in {lists}"] if count else []
