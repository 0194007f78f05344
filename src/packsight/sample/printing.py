"""The sample's print: one neutral design for all packages, and each one's own serial."""

from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from packsight.sample.package import FACES, PRINT_HEIGHT, ROWS, TEXELS, Array

Colour = tuple[int, int, int]  # RGB

BOARD = (243, 244, 246)
INK = (44, 48, 58)
ACCENT = (18, 104, 190)
TINT = (140, 190, 232)
STRIPE = 33.0  # millimetres from the front
NOTES = (
    "Film-coated tablets for oral use",
    "Keep dry and below 25 °C",
    "Keep out of the reach of children",
    "Read the leaflet before use",
)


@lru_cache(maxsize=1)
def _design() -> Image.Image:
    """The print of all faces, one below the other, without what differs from item to item."""
    sheet = Image.new("RGB", (FACES["top"].size[0], PRINT_HEIGHT), BOARD)
    faces = {name: _FaceArtist(sheet, name) for name in FACES}
    top, left, right = (faces[name] for name in ("top", "left", "right"))
    top.stripe(mirrored=False, wave=5.0)
    top.text(5, 5, "Tablets", 15)
    top.text(60, 11.5, "200 mg", 8, ACCENT)
    for line, note in enumerate(NOTES[:3]):
        top.text(5.5, 25 + 4.6 * line, note, 3.4, (110, 114, 124))
    top.text(5, 57, "30 TABLETS", 6)
    top.box(48, 55, 62, 64, ACCENT)
    top.text(50.2, 56, "Rx", 6, BOARD)
    for face, mirrored in ((left, False), (right, True)):
        face.stripe(mirrored, wave=0.0)
        start = 40 if mirrored else 7
        face.barcode(start, 7, 30, 24)
        face.text(start, 33, "0 30 200 045 71", 4)
        for line, note in enumerate(NOTES):
            face.text(start + 35, 8 + 5.2 * line, note, 3.2)
        face.text(start + 35, 34, "FRAGILE", 7, ACCENT)
    faces["front"].seal()
    faces["back"].text(8, 12, "Tablets 200 mg", 6.5)
    faces["back"].text(8, 24, "30 TABLETS", 5)
    faces["back"].seal()
    return sheet


class _FaceArtist:
    """Draws on one face of the sheet, in millimetres from the face's upper left corner."""

    def __init__(self, sheet: Image.Image, name: str) -> None:
        self.draw = ImageDraw.Draw(sheet)
        self.row = ROWS[name]
        self.width, self.height = (size / TEXELS for size in FACES[name].size)

    def at(self, x: float, y: float) -> tuple[float, float]:
        return x * TEXELS, y * TEXELS + self.row

    def box(self, left: float, upper: float, right: float, lower: float, colour: Colour) -> None:
        low_x, low_y = self.at(left, upper)
        high_x, high_y = self.at(right, lower)
        self.draw.rectangle((low_x, low_y, high_x - 1, high_y - 1), colour)

    def text(self, x: float, y: float, text: str, size: float, colour: Colour = INK) -> None:
        font = ImageFont.load_default(size * TEXELS)
        bold = round(size * TEXELS / 40)
        self.draw.text(self.at(x, y), text, colour, font, stroke_width=bold, stroke_fill=colour)

    def stripe(self, mirrored: bool, wave: float) -> None:
        """A band of colour at the carton's front, with a lighter border."""
        along = np.linspace(0, self.height, 60)
        for inset, colour in ((-4.0, TINT), (0.0, ACCENT)):
            border = self.width - STRIPE + inset + wave * np.sin(along / self.height * 5)
            outline = [*zip(border, along, strict=True), (self.width, self.height), (self.width, 0)]
            if mirrored:
                outline = [(self.width - x, y) for x, y in outline]
            self.draw.polygon([self.at(x, y) for x, y in outline], colour)

    def barcode(self, x: float, y: float, width: float, height: float) -> None:
        bars = np.random.default_rng(13).integers(1, 4, 34) * width / 68
        ends = np.cumsum(bars)
        for start, end in zip(ends[::2], ends[1::2], strict=True):
            self.box(x + start, y, x + end, y + height, INK)

    def seal(self) -> None:
        self.box(self.width / 2 - 9, 0, self.width / 2 + 9, 7, (216, 220, 226))


def artwork(serial: str, lot: str, expiry: str, shift: tuple[float, float]) -> Array:
    """The print [h, w, 3] (BGR) of one package; `shift` is its misregistration in millimetres."""
    sheet = _design().copy()
    front = _FaceArtist(sheet, "front")
    for line, (name, value) in enumerate((("SN:", serial), ("LOT:", lot), ("EXP:", expiry))):
        front.text(14, 18 + 6.5 * line, name, 4.6)
        front.text(29, 18 + 6.5 * line, value, 4.6)
    moved = np.roll(np.asarray(sheet), [round(s * TEXELS) for s in shift[::-1]], axis=(0, 1))
    return cv2.cvtColor(moved, cv2.COLOR_RGB2BGR)
