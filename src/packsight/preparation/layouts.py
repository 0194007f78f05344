"""The layouts by name."""

from collections.abc import Mapping
from typing import Any

from packsight.preparation.layout_imagefolder import ImageFolderLayout
from packsight.preparation.layout_pattern import PatternLayout
from packsight.preparation.layout_standard import StandardLayout
from packsight.preparation.layout_table import TableLayout
from packsight.preparation.reading import Layout

LAYOUTS: dict[str, type[Layout]] = {
    layout.kind: layout
    for layout in (StandardLayout, PatternLayout, TableLayout, ImageFolderLayout)
}


def layout_of(settings: Mapping[str, Any]) -> Layout:
    """The layout that settings say: its `kind`, and arguments of that."""
    arguments = {key: value for key, value in settings.items() if key != "kind"}
    return LAYOUTS[settings["kind"]](**arguments)
