import numpy as np
from PIL import Image

from packsight.deployment.new_images import name_images
from packsight.deployment.repeated_images import mark_repeated
from packsight.preparation.layout import Rejected

A, B = "0000000000017", "0000000000024"


def picture(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 40, 3), np.uint8))


def marked(root, images, unread=()):
    """{path: shot, or the error}"""
    for name, content in images.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            (root / name).write_bytes(content)
        else:
            picture(content).save(root / name)
    table = name_images(root, [root / name for name in images], None, unread)
    mark_repeated(root, table)
    told = table["error"].where(table["error"] != "", table["shot"])
    return dict(zip(table["path"], told, strict=True))


def test_all_images_count_in_their_order_but_the_same_picture_once(tmp_path):
    images = {f"day1/{A}_top.png": 0, f"day2/{A}_TOP.png": 1, f"day3/{A}_top.png": 0,
              f"{A}_top_10.png": 2, f"{A}_top_9.png": 3,
              f"day1/{A}_side.png": 0, f"day1/{B}_top.png": 0}  # fmt: skip
    assert marked(tmp_path, images) == {
        f"day1/{A}_top.png": 0,
        f"day2/{A}_TOP.png": 1,
        f"day3/{A}_top.png": f"duplicate of day1/{A}_top.png",
        f"{A}_top_9.png": 2,
        f"{A}_top_10.png": 3,
        f"day1/{A}_side.png": 0,
        f"day1/{B}_top.png": 0,
    }


def test_a_broken_one_gives_way_as_in_prepare(tmp_path):
    images = {f"a/{A}_top.png": b"broken", f"b/{A}_top.png": 1, f"c/{A}_top.png": 2}
    found = marked(tmp_path, images)
    assert (found[f"b/{A}_top.png"], found[f"c/{A}_top.png"]) == (0, 1)
    assert found[f"a/{A}_top.png"] == 0  # its own error comes when it is scored


def test_images_of_no_known_package_or_camera_and_unread_ones_are_left_alone(tmp_path):
    images = {"one.png": 0, "two.png": 0, "x_side.png": 0, "y_side.png": 0}
    unread = [Rejected(f"{A}_top.png", "broken link"), Rejected(f"z/{A}_top.png", "broken link")]
    found = marked(tmp_path, images, unread)
    assert set(found.values()) == {0, "broken link"}
    assert [path for path, error in found.items() if error] == [item.path for item in unread]
