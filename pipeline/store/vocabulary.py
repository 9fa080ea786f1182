"""The vocabulary of the two papers: 16 part classes, 3 views, 5 viewpoints."""

from typing import Annotated

from pydantic import AfterValidator, Field

PART_CLASSES: tuple[str, ...] = (
    "annual_service_signs",
    "back_mirror",
    "car_light",
    "carrier",
    "car_topwindow",
    "entry_license",
    "hanging",
    "lay_ornament",
    "light_cover",
    "logo",
    "newer_sign",
    "tissue_box",
    "plate",
    "safe_belt",
    "wheel",
    "windshield_glass",
)
"""The 16 part classes of PGAN table 4, in the table's order; a class label is its index here."""


def _known(name: str) -> str:
    if name not in PART_CLASSES:
        raise ValueError(f"expected one of {', '.join(PART_CLASSES)}, got {name!r}")
    return name


PartClass = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(PART_CLASSES)})]
"""One of `PART_CLASSES`, as a parameter."""

VIEWS: tuple[str, ...] = ("front", "rear", "side")
"""Order of every per-view array: masks, area ratios, part features (SPAN §3.1)."""

BLOCKS: tuple[str, ...] = ("whole", *VIEWS, *PART_CLASSES)
"""What the blocks of a test feature are of, in this order: a model that compares views apart has the first four, one
that compares parts apart too all of them."""

VIEWPOINTS: dict[str, tuple[int, int, int]] = {
    "front": (1, 0, 0),
    "rear": (0, 1, 0),
    "side": (0, 0, 1),
    "front-side": (1, 0, 1),
    "rear-side": (0, 1, 1),
}
"""Image-level viewpoint -> which of `VIEWS` it shows; codes 0 to 4 of SPAN's table follow this order."""

SPLITS: tuple[str, ...] = ("train", "query", "gallery", "test", "extra", "withheld")
"""`test` images become query or gallery by a protocol's draw. `extra` holds images without a known identity: masks and
parts may be trained on them, re-ID never. `withheld` holds images of a test set whose identities are not published:
nothing is trained on them."""

WITHOUT_IDENTITY: tuple[str, ...] = ("extra", "withheld")
"""Splits whose images may lack an identity."""

ROLES: tuple[str, ...] = ("query", "gallery", "both", "drawn")
"""What an image is in a test set; ``both`` is listed as query and as gallery, ``drawn`` is left to the protocol."""

TEST_SET = "test"
"""Name of the one test set of a table that names none."""
OTHER_SURFACE = len(VIEWS) + 1
"""Label of vehicle surface that belongs to no single view; 0 is background or unlabelled, 1 to 3 are `VIEWS`."""
