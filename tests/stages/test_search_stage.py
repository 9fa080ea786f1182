from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from drawn_vehicles import TinyData

from stages.search import search
from tests.search.search_example import MODELS, Run, write_run


@pytest.fixture(scope="module")
def run(tiny_data: TinyData, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return write_run(tiny_data, tmp_path_factory.mktemp("search") / "run")


def invoke(run: Run, model: str, *more: object) -> Result:
    options = ["--dataset", "tiny", "--model", model, "--data", run.data, "--models", run.models]
    return CliRunner().invoke(search, [str(word) for word in [*options, "--params", run.params, *more]])


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("model", MODELS)
def test_a_search_prints_a_table_and_writes_one_page_and_nothing_else(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = contents(run.data.parent)
    result = invoke(run, model, run.file(7), run.file(6))
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == str(run.file(7))
    assert lines[2].split()[0] == "1"
    assert lines[2].split()[2:] == ["0004", "c2", run.file(7).name]
    assert lines[-1].startswith("search.html: ")
    assert [path.name for path in tmp_path.iterdir()] == ["search.html"]
    assert (tmp_path / "search.html").read_text().startswith("<!doctype html>")
    assert contents(run.data.parent) == before


def test_a_search_goes_on_without_what_is_only_shown_and_says_so(run: Run, tmp_path: Path) -> None:
    partial = run.copy(tmp_path / "run")
    span = partial.models / "span.safetensors"
    span.unlink()
    output = tmp_path / "found.html"
    result = invoke(partial, "baseline", "--output", output, run.file(6))
    assert result.exit_code == 0, result.output
    remark = f"View masks are not shown: {span}: no such file; stage `train_span` makes it (`dvc repro` or `dvc pull`)"
    assert result.stderr.splitlines() == [remark]
    assert result.stdout.splitlines()[0] == str(run.file(6))
    assert remark in output.read_text()
    result = invoke(partial, "span_cpdm", "--output", tmp_path / "refused.html", run.file(6))
    assert result.exit_code == 1
    assert f"{span}: no such file" in result.stderr
    assert not (tmp_path / "refused.html").exists()


def test_options_choose_how_many_are_shown_and_where_the_page_goes(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "pages/found.html"
    result = invoke(run, "baseline", "--top", 1, "--vehicles-once", "--output", output, run.file(6))
    assert result.exit_code == 0, result.output
    assert output.read_text().count('<li class="match">') == 1
    assert run.file(6).name in result.output.splitlines()[2]


def test_a_search_that_fails_says_why_in_one_line_and_writes_no_page(run: Run, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no image")
    for words, message in (
        ((tmp_path / "note.txt",), f"{tmp_path / 'note.txt'}: not an image OpenCV can decode"),
        ((tmp_path / "absent.png",), f"{tmp_path / 'absent.png'}: no such image file"),
        (("--data", tmp_path, run.file(6)), "stage `prepare` makes it"),
    ):
        result = invoke(run, "baseline", "--output", tmp_path / "page.html", *words)
        assert result.exit_code == 1
        assert message in result.output
        assert len(result.output.splitlines()) == 1
    assert not (tmp_path / "page.html").exists()
    assert invoke(run, "baseline", "--top", 0, run.file(6)).exit_code == 2
