"""Test sets of one benchmark that differ in size and share images, as small, medium and large."""

from collections.abc import Mapping, Sequence

from pipeline.datasets.records import ImageRecord


def smallest_first(test_sets: Mapping[str, int]) -> dict[str, int]:
    """Name -> vehicles of the test sets, by rising number of vehicles."""
    return dict(sorted(test_sets.items(), key=lambda item: item[1]))


def largest_last(records: Sequence[ImageRecord], test_sets: Mapping[str, int]) -> list[ImageRecord]:
    """Order test images so that the table comes to name the largest test set last.

    Images come by the largest set they are in and, within that, by the number of sets, most first; otherwise their
    order stays.

    Args:
        records: Images that are in one test set or more, their roles in the order of `test_sets`.
        test_sets: Name -> vehicles, smallest first.
    """
    rank = {name: place for place, name in enumerate(test_sets)}
    return sorted(records, key=lambda record: (max(rank[name] for name in record.roles), -len(record.roles)))
