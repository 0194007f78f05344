import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from packsight.errors import UserError
from packsight.preparation.scan import Scan, scan
from packsight.preparation.understanding import understand
from packsight.preparation.voc import read_boxes

SIZE = (64, 48)
DAMAGED = "damaged/top/0000000000001_top"
INTACT = "intact/top/0000000000002_top"


def pixels(seed: int = 0, size: tuple[int, int] = SIZE) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def voc(*objects: tuple[str, tuple[object, ...]], size: tuple[int, int] = SIZE) -> bytes:
    boxes = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin>"
        f"<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"
        for name, box in objects
    )
    frame = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
    return f"<annotation>{frame}{boxes}</annotation>".encode()


@pytest.fixture
def look(tmp_path):
    """Scan a source of these files, given by path."""

    def run(files: dict[str, bytes]) -> Scan:
        root = tmp_path / "source"
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        (tmp_path / "work").mkdir()
        return scan(understand(root, Path("photos.zip")), root, tmp_path / "work")

    return run


def reasons(found: Scan) -> dict[str, str]:
    return {item.path: f"{item.reason}: {item.detail}" for item in found.rejected}


@pytest.mark.parametrize(
    ("kind", "given", "suffix"),
    [
        ("PNG", ".png", ".png"),
        ("JPEG", ".jpg", ".jpg"),
        ("JPEG", ".JPEG", ".jpg"),
        ("WEBP", ".webp", ".webp"),
        ("BMP", ".bmp", ".bmp"),
        ("JPEG", ".png", ".jpg"),
    ],
)
def test_clean_rgb_files_are_taken_as_they_are(look, kind, given, suffix):
    content = encoded(pixels(), kind)
    (image,) = look({f"{DAMAGED}{given}": content}).images
    assert image.file.read_bytes() == content
    assert image.suffix == suffix
    assert (image.width, image.height) == SIZE
    assert (image.label, image.perspective, image.serial) == ("damaged", "top", "0000000000001")


def grey16(value: int) -> Image.Image:
    return Image.fromarray(np.full((48, 64), value, np.uint16))


def translucent(alpha: int) -> Image.Image:
    return Image.new("RGBA", SIZE, (200, 100, 50, alpha))


def palette_with_transparency() -> bytes:
    image = Image.new("P", SIZE, 0)
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.paste(1, (0, 0, 64, 24))
    return encoded(image, transparency=0)


@pytest.mark.parametrize(
    ("content", "top", "bottom"),
    [
        (encoded(Image.new("L", SIZE, 77)), (77,) * 3, (77,) * 3),
        (encoded(Image.new("1", SIZE, 1)), (255,) * 3, (255,) * 3),
        (encoded(grey16(65535)), (255,) * 3, (255,) * 3),
        (encoded(grey16(257 * 200)), (200,) * 3, (200,) * 3),
        (encoded(translucent(255)), (200, 100, 50), (200, 100, 50)),
        (encoded(translucent(0)), (0, 0, 0), (0, 0, 0)),
        (palette_with_transparency(), (40, 50, 60), (0, 0, 0)),
    ],
    ids=["grey", "bilevel", "white16", "grey16", "opaque", "transparent", "palette"],
)
def test_other_pixels_become_8_bit_rgb(look, content, top, bottom):
    (image,) = look({f"{DAMAGED}.png": content}).images
    with Image.open(image.file) as converted:
        assert (converted.format, converted.mode) == ("PNG", "RGB")
        assert converted.getpixel((10, 2)) == top
        assert converted.getpixel((10, 45)) == bottom


def test_cmyk_becomes_rgb(look):
    content = encoded(pixels().convert("CMYK"), "JPEG")
    (image,) = look({f"{DAMAGED}.jpg": content}).images
    with Image.open(image.file) as converted:
        assert (converted.format, converted.mode) == ("PNG", "RGB")


def test_16_bit_colour_becomes_8_bit(look):
    colour = np.full((48, 64, 3), (257 * 30, 257 * 20, 257 * 10), np.uint16)
    (image,) = look({f"{DAMAGED}.png": cv2.imencode(".png", colour)[1].tobytes()}).images
    assert image.file.read_bytes()[24] == 8
    with Image.open(image.file) as converted:
        assert converted.getpixel((0, 0)) == (10, 20, 30)


def rotated(kind: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90°
    return encoded(Image.new("RGB", SIZE, (9, 9, 9)), kind, exif=exif)


def test_exif_rotation_is_applied_and_boxes_and_masks_are_not_guessed(look):
    found = look(
        {
            f"{DAMAGED}.jpg": rotated(),
            f"{DAMAGED}.xml": voc(("damage", (1, 2, 3, 4))),
            f"masks/{DAMAGED}.png": encoded(Image.new("L", SIZE, 255)),
        }
    )
    (image,) = found.images
    assert (image.width, image.height) == (48, 64)
    assert image.damage_boxes == []
    assert image.mask is None
    with Image.open(image.file) as converted:
        assert converted.getexif().get(0x0112, 1) == 1
    assert reasons(found) == {
        f"{DAMAGED}.xml": "boxes ignored: the image is rotated by EXIF",
        f"masks/{DAMAGED}.png": "mask ignored: the image is rotated by EXIF",
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"no image at all", "not a readable image"),
        (encoded(pixels())[:2000], "not a readable image"),
        (encoded(pixels(), "JPEG")[:1500], "not a readable image"),
        (encoded(pixels(), "BMP")[:2000], "not a readable image"),
        (encoded(pixels(), "WEBP")[:600], "not a readable image"),
        (encoded(pixels(size=(1, 1))), "1×1 pixels are too few"),
        (encoded(pixels(size=(64, 31))), "64×31 pixels are too few"),
        (encoded(pixels(), "GIF"), "not a readable image"),
        (encoded(Image.new("1", (10_000, 10_000))), "10000×10000 pixels are too many"),
    ],
    ids=["0-byte", "text", "png", "jpeg", "bmp", "webp", "1x1", "small", "gif", "bomb"],
)
def test_what_cannot_be_used_is_rejected_with_its_reason(look, content, reason):
    found = look({f"{DAMAGED}.png": content, f"{INTACT}.png": encoded(pixels())})
    assert [image.path for image in found.images] == [f"{INTACT}.png"]
    assert list(reasons(found)) == [f"{DAMAGED}.png"]
    assert reason in reasons(found)[f"{DAMAGED}.png"]


def test_files_that_do_not_fit_the_layout_are_rejected_and_the_rest_is_found_at_any_depth(look):
    picture = encoded(pixels())
    found = look(
        {
            f"a/b/c/{DAMAGED}.png": picture,
            "damaged/top/0000000000003_side.png": picture,
            "damaged/top/0000000000008_2_top.png": picture,
            "damaged/top/0000000000004.png": picture,
            "damaged/0000000000005_top.png": picture,
            "damaged/top/notes.txt": b"hello",
            "README.md": b"hello",
            "damaged/top/.hidden.png": picture,
            ".git/damaged/top/0000000000006_top.png": picture,
            "__MACOSX/damaged/top/0000000000007_top.png": picture,
        }
    )
    assert [image.serial for image in found.images] == ["0000000000001"]
    assert {path: reason.split(":")[0] for path, reason in reasons(found).items()} == {
        "damaged/top/0000000000003_side.png": "name and folder disagree on the perspective",
        "damaged/top/0000000000008_2_top.png": "name is not <serial>_<perspective>",
        "damaged/top/0000000000004.png": "name is not <serial>_<perspective>",
        "damaged/0000000000005_top.png": "not in a <label>/<perspective>/ folder",
        "damaged/top/notes.txt": "not an image",
        "README.md": "not an image",
    }


@pytest.mark.parametrize(
    ("folder", "part"),
    [
        ("", ""),
        ("training/", "train"),
        ("data/Training/v1/", "train"),
        ("test/", "test"),
        ("interpretabilidade/", "test"),
    ],
)
def test_the_part_of_the_source_follows_from_its_folders(look, folder, part):
    (image,) = look({f"{folder}{DAMAGED}.png": encoded(pixels())}).images
    assert image.part == part


def test_boxes_mean_what_the_label_says(look):
    boxes = voc(("intact", (1, 2, 30, 40)), ("damage", (5, 6, 7, 8)))
    found = look(
        {
            f"{DAMAGED}.png": encoded(pixels(1)),
            f"{DAMAGED}.xml": boxes,
            f"{INTACT}.png": encoded(pixels(2)),
            f"{INTACT}.xml": voc(("damaged", (1, 2, 30, 40))),
        }
    )
    damaged, intact = found.images
    assert damaged.damage_boxes == [(1, 2, 30, 40), (5, 6, 7, 8)]
    assert damaged.package_box == []
    assert intact.package_box == [(1, 2, 30, 40)]
    assert intact.damage_boxes == []
    assert found.rejected == []


def test_an_object_named_package_boxes_the_package_of_either_label(look):
    boxes = voc(("Package", (1, 2, 60, 40)), ("damage", (5, 6, 7, 8)))
    found = look(
        {
            f"{DAMAGED}.png": encoded(pixels(1)),
            f"{DAMAGED}.xml": boxes,
            f"{INTACT}.png": encoded(pixels(2)),
            f"{INTACT}.xml": boxes,
        }
    )
    damaged, intact = found.images
    assert damaged.package_box == intact.package_box == [(1, 2, 60, 40)]
    assert damaged.damage_boxes == [(5, 6, 7, 8)]


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><annotation>&b;</annotation>'


@pytest.mark.parametrize(
    ("content", "kept", "reason"),
    [
        (BOMB, [], "entities"),
        (voc(("damage", (1, 2, 3, 4))).decode().encode("utf-16"), [], "UTF-16"),
        (b"<annotation>", [], "not well-formed"),
        (b"", [], "not well-formed"),
        (voc(("damage", (50, 2, 99, 40))), [(50, 2, 64, 40)], "clipped"),
        (voc(("damage", (70, 2, 99, 40))), [], "holds nothing"),
        (voc(("damage", (9, 2, 3, 40))), [], "holds nothing"),
        (voc(("damage", ("x", 2, 3, 40))), [], "no number of pixels"),
        (voc(("damage", ("inf", 2, 3, 40))), [], "no number of pixels"),
        (
            b"<annotation><object><name>damage</name></object></annotation>",
            [],
            "no number of pixels",
        ),
        (voc(("damage", (1, 2, 3, 4)), size=(640, 480)), [], "made for 640×480 pixels"),
    ],
)
def test_a_bad_annotation_is_noted_and_its_image_kept(look, content, kept, reason):
    found = look({f"{DAMAGED}.png": encoded(pixels()), f"{DAMAGED}.xml": content})
    (image,) = found.images
    assert image.damage_boxes == kept
    assert list(reasons(found)) == [f"{DAMAGED}.xml"]
    assert reason in reasons(found)[f"{DAMAGED}.xml"]


@pytest.mark.parametrize("size", [("64.0", "48.0"), (" 64 ", "48\n"), ("64", ""), ("6.4e1", 48)])
def test_the_annotated_size_may_be_written_in_other_ways(look, size):
    content = voc(("damage", (" 1 ", "2.0", "3\n", "4")), size=size)
    found = look({f"{DAMAGED}.png": encoded(pixels()), f"{DAMAGED}.xml": content})
    assert found.images[0].damage_boxes == [(1, 2, 3, 4)]
    assert found.rejected == []


@pytest.mark.parametrize("count", [200, pytest.param(4000, marks=pytest.mark.mutations)])
def test_damaged_annotations_give_boxes_of_the_image_or_a_reason(tmp_path, mutated, count):
    whole = voc(("package", (1, 2, 60, 40)), ("damage", (5, 6, 7, 8)))
    file = tmp_path / "a.xml"
    for content in mutated(whole, count, 0):
        file.write_bytes(content)
        found = read_boxes(file, "damaged", SIZE)
        for xmin, ymin, xmax, ymax in [*found.package, *found.damage]:
            assert 0 <= xmin < xmax <= 64
            assert 0 <= ymin < ymax <= 48
        boxes = len(found.package) + len(found.damage)
        assert boxes + len(found.problems) >= min(2, content.count(b"<object>")) or found.problems


def test_fractions_of_pixels_and_other_encodings_are_read(look):
    text = voc(("damage", (1.4, 2.6, 30.0, 40))).decode()
    content = f'<?xml version="1.0" encoding="latin-1"?>\n{text}<!-- é -->'.encode("latin-1")
    found = look({f"{DAMAGED}.png": encoded(pixels()), f"{DAMAGED}.XML": content})
    assert found.images[0].damage_boxes == [(1, 3, 30, 40)]


def test_masks_are_made_binary_and_bad_ones_noted(look):
    mask = Image.new("L", SIZE, 0)
    mask.paste(1, (0, 0, 10, 10))
    found = look(
        {
            f"training/{DAMAGED}.png": encoded(pixels(1)),
            f"training/masks/{DAMAGED}.png": encoded(mask),
            f"training/{INTACT}.png": encoded(pixels(2)),
            f"masks/training/{INTACT}.png": encoded(Image.new("L", (32, 32))),
            "masks/intact/top/0000000000009_top.png": encoded(mask),
            "masks/damaged/side/0000000000001_side.png": b"no image",
            "masks/damaged/side/odd.png": encoded(mask),
            "damaged/side/0000000000001_side.png": encoded(pixels(3)),
        }
    )
    side, damaged, intact = found.images
    assert damaged.mask is not None
    with Image.open(damaged.mask) as written:
        assert written.mode == "L"
        assert np.asarray(written).sum() == 100 * 255
    assert side.mask is None
    assert intact.mask is None
    assert {path: reason.split(":")[0] for path, reason in reasons(found).items()} == {
        f"masks/training/{INTACT}.png": "unusable mask",
        "masks/intact/top/0000000000009_top.png": "mask without an image",
        "masks/damaged/side/0000000000001_side.png": "unusable mask",
        "masks/damaged/side/odd.png": "name is not <serial>_<perspective>",
    }


def test_an_annotation_without_an_image_is_noted(look):
    found = look({f"{DAMAGED}.png": encoded(pixels()), f"{INTACT}.xml": voc()})
    assert reasons(found) == {f"{INTACT}.xml": "annotation without an image: "}


def test_a_serial_with_two_labels_loses_all_its_images(look):
    found = look(
        {
            "damaged/top/0000000000001_top.png": encoded(pixels(1)),
            "damaged/side/0000000000001_side.png": encoded(pixels(2)),
            "intact/side/0000000000001_side.png": encoded(pixels(3)),
            f"{INTACT}.png": encoded(pixels(4)),
        }
    )
    assert [image.path for image in found.images] == [f"{INTACT}.png"]
    assert set(reasons(found).values()) == {"serial with two labels: 0000000000001"}
    assert len(found.rejected) == 3


def test_all_images_of_a_package_and_camera_are_kept(look):
    found = look(
        {
            f"a/{DAMAGED}.png": encoded(pixels(1)),
            f"b/{DAMAGED}.png": encoded(pixels(2)),
            f"b/{DAMAGED}_2.png": encoded(pixels(1)),
            f"a/{INTACT}.png": b"broken",
            f"b/{INTACT}.png": encoded(pixels(3)),
        }
    )
    kept = [f"a/{DAMAGED}.png", f"b/{DAMAGED}.png", f"b/{INTACT}.png"]
    assert [image.path for image in found.images] == kept
    assert f"as a/{DAMAGED}.png" in reasons(found)[f"b/{DAMAGED}_2.png"]


def test_identical_content_is_kept_once(look):
    twin = "intact/top/0000000000003_top"
    found = look({f"{INTACT}.png": encoded(pixels()), f"{twin}.png": encoded(pixels())})
    assert [image.path for image in found.images] == [f"{INTACT}.png"]
    assert reasons(found) == {f"{twin}.png": f"identical content: as {INTACT}.png"}


def test_identical_content_under_two_labels_is_kept_nowhere(look):
    other = "intact/top/0000000000003_top"
    found = look(
        {
            f"{DAMAGED}.png": encoded(pixels()),
            f"{INTACT}.png": encoded(pixels()),
            f"{other}.png": encoded(pixels(1)),
        }
    )
    assert [image.path for image in found.images] == [f"{other}.png"]
    assert reasons(found) == {
        f"{DAMAGED}.png": f"identical content: as {INTACT}.png, which has another label",
        f"{INTACT}.png": f"identical content: as {DAMAGED}.png, which has another label",
    }


def test_identity_is_that_of_the_prepared_image(look):
    grey = Image.new("L", SIZE, 5)
    found = look(
        {
            "intact/top/0000000000001_top.png": encoded(grey),
            "intact/top/0000000000002_top.bmp": encoded(grey, "BMP"),
        }
    )
    assert len(found.images) == 1


def test_links_in_a_source_are_followed_and_broken_ones_rejected(look, tmp_path):
    store = tmp_path / "store"
    (store / "top").mkdir(parents=True)
    (store / "top" / "0000000000001_top.png").write_bytes(encoded(pixels(1)))
    (tmp_path / "source" / "damaged").mkdir(parents=True)
    (tmp_path / "source" / "damaged" / "top").symlink_to(store / "top")
    (tmp_path / "source" / "damaged" / "back").symlink_to(tmp_path / "source")
    (tmp_path / "source" / "lost").symlink_to(tmp_path / "absent")
    found = look({f"{INTACT}.png": encoded(pixels(2))})
    assert [image.path for image in found.images] == [f"{DAMAGED}.png", f"{INTACT}.png"]
    assert reasons(found) == {
        "damaged/back": "link to a folder that it lies in: ",
        "lost": "broken link: ",
    }


def test_what_vanishes_or_may_not_be_opened_is_rejected_with_its_reason(look, monkeypatch):
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.suffix == ".jpg":
            raise PermissionError(13, "Permission denied")
        if path.name.startswith("0000000000003") or path.suffix == ".xml" or "masks" in path.parts:
            raise FileNotFoundError(2, "No such file or directory")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    found = look(
        {
            f"{DAMAGED}.png": encoded(pixels(1)),
            f"{DAMAGED}.xml": voc(("damage", (1, 2, 3, 4))),
            f"masks/{DAMAGED}.png": encoded(Image.new("L", SIZE)),
            f"{INTACT}.jpg": encoded(pixels(2)),
            "intact/top/0000000000003_top.png": encoded(pixels(3)),
        }
    )
    assert [image.path for image in found.images] == [f"{DAMAGED}.png"]
    assert reasons(found) == {
        f"{DAMAGED}.xml": "annotation: it cannot be opened (No such file or directory)",
        f"masks/{DAMAGED}.png": "unusable mask: the file cannot be opened (No such file or "
        "directory)",
        f"{INTACT}.jpg": "unusable image: the file cannot be opened (Permission denied)",
        "intact/top/0000000000003_top.png": "unusable image: the file cannot be opened (No such "
        "file or directory)",
    }


def test_a_source_of_broken_links_is_refused_with_what_they_are(look, tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "top").symlink_to(tmp_path / "absent")
    with pytest.raises(UserError, match=r"found: no files; 1 × broken link\.$"):
        look({})


def test_a_source_without_the_layout_is_refused_with_what_was_found(look):
    with pytest.raises(UserError) as caught:
        look({"cats/1.jpg": b"1", "cats/2.jpg": b"2", "dogs/3.png": b"3", "list": b"4"})
    message = str(caught.value)
    assert "photos.zip" in message
    assert "<label>/<perspective>/<serial>_<perspective>" in message
    assert "2 × .jpg, 1 × .png, 1 × no suffix" in message
    assert "cats/1.jpg, cats/2.jpg, dogs/3.png;" in message
    assert "layout.labels.damaged=[…]" in message


def test_a_source_of_broken_images_is_refused_with_the_reasons(look):
    with pytest.raises(UserError, match=r"photos\.zip.*2 × unusable image"):
        look({f"{DAMAGED}.png": b"", f"{INTACT}.png": b""})
