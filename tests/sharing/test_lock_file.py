import pytest
from ruamel.yaml import YAML
from tiny_run import PROJECT

from pipeline.sharing.lock_file import merge_locks


def lock(**digests: str) -> str:
    """A lock file of stages with one output each, named as the stage."""
    lines = ["schema: '2.0'", "stages:"]
    for name, digest in digests.items():
        lines += [f"  {name}:", f"    cmd: run {name}", "    outs:"]
        lines += [f"    - path: data/{name}.json", "      hash: md5", f"      md5: '{digest}'"]
    return "\n".join(lines) + "\n"


def digests(text: str) -> dict[str, str]:
    stages = YAML(typ="safe").load(text)["stages"]
    return {name: entry["outs"][0]["md5"] for name, entry in stages.items()}


def test_what_either_side_added_or_ran_is_kept() -> None:
    merged = merge_locks(lock(a="1", b="1"), lock(a="2", b="1", mine="3"), lock(a="1", b="4", other="5"))
    assert digests(merged.text) == {"a": "2", "b": "4", "mine": "3", "other": "5"}
    assert merged.sides == {"a": "ours", "b": "theirs", "mine": "ours", "other": "theirs"}
    assert merged.outputs["data/other.json"] == "theirs"
    assert merged.clashing == []


@pytest.mark.parametrize(("prefer", "expected"), [("ours", "2"), ("theirs", "3")])
def test_where_both_ran_a_stage_the_preferred_side_stands_and_it_is_named(prefer: str, expected: str) -> None:
    merged = merge_locks(lock(a="1"), lock(a="2"), lock(a="3"), prefer)  # type: ignore[arg-type]
    assert digests(merged.text) == {"a": expected}
    assert merged.clashing == ["a"]


def test_what_both_did_alike_is_no_clash_and_what_one_removed_is_gone() -> None:
    merged = merge_locks(lock(a="1", b="1"), lock(a="2", b="1"), lock(a="2"))
    assert digests(merged.text) == {"a": "2"}
    assert merged.sides == {"b": "theirs"}
    assert merged.clashing == []


def test_two_files_without_a_common_one_are_joined() -> None:
    assert digests(merge_locks("", lock(a="1"), lock(b="2")).text) == {"a": "1", "b": "2"}


def test_a_merged_file_is_written_as_dvc_writes_it() -> None:
    text = (PROJECT / "dvc.lock").read_text(encoding="utf-8")
    assert merge_locks(text, text, text).text == text


@pytest.mark.parametrize(("text", "found"), [("<<<<<<< HEAD\na: 1\n", "not YAML"), ("schema: '3.0'\n", "'3.0'")])
def test_a_text_that_is_no_lock_file_is_refused_with_its_side(text: str, found: str) -> None:
    with pytest.raises(ValueError, match=rf"dvc\.lock \(theirs\): .*{found}"):
        merge_locks(lock(), lock(), text)
