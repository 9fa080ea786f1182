import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.settings.code import FOLDERS
from pipeline.settings.libraries import ALIKE, PICTURES
from pipeline.store.code import LIBRARIES, UNDECIDING
from pipeline.store.places import PLACES

ROOT = Path(__file__).parents[1]

SECTIONS = {"train_together": "train_reid", "embed_across": "embed", "evaluate_across": "evaluate"}
"""Stage -> the section it gets, where that has another name."""


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


def closure(*files: str) -> set[str]:
    """Paths of all project code that running some files executes, but for `UNDECIDING`."""
    seen: set[Path] = set()
    waiting = {ROOT / file for file in files}
    while waiting:
        file = waiting.pop()
        seen.add(file)
        waiting |= {found for found in imported_files(file) if relative(found) not in UNDECIDING} - seen
    return {relative(file) for file in seen}


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def room(folder: str) -> set[str]:
    """Paths of all files of a folder, deep, that running code may read: code, templates and styles."""
    files = [file for file in (ROOT / folder).rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    return {relative(file) for file in files if file.name != "__init__.py"}


def expanded(stage: str) -> set[str]:
    """Every file of the project that a stage lists, rooms spread out."""
    listed = [dep for dep in STAGES[stage]["deps"] if dep.startswith(("pipeline/", "stages/"))]
    return {file for dep in listed for file in (room(dep) if (ROOT / dep).is_dir() else {dep})}


def read_files(code: set[str]) -> set[str]:
    """Templates and styles that some code reads: all files of a folder of templates beside it, and what it names."""
    beside = {f"{Path(file).parent.as_posix()}/templates" for file in code}
    return {file for folder in beside if (ROOT / folder).is_dir() for file in room(folder)}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_lists_exactly_the_files_it_needs(stage: str) -> None:
    needed = closure(f"stages/{stage}.py")
    needed |= read_files(needed)
    if stage == "resolve_params":  # it reads them as text
        needed |= {file for folder in FOLDERS for file in room(folder)}
    listed = expanded(stage)
    assert listed == needed, f"missing: {sorted(needed - listed)}; without need: {sorted(listed - needed)}"


def libraries(stage: str) -> set[str]:
    """Libraries that the code of a stage imports; of OpenCV, what it makes of pictures where that is all it is for."""
    users: dict[str, set[str]] = {}
    for file in closure(f"stages/{stage}.py"):
        for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            for name in {name.split(".")[0] for name in names} & set(LIBRARIES):
                users.setdefault(name, set()).add(file)
    if users.get("cv2", set()) <= ALIKE and users.pop("cv2", None):
        users[PICTURES] = set()
    return set(users)


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "resolve_params"])
def test_a_stage_depends_on_the_versions_of_the_libraries_it_uses_and_of_no_others(stage: str) -> None:
    place = "data/params/libraries/"
    listed = {Path(dep).stem for dep in STAGES[stage]["deps"] if dep.startswith(place)}
    assert listed == libraries(stage)


def test_a_new_version_of_opencv_is_seen_by_those_alone_who_do_more_with_it_than_decode_resize_and_warp() -> None:
    seen = {stage for stage, entry in STAGES.items() if "data/params/libraries/cv2.json" in entry["deps"]}
    assert seen == {"synthesize", "prepare", "grabcut", "train_detector", "evaluate_artifacts", "report"}
    assert "uv.lock" in STAGES["resolve_params"]["deps"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_room_is_listed_whole_rather_than_file_by_file(stage: str) -> None:
    listed = set(STAGES[stage]["deps"])
    needed = expanded(stage)
    folders = {parent.as_posix() for file in needed for parent in Path(file).parents if parent.as_posix() != "."}
    for folder in folders - {"stages", "pipeline"}:
        files = room(folder)
        covered = any(folder == dep or folder.startswith(f"{dep}/") for dep in listed)
        assert covered or len(files) == 1 or not files <= needed, f"{stage}: list {folder}"


def test_a_network_is_found_by_its_name_and_its_code_is_tracked_model_by_model() -> None:
    by_name = ("train_reid", "train_together", "embed", "embed_across")
    listed = set.intersection(*map(expanded, by_name))
    for file in room(FOLDERS[0]):
        own = {path for path in closure(file) if path.startswith(FOLDERS)}
        assert closure(file) - own <= listed, file
    assert not [dep for stage in by_name for dep in STAGES[stage]["deps"] if dep.startswith(FOLDERS)]
    for stage in by_name:
        assert "data/params/networks/${item.model}.json" in STAGES[stage]["deps"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_its_own_module_by_names_alone_and_says_what_it_does(stage: str) -> None:
    assert re.fullmatch(
        rf"python -m stages\.{stage}( --(dataset|model|trained-on) \$\{{[\w.]+\}})*", STAGES[stage]["cmd"]
    )
    assert STAGES[stage]["desc"]


def outputs(stage: str) -> set[str]:
    """Paths a stage writes, with ``{dataset}`` and ``{model}`` as `PLACES` has them."""
    entry = STAGES[stage]
    items = [item for key in ("outs", "plots", "metrics") for item in entry.get(key, [])]
    paths = [next(iter(item)) if isinstance(item, dict) else item for item in items]
    named = [re.sub(r"\$\{item\.(fleet|dataset)\}", "{dataset}", path) for path in paths]
    named = [path.replace("${item.trained_on}", "{trained_on}") for path in named]
    return {path.replace("${item.model}", "{model}") for path in named}


def test_every_output_lies_where_places_says_and_is_made_by_the_stage_it_names() -> None:
    by_stage: dict[str, set[str]] = {stage: set() for stage in STAGES}
    for place in PLACES.values():
        by_stage[place.stage].add(place.pattern)
    assert by_stage == {stage: outputs(stage) for stage in STAGES}


def test_every_stage_that_has_values_gets_them_from_the_file_that_holds_them() -> None:
    for stage, entry in STAGES.items():
        if stage not in ("resolve_params", "report") and not stage.startswith("digest_"):
            section = SECTIONS.get(stage, stage)
            name = re.escape(f"{section}/${{item.model}}.json") if section == "train_reid" else rf"{section}\.json"
            form = rf"data/params/datasets/\$\{{[\w.]+\}}/{name}"
            assert any(re.fullmatch(form, dep) for dep in entry["deps"]), stage


def test_packages_stay_empty_so_that_importing_one_module_runs_no_other() -> None:
    for file in [*ROOT.glob("pipeline/**/__init__.py"), ROOT / "stages/__init__.py"]:
        assert file.read_text() == "", file


def test_the_library_imports_neither_click_nor_dvc() -> None:
    for file in ROOT.glob("pipeline/**/*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] in ("click", "dvc")], file


def test_no_module_stands_outside_a_room() -> None:
    assert [file.name for file in ROOT.glob("pipeline/*.py")] == ["__init__.py"]


def test_what_runs_by_default_is_described() -> None:
    params = read_yaml("params.yaml")
    assert set(params["models"]) <= set(params["reid_models"])


def test_no_stage_depends_on_what_it_writes_itself() -> None:
    for name, entry in STAGES.items():
        outs = [next(iter(out)) if isinstance(out, dict) else out for out in entry.get("outs", [])]
        assert not [dep for dep in entry["deps"] for out in outs if dep == out or dep.startswith(f"{out}/")], name
