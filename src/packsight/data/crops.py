"""The window of each image of a manifest."""

import pandas as pd

from packsight.domain import CropSource, parse_boxes, parse_upright
from packsight.errors import UserError
from packsight.imaging.crop import Crop
from packsight.imaging.window import Window


def crop_windows(table: pd.DataFrame, crop: Crop, size: tuple[int, int]) -> list[Window]:
    """For each row of a manifest the part of its frame that is cut out and resized to `size`.

    Raises UserError for an unknown `crop.name`, and if boxes are asked for that some rows lack: a
    box that only one label has would tell the model the answer.
    """
    if crop.name not in list(CropSource):
        raise UserError(f"crop.name={crop.name} is unknown; use one of {', '.join(CropSource)}.")
    column = "package_box" if crop.name == CropSource.BOXES else "crop"
    if crop.name != CropSource.NONE and (table[column] == "").any():
        lacking = table["label"][table[column] == ""].value_counts().to_dict()
        counts = " and ".join(f"{count} {label}" for label, count in lacking.items())
        raise UserError(
            f"crop={crop.name} needs a {column} for every image, and {counts} images have none; "
            "use crop=none, or prepare the images again with them."
        )
    windows = []
    for row in table.to_dict("records"):
        box = next(iter(parse_boxes(row[column])), None)
        outline = parse_upright(row["upright"]) if row["upright"] else None
        frame = row["height"], row["width"]
        windows.append(crop.window(frame, row["perspective"], box, outline, size))
    return windows
