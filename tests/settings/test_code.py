from pathlib import Path

import pytest

from pipeline.settings.code import code_of
from pipeline.store.files import file_digest

NETWORKS = ("baseline", "pgan", "span")


def codes(root: Path) -> dict[str, dict[str, str]]:
    return {network: code_of(root, network) for network in NETWORKS}


def changed_by_an_edit(root: Path, file: str) -> set[str]:
    """Networks whose code is another after an edit of one file."""
    before = codes(root)
    with open(root / file, "a", encoding="utf-8") as stream:
        stream.write("# an edit\n")
    return {network for network, code in codes(root).items() if code != before[network]}


def write_module(root: Path, name: str, text: str) -> None:
    path = root / f"{name.replace('.', '/')}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_network_consists_of_its_module_and_the_blocks_it_imports(project: Path) -> None:
    code = code_of(project, "pgan")
    blocks = (
        "distances",
        "guided_network",
        "masked_mean",
        "part_attention",
        "part_grid",
        "part_guidance",
        "refine",
        "unit_length",
    )
    assert list(code) == [*(f"pipeline/reid/blocks/{name}.py" for name in blocks), "pipeline/reid/models/pgan.py"]
    assert all(digest == file_digest(project / file) for file, digest in code.items())


@pytest.mark.parametrize(
    ("file", "networks"),
    [
        ("blocks/part_attention.py", {"pgan"}),
        ("blocks/refine.py", {"baseline", "pgan"}),
        ("blocks/distances.py", {"baseline", "pgan", "span"}),
        ("models/span.py", {"span"}),
    ],
)
def test_an_edit_changes_the_code_of_those_networks_alone_that_are_made_of_it(
    project: Path, file: str, networks: set[str]
) -> None:
    assert changed_by_an_edit(project, f"pipeline/reid/{file}") == networks


def test_imports_are_followed_however_they_are_written_and_whatever_imports_what(tmp_path: Path) -> None:
    blocks = "pipeline.reid.blocks"
    write_module(tmp_path, "pipeline.reid.models.new", f"from {blocks} import first\n")
    write_module(tmp_path, f"{blocks}.first", f"def late():\n    import {blocks}.second\n")
    write_module(tmp_path, f"{blocks}.second", f"from {blocks}.first import late\nfrom {blocks}.third import value\n")
    write_module(tmp_path, f"{blocks}.third", "import os\nvalue = 1\n")
    write_module(tmp_path, f"{blocks}.unused", "")
    names = ("blocks/first", "blocks/second", "blocks/third", "models/new")
    assert list(code_of(tmp_path, "new")) == [f"pipeline/reid/{name}.py" for name in names]


def test_code_that_every_network_shares_is_not_part_of_it(project: Path) -> None:
    write_module(project, "pipeline.reid.network", "")
    assert "pipeline/reid/network.py" not in code_of(project, "baseline")


def test_a_network_that_does_not_exist_is_refused_with_those_that_do(project: Path) -> None:
    with pytest.raises(ValueError, match="network: expected one of .*pgan.*, got 'vgg'"):
        code_of(project, "vgg")
