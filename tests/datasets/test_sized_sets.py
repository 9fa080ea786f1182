from pipeline.datasets.records import ImageRecord, roles_by_test_set
from pipeline.datasets.sources.sized_sets import largest_last, smallest_first


def record(path: str, *sets: str) -> ImageRecord:
    return ImageRecord(path, "test", "1", roles=dict.fromkeys(sets, "drawn"))


def test_test_sets_come_by_size_whatever_their_names() -> None:
    assert list(smallest_first({"a": 30, "b": 5, "c": 10})) == ["b", "c", "a"]


def test_the_table_names_the_largest_set_last_whatever_the_order_of_images() -> None:
    sizes = {"small": 1, "medium": 2, "large": 3}
    nested = [record("1", "large"), record("2", "medium", "large"), record("3", "small", "medium", "large")]
    assert list(roles_by_test_set(largest_last(nested, sizes))) == ["small", "medium", "large"]
    apart = [record("1", "large"), record("2", "small", "large"), record("3", "medium"), record("4", "small")]
    assert list(roles_by_test_set(largest_last(apart, sizes))) == ["small", "medium", "large"]


def test_images_of_the_same_sets_keep_their_order() -> None:
    records = [record("9", "large"), record("1", "large"), record("5", "small")]
    assert [found.path for found in largest_last(records, {"small": 1, "large": 2})] == ["5", "9", "1"]
