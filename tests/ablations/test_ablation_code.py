import shutil
from pathlib import Path

import pytest

from pipeline.ablations.code import MASKS, RUN, of_network
from pipeline.store.code import ROOT, code_digest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of code: every entry imports one shared module, and there are two networks."""
    files = {entry: "from pipeline.store import shared\n" for entry in RUN}
    files["pipeline/store/shared.py"] = "import json\nVALUE = 1\n"
    files["pipeline/reid/models/one.py"] = "A = 1\n"
    files["pipeline/reid/models/other.py"] = "A = 2\n"
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", ["pipeline/store/shared.py", "pipeline/reid/models/one.py", RUN[0]])
def test_an_edit_of_any_module_a_run_imports_changes_the_digest(root: Path, name: str) -> None:
    before = code_digest(of_network("one"), root)
    (root / name).write_text((root / name).read_text() + "B = 3\n")
    assert code_digest(of_network("one"), root) != before


def test_another_networks_module_comments_and_docstrings_change_nothing(root: Path) -> None:
    before = code_digest(of_network("one"), root)
    (root / "pipeline/reid/models/other.py").write_text("A = 3\n")
    (root / "pipeline/store/shared.py").write_text(
        '"""Says more."""\n\nimport json  # a reason\n\nVALUE  =  1\n"""One."""\n'
    )
    assert code_digest(of_network("one"), root) == before


def test_an_edit_of_a_block_changes_the_digest_of_the_projects_networks_that_use_it_alone(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    before = {name: code_digest(of_network(name), tmp_path) for name in ("baseline", "pgan", "fused")}
    masks = code_digest(MASKS, tmp_path)
    block = tmp_path / "pipeline/reid/blocks/part_guidance.py"
    block.write_text(block.read_text() + "B = 3\n")
    changed = {name for name in before if code_digest(of_network(name), tmp_path) != before[name]}
    assert changed == {"pgan", "fused"}
    assert code_digest(MASKS, tmp_path) == masks


@pytest.mark.parametrize(
    "name", ["pipeline/ablations/tables.py", "pipeline/ablations/rows.py", "pipeline/ablations/text.py"]
)
def test_a_published_figure_or_another_word_is_no_reason_to_train_again(tmp_path: Path, name: str) -> None:
    shutil.copytree(ROOT / "pipeline", tmp_path / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    before = [code_digest(entries, tmp_path) for entries in (of_network("baseline"), MASKS)]
    (tmp_path / name).write_text((tmp_path / name).read_text() + "B = 3\n")
    assert [code_digest(entries, tmp_path) for entries in (of_network("baseline"), MASKS)] == before
