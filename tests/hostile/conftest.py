"""Counts the cases of the corpus and says so at the end; no case may hang."""

import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

TRIED: Counter[str] = Counter()
HELD: Counter[str] = Counter()
LONGEST = 60
"""Seconds that a case may take."""


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TimeoutError(f"took more than {LONGEST} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if call.when == "call" and "hostile" in item.path.parts:
        kind = item.path.stem.removeprefix("test_hostile_")
        TRIED[kind] += 1
        HELD[kind] += report.passed


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if TRIED:
        shown = ", ".join(f"{kind} {HELD[kind]}/{TRIED[kind]}" for kind in sorted(TRIED))
        terminalreporter.write_line(f"hostile input: {HELD.total()} of {TRIED.total()} cases held ({shown})")
