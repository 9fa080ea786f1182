import re
from pathlib import Path

from click.testing import CliRunner, Result

from pipeline.settings.resolution import write_resolved
from stages.resolve_params import resolve_params


def run(project: Path) -> Result:
    return CliRunner().invoke(resolve_params, ["--root", str(project)])


def contents(project: Path) -> dict[str, bytes]:
    folder = project / "data/params"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_stage_writes_the_same_bytes_each_time_and_counts_the_files(project: Path) -> None:
    written = []
    for _ in range(2):
        result = run(project)
        assert result.exit_code == 0, result.output
        written.append(contents(project))
    assert written[0] == written[1]
    assert result.output == f"{project / 'data/params'}: {len(written[0])} files\n"
    assert {"datasets/synthetic/prepare.json", "networks/pgan.json"} <= set(written[0])


def test_an_edit_of_a_block_changes_the_file_of_each_model_made_of_it_and_nothing_else(project: Path) -> None:
    folder, parameters = project / "data/params", project / "params.yaml"
    write_resolved(folder, parameters, project)
    before = contents(project)
    edit(project / "pipeline/reid/blocks/part_attention.py", '"""', '"""Edited. ')
    write_resolved(folder, parameters, project)
    assert [name for name, content in contents(project).items() if before[name] != content] == [
        "networks/fused.json",
        "networks/pgan.json",
    ]


def test_a_comment_among_the_parameters_changes_nothing(project: Path) -> None:
    run(project)
    before = contents(project)
    edit(project / "params.yaml", "datasets:", "# a comment\ndatasets:")
    run(project)
    assert contents(project) == before


def test_a_mistake_is_one_line_and_leaves_what_was_there(project: Path) -> None:
    run(project)
    before = contents(project)
    edit(project / "params.yaml", "network: pgan", "network: vgg")
    result = run(project)
    assert result.exit_code == 1
    assert re.search(r"reid_models\.pgan: network: expected one of .*pgan.*, got 'vgg'", result.output)
    assert result.output.count("\n") == 1
    assert contents(project) == before
