from pathlib import Path

from drawn_vehicles import TinyData
from ruamel.yaml import YAML
from tiny_run import PROJECT, invoke

from pipeline.sharing.shown import ACROSS, ARTIFACTS, EVALUATION
from pipeline.store.files import file_digest, read_json
from pipeline.store.places import PLACES
from stages.digest_artifacts import digest_artifacts

SHOWN = {"digest_artifacts": ARTIFACTS, "digest_evaluation": EVALUATION, "digest_across": ACROSS}


def test_digests_are_of_the_files_that_dvc_yaml_names() -> None:
    stages = YAML(typ="safe").load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for stage, names in SHOWN.items():
        listed = [dep.replace("${item.", "{") for dep in stages[stage]["deps"] if dep.startswith("data/")]
        assert listed == [PLACES[name].pattern for name in names], stage


def test_a_digest_is_that_of_the_file_and_a_missing_one_writes_nothing(finished_run: TinyData, tmp_path: Path) -> None:
    run = finished_run.copy(tmp_path)
    result = invoke(digest_artifacts, run.root)
    assert result.exit_code == 1
    assert "stage `evaluate_artifacts` makes it" in result.output
    assert not run.path("artifact_digests").exists()
    for name in ("quality", "part_classes"):
        run.path(name).parent.mkdir(parents=True, exist_ok=True)
        run.path(name).write_text("{}")
    assert invoke(digest_artifacts, run.root).exit_code == 0
    digests = read_json(run.path("artifact_digests"))
    assert len(digests) == len(ARTIFACTS)
    assert digests["data/images/tiny.h5"] == file_digest(run.path("images"))
