"""Pictures inside the page: figures in its language, and smaller copies of what lies in folders."""

import base64
from io import BytesIO
from pathlib import Path

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import Formatter
from PIL import Image

from packsight.errors import UserError
from packsight.reporting.wording import Words
from packsight.system.tables import read_table

SHEET_WIDTH = 1400  # pixels of a contact sheet in the page
SHEET_QUALITY = 78  # of its JPEG, 0..100


class _Translated(Formatter):
    """An axis's own formatter, in another language."""

    def __init__(self, inner: Formatter, say: Words) -> None:
        self.inner, self.say = inner, say

    def set_axis(self, axis: Axis) -> None:  # type: ignore[override]
        super().set_axis(axis)
        self.inner.set_axis(axis)

    def set_locs(self, locs: list[float]) -> None:
        self.inner.set_locs(locs)

    def __call__(self, x: float, pos: int | None = None) -> str:
        return self.say.translated(self.inner(x, pos))


def translated(figure: Figure, say: Words) -> Figure:
    """A figure whose texts, which earlier rooms wrote in English, are in another language."""
    if say.language == "en":
        return figure
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            formatter = axis.get_major_formatter()
            if not isinstance(formatter, _Translated):  # panels may share an axis
                axis.set_major_formatter(_Translated(formatter, say))
    for written in figure.findobj(Text):
        assert isinstance(written, Text)
        lines = written.get_text().split("\n")
        written.set_text("\n".join(map(say.translated, lines)))
    return figure


def svg(figure: Figure, say: Words) -> str:
    """A data URI; as the source of an <img>, an SVG can neither run scripts nor load anything."""
    buffer = BytesIO()
    translated(figure, say).savefig(buffer, format="svg", metadata={"Date": None})
    return _uri("image/svg+xml", buffer.getvalue())


def jpeg(file: Path) -> str | None:
    """A picture as a smaller JPEG's data URI; None where it is missing or unreadable."""
    try:
        with Image.open(file) as image:
            return shrunk(image.convert("RGB"), SHEET_WIDTH)
    except OSError:
        return None


def shrunk(picture: Image.Image, width: int) -> str:
    """A picture at most that wide, as a JPEG's data URI."""
    buffer = BytesIO()
    picture.thumbnail((width, picture.height))
    picture.save(buffer, "JPEG", quality=SHEET_QUALITY, optimize=True)
    return _uri("image/jpeg", buffer.getvalue())


def panels(folder: Path) -> list[str]:
    """The first panel of each outcome in a folder of explanations."""
    if not (folder / "attributions.csv").is_file():
        return []
    try:
        table = read_table(
            folder / "attributions.csv", ["serial", "perspective", "outcome"], str, 0,
            keep_default_na=False,
        )  # fmt: skip
    except UserError:  # told where the maps are compared
        return []
    names = table["serial"] + "_" + table["perspective"]
    drawn = table[[(folder / "panels" / f"{name}.png").is_file() for name in names]]
    first = names[drawn.drop_duplicates("outcome").index]
    return [*filter(None, (jpeg(folder / "panels" / f"{name}.png") for name in first))]


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
