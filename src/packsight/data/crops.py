"""The window of each image of a manifest."""

import pandas as pd
from omegaconf import DictConfig

from packsight.domain import CropSource, parse_boxes, parse_upright
from packsight.errors import UserError
from packsight.imaging.window import Window, frame_window, package_window


def crop_windows(table: pd.DataFrame, crop: DictConfig, size: tuple[int, int]) -> list[Window]:
    """For each row of a manifest the part of its frame that is cut out and resized to `size`.

    Raises UserError for an unknown `crop.name`, and if boxes are asked for that some rows lack: a
    box that only one label has would tell the model the answer.
    """
    if crop.name not in list(CropSource):
        raise UserError(f"crop.name={crop.name} is unknown; use one of {', '.join(CropSource)}.")
    column = "crop" if crop.name == "auto" else "package_box"
    if crop.name != "none" and (table[column] == "").any():
        lacking = table["label"][table[column] == ""].value_counts().to_dict()
        counts = " and ".join(f"{count} {label}" for label, count in lacking.items())
        raise UserError(
            f"crop={crop.name} needs a {column} for every image, and {counts} images have none; "
            "use crop=none, or prepare the images again with them."
        )
    windows = []
    for row in table.to_dict("records"):
        frame = row["height"], row["width"]
        if crop.name == "none":
            windows.append(frame_window(frame))
            continue
        turned = crop.name == "auto" and row["perspective"] in crop.upright and row["upright"]
        upright = parse_upright(row["upright"]) if turned else None
        windows.append(package_window(parse_boxes(row[column])[0], upright, frame, crop, size))
    return windows
