"""The doctor on part boxes: whether their numbers mean what they are read as, told from all of them together."""

from dataclasses import replace
from pathlib import Path

from pipeline.datasets.annotations.conventions import CONVENTIONS, misplaced
from pipeline.datasets.annotations.parts import MISPLACED_SHARE, PartsParams, read_annotated
from pipeline.doctor.findings import Finding

FITTING_SHARE = 0.05
"""Share of misplaced boxes up to which another convention is taken for the right one."""


def find_box_faults(root: Path, values: PartsParams | None) -> list[Finding]:
    """Say which convention the boxes of a data set follow if it is not the one they are read by.

    Args:
        root: The data set's folder.
        values: Where the boxes are; None where there are none.
    """
    if values is None:
        return []
    annotated = read_annotated(root, values)
    wrong, total = misplaced(annotated.values())
    if not total:
        advice = "The detector has nothing to learn from them: export the boxes too, or set prepare.parts to null."
        return [Finding("parts", "error", len(annotated), "annotated images, none of which has a box", (), advice)]
    if wrong <= MISPLACED_SHARE * total:
        return []
    read_as = values.boxes or ("voc" if (root / values.file).is_dir() else "xywh")
    shares = {
        convention: misplaced(read_annotated(root, replace(values, boxes=convention)).values())[0] / total
        for convention in CONVENTIONS
    }
    best = min(CONVENTIONS, key=lambda convention: shares[convention])
    example = f"{wrong:,} of {total:,} of {values.file}, read as {read_as}"
    what = "part boxes that leave their image, have no area or are smaller than a pixel"
    if shares[best] <= FITTING_SHARE:
        advice = f"They look like {best}: set prepare.parts.boxes: {best}."
        return [Finding("parts", "error", wrong, what, (example,), advice)]
    advice = "They fit no convention of prepare.parts.boxes: compare them with the images they were drawn on."
    return [Finding("parts", "warning", wrong, what, (example,), advice)]
