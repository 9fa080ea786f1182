"""Words of messages and pages that depend on a number."""


def counted(number: int, one: str, many: str = "") -> str:
    """A number and what it counts, as ``1 epoch`` and ``1,200 epochs``.

    Args:
        number: How many there are.
        one: What a single one is called.
        many: What several are called, where that is not `one` with an s.
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def is_text(name: str) -> bool:
    """Whether UTF-8 can write a name: one in another encoding has lone surrogates in place of its bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
