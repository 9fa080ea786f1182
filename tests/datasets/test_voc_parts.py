from pathlib import Path

import pytest

from pipeline.datasets.annotations.voc import read_voc

WHEEL = (
    "<object><name>wheel</name><bndbox><xmin>1</xmin><ymin>11</ymin><xmax>100</xmax><ymax>20</ymax></bndbox></object>"
)
SIZE = "<size><width>100</width><height>80</height><depth>3</depth></size>"


def write(folder: Path, *parts: str, file: str = "a.xml", name: str = "a.jpg") -> None:
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    content = f"<folder>elsewhere</folder><filename>{name}</filename>{''.join(parts)}"
    (folder / file).write_text(f"<annotation>{content}</annotation>")


def test_corners_count_from_one_and_lie_inside_the_box(tmp_path: Path) -> None:
    lamp = WHEEL.replace("wheel", "lamp").replace(">100<", ">1.0<")
    write(tmp_path, SIZE, WHEEL, lamp)
    image = read_voc(tmp_path, "images")["images/a.jpg"]
    assert image.size == (80, 100)
    assert image.boxes.tolist() == [[0, 10, 100, 20], [0, 10, 1, 20]]
    assert image.categories == ["wheel", "lamp"]


def test_an_image_without_objects_is_annotated_and_subfolders_are_read(tmp_path: Path) -> None:
    write(tmp_path, SIZE, WHEEL)
    write(tmp_path, SIZE, file="more/b.xml", name="sub/b.jpg")
    found = read_voc(tmp_path, None)
    assert list(found) == ["a.jpg", "sub/b.jpg"]
    assert found["sub/b.jpg"].boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((WHEEL,), r"a\.xml: annotation lacks the element size/height"),
        ((SIZE.replace("100", "0"),), r"a\.xml: expected the image's size in pixels, got 0 x 80"),
        ((SIZE, WHEEL.replace("<name>wheel</name>", "")), r"a\.xml: object lacks the element name"),
        ((SIZE, WHEEL.replace(">1<", "><")), r"a\.xml: object lacks the element bndbox/xmin"),
        ((SIZE, WHEEL.replace(">1<", ">x<")), r"a\.xml: expected a number in bndbox/xmin of object, got 'x'"),
        ((SIZE, WHEEL.replace(">1<", ">inf<")), r"a\.xml: expected a number in bndbox/xmin of object, got 'inf'"),
        (("<object>",), r"a\.xml: not an XML file"),
    ],
)
def test_an_ill_formed_file_is_refused_by_name_and_element(
    tmp_path: Path, parts: tuple[str, ...], message: str
) -> None:
    write(tmp_path, *parts)
    with pytest.raises(ValueError, match=message):
        read_voc(tmp_path, ".")


def test_two_files_of_one_image_are_refused(tmp_path: Path) -> None:
    write(tmp_path, SIZE)
    write(tmp_path, SIZE, file="b.xml")
    with pytest.raises(ValueError, match=r"b\.xml: annotates a\.jpg, which .*a\.xml annotates too"):
        read_voc(tmp_path, ".")


def test_a_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no XML files of part boxes"):
        read_voc(tmp_path, ".")
