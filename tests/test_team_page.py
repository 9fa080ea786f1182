"""The commands of `docs/team.md`, run as they stand there by an author, a colleague and one who merges."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from miniature import ROOT, edit, lay_over, run
from ruamel.yaml import YAML

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs/team.md").read_text(encoding="utf-8")
SHARED = {f"data/{folder}/synthetic.h5" for folder in ("parts", "part_masks", "rows/parts", "rows/part_masks")}
LEARNING_RATE = "overrides.synthetic.train_reid.learning_rate"


class Team:
    """The clones of a team, and what the page calls them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.roles = {
            "the author's clone": folder / "author",
            "a colleague's fresh clone": folder / "colleague",
            "a colleague's clone": folder / "colleague",
            "another project": folder / "other",
            "the clone that merges": folder / "merging",
        }

    def run_section(self, title: str) -> str:
        """Run the commands below a heading, each in the clone its block names; returns what they printed."""
        (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
        printed = ""
        for block in re.findall(r"```bash\n(.*?)```", section, re.DOTALL):
            role, *lines = block.splitlines()
            printed += self.run_lines(lines, self.roles[role.removeprefix("# ")])
        return printed

    def run_lines(self, lines: list[str], folder: Path) -> str:
        """Run commands one by one; a comment `in params.yaml: KEYS: VALUE` is an edit."""
        printed = ""
        for line in lines:
            if edited := re.fullmatch(r"# in params\.yaml: ([\w.]+): (.*)", line):
                set_value(folder, *edited.groups())
            else:
                line = line.replace("/srv/dvc", f"{self.folder}/dvc").replace("/srv/git", f"{self.folder}")
                printed += bash(line, folder)
        return printed


def bash(line: str, folder: Path) -> str:
    """Run a line as typed; `reid` is this project's."""
    return run(["bash", "-c", f'reid() {{ "{sys.executable}" -m stages.cli "$@"; }}\n{line}'], folder)


def set_value(folder: Path, keys: str, text: str) -> None:
    value: Any = YAML(typ="safe").load(text)
    for key in reversed(keys.split(".")):
        value = {key: value}
    edit(folder, lambda document: lay_over(document, value))


def ran(printed: str) -> list[str]:
    return re.findall(r"Running stage '([^'@]+)", printed)


def untracked(folder: Path) -> set[str]:
    """Files below data and models that Git does not keep."""
    kept = set(run(["git", "ls-files", "data", "models"], folder).splitlines())
    files = [path for name in ("data", "models") for path in (folder / name).rglob("*") if path.is_file()]
    found = {path.relative_to(folder).as_posix() for path in files if not path.name.endswith(".lock")}
    return {name for name in found - kept if not name.startswith("data/params/")}


def metrics(folder: Path) -> dict[str, Any]:
    return {
        path.relative_to(folder).as_posix(): json.loads(path.read_text())
        for path in sorted(folder.glob("data/evaluation/**/metrics.json"))
    }


def name_committer(folder: Path) -> None:
    for key, value in (("user.name", "A"), ("user.email", "a@example.org"), ("commit.gpgsign", "false")):
        run(["git", "config", key, value], folder)


def add_data_set(folder: Path, name: str, photos: list[Path], datasets: list[str]) -> None:
    """Put a table of four images under `data/raw`, and list it."""
    raw = folder / "data/raw" / name
    raw.mkdir(parents=True)
    lines = ["path,split,vehicle_id,camera_id,viewpoint"]
    for place, photo in enumerate(photos):
        shutil.copy(photo, raw)
        lines.append(f"{photo.name},{'train' if place < 2 else 'both'},{place // 2},c{place % 2},")
    (raw / "images.csv").write_text("\n".join(lines) + "\n")
    edit(folder, lambda document: lay_over(document, listed(datasets)))


def listed(datasets: list[str]) -> dict[str, Any]:
    own = {name: {"prepare": {"adapter": "table"}} for name in datasets if name != "synthetic"}
    return {"datasets": datasets, "overrides": own}


@pytest.fixture(scope="module")
def team(miniature: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """An author with a finished run and a bare repository as `origin`; the others have empty folders."""
    team = Team(tmp_path_factory.mktemp("team"))
    author = team.roles["the author's clone"]
    shutil.copytree(miniature, author)
    for role in team.roles.values():
        role.mkdir(exist_ok=True)
    run(["git", "init", "-q", "--bare", "-b", "main", str(team.folder / "cars.git")], team.folder)
    name_committer(author)
    run(["git", "checkout", "-q", "-b", "main"], author)
    (author / "first_run.txt").unlink()
    for words in (["add", "."], ["commit", "-qm", "Code"], ["remote", "add", "origin", str(team.folder / "cars.git")]):
        run(["git", *words], author)
    yield team
    shutil.rmtree(team.folder)


def test_the_author_publishes_artifacts_by_dvc_and_figures_by_git(team: Team) -> None:
    author = team.roles["the author's clone"]
    assert ran(team.run_section("Publish")) == []
    kept = set(run(["git", "ls-files", "data"], author).splitlines())
    assert {"data/digests/synthetic.json", "data/evaluation/synthetic/baseline/metrics.json"} <= kept
    assert not [name for name in kept if not name.endswith((".json", ".gitkeep"))]
    assert run(["git", "status", "--porcelain"], author) == ""


def test_a_colleague_pulls_exactly_parts_and_masks_and_sees_figures(team: Team) -> None:
    printed = team.run_section("Take part")
    colleague = team.roles["a colleague's clone"]
    assert untracked(colleague) == SHARED
    figure = metrics(team.roles["the author's clone"])["data/evaluation/synthetic/baseline/metrics.json"]["mAP"]
    assert f"{figure:.5g}" in printed
    (python,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert re.match(r"\(\d+, 3, \d+, \d+\) ", run([sys.executable, "-c", python], colleague))


def test_after_an_edit_a_colleague_runs_through_to_the_report_without_raw_data(team: Team) -> None:
    colleague = team.roles["a colleague's clone"]
    name_committer(colleague)
    before = metrics(colleague)
    printed = team.run_section("Edit and run")
    again = ("train_reid", "embed", "evaluate", "digest_evaluation")
    assert sorted(ran(printed)) == sorted(["resolve_params", *again, *again, "report"])
    assert not (colleague / "data/raw/synthetic").exists()
    assert "<html" in (colleague / "data/report/index.html").read_text(encoding="utf-8")
    assert metrics(colleague) != before
    assert re.search(r"baseline/metrics\.json +mAP +0\.\d+ +0\.\d+", printed)
    assert ran(bash("dvc repro --pull --allow-missing", colleague)) == []
    assert run(["git", "status", "--porcelain"], colleague) == ""


def test_who_pulls_a_colleagues_run_gets_its_figures_and_runs_nothing(team: Team) -> None:
    author = team.roles["the author's clone"]
    run(["git", "fetch", "-q"], author)
    run(["git", "checkout", "-q", "slower"], author)
    bash("dvc pull", author)
    assert ran(bash("dvc repro", author)) == []
    assert metrics(author) == metrics(team.roles["a colleague's clone"])
    run(["git", "checkout", "-q", "main"], author)
    bash("dvc checkout", author)
    assert ran(bash("dvc repro", author)) == []


def test_old_outputs_under_new_parameters_give_no_wrong_figures(team: Team) -> None:
    """Without pulling first: what remains here of an older run is refused, or replaced by what fits."""
    author = team.roles["the author's clone"]
    right = metrics(team.roles["a colleague's clone"])
    run(["git", "checkout", "-q", "slower"], author)
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "--pull", "--allow-missing"], cwd=author, capture_output=True, text=True
    )
    assert metrics(author) == right or (done.returncode and "made by values of digest" in done.stdout + done.stderr)
    run(["git", "checkout", "-q", "--force", "main"], author)
    bash("dvc checkout --force", author)
    assert ran(bash("dvc repro", author)) == []


def test_another_project_takes_one_artifact_by_the_name_of_a_version(team: Team) -> None:
    other, author = team.roles["another project"], team.roles["the author's clone"]
    bash("git init -q && dvc init -q", other)
    team.run_section("Another project")
    for kind, name in (("parts", "parts.h5"), ("part_masks", "masks.h5")):
        assert (other / name).read_bytes() == (author / f"data/{kind}/synthetic.h5").read_bytes()


def test_two_who_each_added_a_data_set_merge_and_compute_nothing_again(team: Team) -> None:
    author, merging = team.roles["the author's clone"], team.roles["the clone that merges"]
    photos = sorted((author / "data/raw/synthetic").rglob("*.jpg"))[:8]
    bash(f"git clone -q {team.folder}/cars.git . && git reset -q --hard v1", merging)
    name_committer(merging)
    for clone, name, own in ((author, "trucks", photos[:4]), (merging, "vans", photos[4:])):
        add_data_set(clone, name, own, ["synthetic", name])
        assert sorted(set(ran(bash("dvc repro --allow-missing prepare", clone)))) == ["prepare", "resolve_params"]
        bash(f"git add dvc.lock params.yaml data && git commit -qm {name}", clone)
    bash("dvc push -q && git push -q origin main", author)
    with pytest.raises(AssertionError, match="CONFLICT"):
        bash("git fetch -q && git merge origin/main", merging)
    bash("git checkout --ours params.yaml", merging)
    edit(merging, lambda document: lay_over(document, listed(["synthetic", "vans", "trucks"])))
    printed = team.run_section("Two added a data set")
    assert ran(printed) == ["resolve_params"]
    lock = (merging / "dvc.lock").read_text()
    assert "prepare@vans" in lock
    assert "prepare@trucks" in lock
    assert run(["git", "status", "--porcelain"], merging) == ""


def test_switching_data_sets_back_and_forth_prepares_nothing_again(team: Team) -> None:
    assert set(ran(team.run_section("Switch data sets"))) <= {"resolve_params"}


def test_collecting_garbage_keeps_the_caches_of_data_sets_that_are_not_listed(team: Team) -> None:
    author = team.roles["the author's clone"]
    kept = set(untracked(author))
    set_value(author, "datasets", "[trucks]")
    team.run_section("Free disk")
    run(["git", "checkout", "-q", "params.yaml"], author)
    for name in ("parts", "part_masks", "images"):
        (author / f"data/{name}/synthetic.h5").unlink()
    bash("dvc checkout prepare@synthetic detect_parts@synthetic predict_part_masks@synthetic", author)
    assert set(untracked(author)) == kept
    assert ran(bash("dvc repro prepare detect_parts@synthetic", author)) == []


def test_experiments_run_here_queued_and_apart_and_are_shown_with_figures(team: Team) -> None:
    author = team.roles["the author's clone"]
    bash("git checkout -q -b sweep v1 && dvc checkout", author)
    printed = team.run_section("Experiments")
    rows = list(csv.DictReader(io.StringIO(printed[printed.index("Experiment,") :])))
    column = next(name for name in rows[0] if name.endswith("baseline/metrics.json:mAP") or name == "mAP")
    rates = {
        row[f"params.yaml:{LEARNING_RATE}"] if f"params.yaml:{LEARNING_RATE}" in row else row[LEARNING_RATE]
        for row in rows
    }
    assert {"0.0003", "0.0004", "0.0005"} <= rates
    assert all(float(row[column]) > 0 for row in rows if row["Experiment"])
    assert run(["git", "status", "--porcelain"], author) == ""


def test_outputs_become_copies_that_no_program_can_harm_the_cache_by(team: Team) -> None:
    author = team.roles["the author's clone"]
    team.run_section("Links to the cache")
    assert (author / "data/parts/synthetic.h5").stat().st_nlink == 1
