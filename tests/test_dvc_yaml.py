import ast
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]


def read_yaml(name: str) -> dict[str, Any]:
    return YAML(typ="safe").load((ROOT / name).read_text(encoding="utf-8"))


STAGES = read_yaml("dvc.yaml")["stages"]


def module_file(name: str) -> Path | None:
    """The project's file that holds module `name`, or None for a third party's or a name inside a module."""
    base = ROOT.joinpath(*name.split("."))
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        if file.exists():
            return file
    return None


@cache
def imported_files(file: Path) -> frozenset[Path]:
    """Project files that `file` imports directly, anywhere in its text."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    files = {module_file(name) for name in names if name.split(".")[0] in ("pipeline", "stages")}
    return frozenset(found for found in files if found is not None and found.name != "__init__.py")


def closure(stage: str) -> set[str]:
    """Paths of all project code that running `stages/<stage>.py` executes."""
    seen: set[Path] = set()
    waiting = {ROOT / "stages" / f"{stage}.py"}
    while waiting:
        file = waiting.pop()
        seen.add(file)
        waiting |= imported_files(file) - seen
    return {file.relative_to(ROOT).as_posix() for file in seen}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_exactly_the_code_it_imports(stage: str) -> None:
    listed = {dep for dep in STAGES[stage]["deps"] if dep.endswith(".py")}
    needed = closure(stage)
    assert listed == needed, f"missing: {sorted(needed - listed)}; not imported: {sorted(listed - needed)}"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_its_own_module_and_says_what_it_does(stage: str) -> None:
    assert STAGES[stage]["cmd"].startswith(f"python -m stages.{stage} ")
    assert STAGES[stage]["desc"]


@pytest.mark.parametrize("stage", STAGES)
def test_every_input_and_output_on_the_command_line_is_declared(stage: str) -> None:
    entry = STAGES[stage]
    declared = [
        next(iter(item)) if isinstance(item, dict) else item
        for key in ("outs", "plots", "metrics", "deps")
        for item in entry.get(key, [])
    ]
    words = entry["cmd"].split()
    paths = [word for word in words if word.startswith(("data/", "models/"))]
    for path in paths:
        assert any(item == path or item.startswith(f"{path}/") for item in declared), path


def test_packages_stay_empty_so_that_importing_one_module_runs_no_other() -> None:
    for file in [*ROOT.glob("pipeline/**/__init__.py"), ROOT / "stages/__init__.py"]:
        assert file.read_text() == "", file


def test_the_library_imports_neither_click_nor_dvc() -> None:
    for file in ROOT.glob("pipeline/**/*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] in ("click", "dvc")], file


def test_every_data_set_has_an_override_for_every_stage_that_reads_one() -> None:
    params = read_yaml("params.yaml")
    per_dataset = {
        name.rpartition(".")[2]
        for entry in STAGES.values()
        for name in entry["params"]
        if name.startswith("overrides.${item.dataset}.")
    }
    for dataset, overrides in params["overrides"].items():
        assert per_dataset <= set(overrides), f"{dataset}: {sorted(per_dataset - set(overrides))}"
    assert set(params["models"]) <= set(params["reid_models"])
