import pytest

from pipeline.store.words import counted


@pytest.mark.parametrize(
    ("number", "words", "expected"),
    [
        (0, ("epoch",), "0 epochs"),
        (1, ("epoch",), "1 epoch"),
        (1200, ("epoch",), "1,200 epochs"),
        (1, ("query", "queries"), "1 query"),
        (2, ("query", "queries"), "2 queries"),
    ],
)
def test_one_thing_is_called_by_another_word_than_several(number: int, words: tuple[str, ...], expected: str) -> None:
    assert counted(number, *words) == expected
