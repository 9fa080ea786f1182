import os
import re
import signal
import time
from functools import partial
from typing import Any

import numpy as np
import pytest

from pipeline.maps import pool
from pipeline.maps.pool import in_processes

SHARDS = [np.arange(start, start + 2) for start in range(0, 8, 2)]


def failing(how: str) -> Any:
    return partial(_failing, how)


def _failing(how: str, columns: Any) -> Any:
    for number in columns["numbers"]:
        if number == 5:
            if how == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(600)
    yield {"sum": np.zeros(len(columns["numbers"]))}


@pytest.mark.parametrize(("names", "called"), [(None, "row 5"), ([f"{number}.jpg" for number in range(8)], "5.jpg")])
def test_a_worker_that_is_killed_ends_the_map_and_its_row_is_named(names: list[str] | None, called: str) -> None:
    results = in_processes(partial(failing, "dies"), {"numbers": list(range(8))}, SHARDS, 2, names)
    with pytest.raises(RuntimeError, match=rf"a worker process died \(signal 9\) at {re.escape(called)}; memory may"):
        list(results)


def test_a_worker_that_hangs_ends_the_map_and_its_row_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PATIENCE", 3.0)
    monkeypatch.setattr(pool, "POLL", 0.1)
    results = in_processes(partial(failing, "hangs"), {"numbers": list(range(8))}, SHARDS, 2)
    with pytest.raises(TimeoutError, match="no worker has got on for 3 seconds; they hang at row 5$"):
        list(results)
