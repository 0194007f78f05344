"""Why an image cannot be used is told in the page's language, so far as packsight says it."""

import ast
from pathlib import Path

import cv2
import numpy as np
import pytest

from packsight.imaging import decode
from packsight.imaging.decode import UnusableImageError, read_rgb
from packsight.page.reasons import reason
from packsight.page.words import words

RNG = np.random.default_rng(0)
PNG = cv2.imencode(".png", RNG.integers(0, 255, (64, 64, 3), np.uint8))[1].tobytes()
JPEG = cv2.imencode(".jpg", RNG.integers(0, 255, (64, 64, 3), np.uint8))[1].tobytes()
SMALL = cv2.imencode(".png", np.zeros((4, 9, 3), np.uint8))[1].tobytes()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "o arquivo está vazio"),
        (None, "o arquivo não pode ser aberto (ele não existe mais)"),
        (PNG[:-500], "não é uma imagem legível (o arquivo está cortado)"),
        (JPEG[:-500], "não é uma imagem legível (o arquivo está cortado)"),
        (PNG[:200] + b"\0\0" + PNG[202:], "não é uma imagem legível (as somas de verificação"),
        (SMALL, "9×4 pixels são poucos (pelo menos "),
        (b"text", "não é uma imagem legível (cannot identify image file)"),
    ],
)
def test_what_is_wrong_with_an_image_is_told_in_portuguese(tmp_path, content, told):
    file = tmp_path / "1_top.png"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UnusableImageError) as raised:
        read_rgb(file)
    assert reason(str(raised.value), words("pt")).startswith(told)
    english = reason(str(raised.value), words("en"))
    assert english.split(" (")[0] == str(raised.value).split(" (")[0]


def test_nothing_that_decoding_says_is_left_in_english():
    """Messages that a new check brings need their words."""
    tree = ast.parse(Path(decode.__file__).read_text("utf-8"))
    masks = {"the mask has 7×7 pixels, its image 7×7", "it is not the image that was prepared",
             "not a readable mask (7)"}  # fmt: skip
    told = set()
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "UnusableImageError":
            [text] = call.args
            parts = text.values if isinstance(text, ast.JoinedStr) else [text]
            told.add("".join(p.value if isinstance(p, ast.Constant) else "7" for p in parts))
    assert len(told - masks) > 7
    assert [text for text in told - masks if reason(text, words("pt")) == text] == []


def test_what_others_say_stays_as_it_is():
    pt = words("pt")
    assert reason("a camera's own words", pt) == "a camera's own words"
    assert reason("the model failed (out of memory)", pt) == "o modelo falhou (out of memory)"
    full = "nothing can be recorded (database or disk is full)"
    assert reason(full, pt).startswith("nada pode ser registrado (o disco está cheio)")
