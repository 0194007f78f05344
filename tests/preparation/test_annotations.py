"""Boxes and polygons of several tools, from their files to the manifest."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from packsight.imaging import belt_fit
from packsight.preparation.layout_table import TableLayout
from packsight.preparation.manifest import read_manifest
from packsight.preparation.prepare import prepare
from packsight.preparation.scan import Scan, scan
from packsight.preparation.splits import SplitSettings
from packsight.preparation.understanding import understand

FEW = SplitSettings({"train": 0.6, "val": 0.2, "test": 0.2}, folds=2)
SIZE = (100, 50)
DAMAGED, INTACT, PACKAGE = "damaged/top/1_top", "intact/top/2_top", "damaged/side/1_side"
# Of every tool: a box of damage, a polygon around an intact package, a package and a damage in it.
KNOWN = {
    DAMAGED: ("", "10 5 30 20"),
    INTACT: ("20 10 60 40", ""),
    PACKAGE: ("0 0 50 50", "10 10 20 20"),
}


def voc() -> dict[str, str]:
    def boxed(*objects: tuple[str, str]) -> str:
        keys = ("xmin", "ymin", "xmax", "ymax")
        parts = "".join(
            f"<object><name>{name}</name><bndbox>"
            + "".join(f"<{k}>{v}</{k}>" for k, v in zip(keys, box.split(), strict=True))
            + "</bndbox></object>"
            for name, box in objects
        )
        return f"<annotation>{parts}</annotation>"

    return {
        f"{DAMAGED}.xml": boxed(("dent", "10 5 30 20")),
        f"{INTACT}.xml": boxed(("intact", "20 10 60 40")),
        f"{PACKAGE}.xml": boxed(("package", "0 0 50 50"), ("dent", "10 10 20 20")),
    }


def yolo(folder: str = "", names: str = "classes.txt") -> dict[str, str]:
    told = "dent\nPackage\n" if names == "classes.txt" else "names:\n  0: dent\n  1: Package\n"
    return {
        f"{folder}{DAMAGED}.txt": "0 0.2 0.25 0.2 0.3\n",
        f"{folder}{INTACT}.txt": "0 0.2 0.2 0.6 0.2 0.6 0.8 0.3 0.8\n",
        f"{folder}{PACKAGE}.txt": "1 0.25 0.5 0.5 1 0.9\n\n0 0.15 0.3 0.1 0.2\n",
        f"{folder}{names}": told,
    }


def coco() -> dict[str, str]:
    size = {"width": SIZE[0], "height": SIZE[1]}
    return {
        "export/instances.json": json.dumps(
            {
                "images": [
                    {"id": 1, "file_name": f"{DAMAGED}.png", **size},
                    {"id": 2, "file_name": "2_top.png", **size},
                    {"id": 3, "file_name": f"/data/{PACKAGE}.png", **size},
                    {"id": 4, "file_name": "elsewhere.png"},
                ],
                "categories": [{"id": 7, "name": "dent"}, {"id": 8, "name": "package"}],
                "annotations": [
                    {"image_id": 1, "category_id": 7, "bbox": [10, 5, 20, 15]},
                    {"image_id": 2, "category_id": 7, "bbox": [],
                     "segmentation": [[20, 10, 60, 10, 60, 40]]},
                    {"image_id": 3, "category_id": 8, "bbox": [0, 0, 50.2, 50]},
                    {"image_id": 3, "category_id": 7, "bbox": [10, 10, 10, 10]},
                ],
            }
        )
    }  # fmt: skip


def label_studio() -> dict[str, str]:
    def task(image: str, *values: dict) -> dict:
        result = [
            {"type": kind, "original_width": 100, "original_height": 50, "value": value}
            for value in values
            for kind in value
            if kind.endswith("labels")
        ]
        return {"data": {"image": image}, "annotations": [{"result": result}]}

    def box(name: str, *numbers: float) -> dict:
        keys = ("x", "y", "width", "height")
        return {**dict(zip(keys, numbers, strict=True)), "rectanglelabels": [name]}

    points = [[20, 20], [60, 20], [60, 80]]
    return {
        "project.json": json.dumps(
            [
                task("/data/upload/3/0a1b2c3d-1_top.png", box("dent", 10, 10, 20, 30)),
                task(f"{INTACT}.png?d=7", {"points": points, "polygonlabels": ["whole"]}),
                task("1_side.png", box("Package", 0, 0, 50, 100), box("dent", 10, 20, 10, 20)),
            ]
        )
    }


KINDS = {
    "voc": voc(),
    "yolo": yolo(),
    "yolo with data.yaml": yolo(names="data.yaml"),
    "yolo apart": yolo("labels/"),
    "coco": coco(),
    "label studio": label_studio(),
}


def write_images(root: Path, folder: str = "") -> None:
    for number, path in enumerate(KNOWN):
        file = root / folder / f"{path}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(number)
        Image.fromarray(rng.integers(0, 256, (*SIZE[::-1], 3), dtype=np.uint8)).save(file)


def look(root: Path, files: dict[str, str | bytes]) -> Scan:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        raw = content if isinstance(content, bytes) else content.encode()
        (root / name).write_bytes(raw)
    return scan(understand(root, root), root, root.parent / "work")


def boxes(found: Scan) -> dict[str, tuple[str, str]]:
    def text(some) -> str:
        return ";".join(" ".join(map(str, box)) for box in some)

    return {
        image.path.removeprefix("images/").removesuffix(".png"): (
            text(image.package_box),
            text(image.damage_boxes),
        )
        for image in found.images
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_tool_draws_the_same_boxes(tmp_path, kind):
    write_images(tmp_path / "in", "images" if kind == "yolo apart" else "")
    found = look(tmp_path / "in", KINDS[kind])
    assert boxes(found) == KNOWN
    reasons = {item.reason for item in found.rejected}
    assert reasons <= {"annotation without an image", "not an image"}  # coco's; class names


def test_boxes_of_a_table_mean_what_the_label_says(tmp_path):
    write_images(tmp_path)
    (tmp_path / "t.csv").write_text(
        f"path,serial,camera,label,box\n{DAMAGED}.png,1,top,nok,10 5 30 20\n"
        f"{INTACT}.png,2,top,ok,20 10 60 40\n"
    )
    found = scan(understand(tmp_path, tmp_path, layout=TableLayout()), tmp_path, tmp_path / "w")
    assert boxes(found) == {path: KNOWN[path] for path in (DAMAGED, INTACT)}


def test_what_cannot_be_used_is_told_and_the_rest_is_used(tmp_path):
    write_images(tmp_path / "in")
    files = yolo() | {
        f"{DAMAGED}.txt": "0 0.2 0.25 0.2 0.3\n0 1 2\nhello\n0 nan 0 0 0\n0 5 5 .1 .1\n",
        "other.json": '{"a": 1}',
        "broken.json": '[{"data"',
    }
    found = look(tmp_path / "in", files)
    assert boxes(found) == KNOWN
    told = [item.detail for item in found.rejected if item.path == f"{DAMAGED}.txt"]
    assert told == [
        "line 2 is left out: 2 numbers are no box and no polygon",
        "line 3 is left out: 'hello' is no number",
        "line 4 is left out: 'nan' is no number",
        "the box (495, 248, 505, 252) holds nothing of the image",
    ]
    unread = [item.path for item in found.rejected if item.reason == "not an image"]
    assert unread == ["broken.json", "classes.txt", "other.json"]


def test_names_that_refer_to_each_other_are_not_followed(tmp_path):
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))]
    write_images(tmp_path / "in")
    found = look(tmp_path / "in", yolo(names="data.yaml") | {
        "data.yaml": "\n".join([*lines, "names: [*a59, *a59]"])
    })  # fmt: skip
    assert boxes(found)[DAMAGED] == KNOWN[DAMAGED]


def test_the_first_of_two_annotations_counts(tmp_path):
    write_images(tmp_path / "in")
    found = look(tmp_path / "in", voc() | {f"{DAMAGED}.txt": "0 0.5 0.5 1 1\n"})
    assert boxes(found) == KNOWN
    [again] = [item for item in found.rejected if item.path.endswith(".txt")]
    assert again.reason == "second annotation of one image"


def test_an_annotation_of_another_size_is_refused(tmp_path):
    write_images(tmp_path / "in")
    other = {name: text.replace("100", "200") for name, text in coco().items()}
    found = look(tmp_path / "in", other)
    assert {*boxes(found).values()} == {("", "")}
    assert any(item.detail == "made for 200×50 pixels, not 100×50" for item in found.rejected)


def test_boxes_reach_the_manifest_and_damage_never_crops(tmp_path, monkeypatch):
    monkeypatch.setattr(belt_fit, "FEWEST", 1000)
    for number in range(10):
        word = ("nok", "ok")[number % 2]
        file = tmp_path / "in" / word / "top" / f"p{number}_top.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(number)
        Image.fromarray(rng.integers(0, 256, (*SIZE[::-1], 3), dtype=np.uint8)).save(file)
        file.with_suffix(".txt").write_text("0 0.2 0.25 0.2 0.3\n")
    table = read_manifest(prepare(tmp_path / "in", tmp_path / "out", FEW)).set_index("label")
    assert {*table.loc["damaged", "damage_boxes"]} == {"10 5 30 20"}
    assert {*table.loc["damaged", "package_box"]} == {""}
    assert {*table.loc["intact", "package_box"]} == {"10 5 30 20"}
    assert {*table["crop"]} == {"0 0 100 50"}


@pytest.mark.parametrize("kind", ["yolo", "coco", "label studio"])
@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.mutations)])
def test_damaged_annotations_give_boxes_of_the_image_or_a_reason(tmp_path, mutated, kind, count):
    write_images(tmp_path / "in")
    files = KINDS[kind]
    name = next(iter(files))
    for content in mutated(files[name].encode(), count, 7):
        found = look(tmp_path / "in", files | {name: content})
        assert len(found.images) == 3
        for image in found.images:
            for xmin, ymin, xmax, ymax in image.package_box + image.damage_boxes:
                assert 0 <= xmin < xmax <= SIZE[0]
                assert 0 <= ymin < ymax <= SIZE[1]
