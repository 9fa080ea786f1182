"""Which images of a table an annotation means, by path or by file name."""

from collections.abc import Iterable, Iterator, Sequence

from pipeline.datasets.records import ImageRecord


def listed_twice(one: ImageRecord, other: ImageRecord) -> bool:
    """Whether two images of one known camera may be a query and its copy in the gallery, whose roles nowhere agree.

    Their roles count in every test set both are in, of which there must be one; without roles, their splits.
    """
    if one.camera_id is None or one.camera_id != other.camera_id:
        return False
    if not one.roles and not other.roles:
        return {one.split, other.split} == {"query", "gallery"}
    shared = one.roles.keys() & other.roles.keys()
    return bool(shared) and all({one.roles[name], other.roles[name]} == {"query", "gallery"} for name in shared)


class Matching:
    """Finds the images of a table by what annotations call them.

    Args:
        records: The table.
    """

    def __init__(self, records: Sequence[ImageRecord]) -> None:
        self._records = records
        self._copies = _find_copies(records)
        self._paths = {record.path: row for row, record in enumerate(records)}
        self._rows: dict[str, list[int]] = {}
        """Path or end of one, in whole names -> the images it is of."""
        for row, record in enumerate(records):
            for end in _ends(record.path):
                self._rows.setdefault(end, []).append(row)

    def rows(self, image: str, where: str) -> list[int]:
        """Rows of an image named by path or file name, empty where there are none.

        Args:
            image: What the annotation calls it.
            where: Opens the message.

        Raises:
            ValueError: It fits several different images.
        """
        if image in self._paths:
            return self.at(image)
        *_, name = _ends(image)
        named = self._rows.get(name, [])
        if not named or self._one_picture(named):
            return named
        alike = self._rows.get(image, []) + [self._paths[end] for end in _ends(image) if end in self._paths]
        if not alike:
            return []
        if not self._one_picture(alike):
            shown = ", ".join(self._records[row].path for row in alike[:2])
            raise ValueError(
                f"{where}: {image!r} fits {len(alike)} different images, for example {shown}; give their paths"
            )
        return self._with_copy(alike[0])

    def at(self, path: str) -> list[int]:
        """Row of the image of that very path, and of its copy; empty where there is none."""
        return self._with_copy(self._paths[path]) if path in self._paths else []

    def is_aligned(self, name: str, row: int) -> bool:
        """Whether a name and the path of an image end alike, in whole names, as far as the shorter of them goes."""
        path = f"/{self._records[row].path}"
        return path.endswith(f"/{name}") or f"/{name}".endswith(path)

    def assign(self, names: Iterable[str], where: str, *, paths_only: bool) -> dict[str, list[int]]:
        """Give each of several annotated images the rows it is about, no row to two of them.

        A name that is a path of the table means that image, before any other name may; a query and its copy in the
        gallery share one annotation unless each has its own. Where a path of the annotation fits an image by its file
        name alone and that image's own path is annotated too, it means an image that the table lacks.

        Args:
            names: What the annotation calls its images, each once.
            where: Opens messages.
            paths_only: Names must be paths of the table.

        Returns:
            Name -> its rows, for those that fit the table.

        Raises:
            ValueError: A name fits several different images, or two names mean one.
        """
        listed = list(names)
        found = {name: self.at(name) for name in listed if name in self._paths}
        owners = {self._paths[name]: name for name in found}
        for name, rows in found.items():
            found[name] = [row for row in rows if owners.setdefault(row, name) == name]
        for name in listed if not paths_only else ():
            rows = [] if name in found else self.rows(name, where)
            taken = [owners[row] for row in rows if row in owners]
            if taken and (taken[0] not in self._paths or self.is_aligned(name, rows[0])):
                raise ValueError(f"{where}: {taken[0]!r} and {name!r} both mean {self._records[rows[0]].path}")
            if rows and not taken:
                found[name] = rows
                owners |= dict.fromkeys(rows, name)
        return found

    def _with_copy(self, row: int) -> list[int]:
        return [row, self._copies[row]] if row in self._copies else [row]

    def _one_picture(self, rows: Sequence[int]) -> bool:
        return len(rows) == 1 or (len(rows) == 2 and self._copies.get(rows[0]) == rows[1])


def _find_copies(records: Sequence[ImageRecord]) -> dict[int, int]:
    """Row -> row of its copy, for queries that are in the gallery under another path, as all of VeRi-776 are.

    They are the only two images of their file name, vehicle and camera; numbers of frames may come again.
    """
    rows: dict[tuple[str, str, str | None], list[int]] = {}
    for row, record in enumerate(records):
        if record.vehicle_id is not None:
            key = record.path.rpartition("/")[2], record.vehicle_id, record.camera_id
            rows.setdefault(key, []).append(row)
    pairs = [pair for pair in rows.values() if len(pair) == 2 and listed_twice(*(records[row] for row in pair))]
    return {one: other for pair in pairs for one, other in (pair, pair[::-1])}


def _ends(path: str) -> Iterator[str]:
    """A path, and what is left of it without its first folder, its first two, ... down to the file name."""
    yield path
    while "/" in path:
        path = path.partition("/")[2]
        yield path
