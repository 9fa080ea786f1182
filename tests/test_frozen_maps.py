import re

from click.testing import CliRunner
from drawn_vehicles import TinyData

from benchmarks.frozen_maps import main


def test_every_model_is_trained_both_ways_to_the_same_weights(finished_run: TinyData) -> None:
    names = ["--root", str(finished_run.root), "--dataset", "tiny", "--models", "baseline,pgan", "--epochs", "1"]
    result = CliRunner().invoke(main, names)
    assert result.exit_code == 0, result.output
    head, _, *lines = [line[2:-2].split(" | ") for line in result.stdout.splitlines()]
    assert head == ["model", "each time, s", "once, s", "ratio", "same weights"]
    assert [line[0] for line in lines] == ["`baseline`", "`pgan`"]
    assert all(re.fullmatch(r"\d+\.\d\d", line[3]) and line[4] == "yes" for line in lines)
