"""Both images of a package as one row of a table."""

import pandas as pd

from packsight.domain import Perspective

PAIR = "pair"
JOIN = ";"  # between the images of a package; nothing stands where one is missing


def pair_images(table: pd.DataFrame) -> pd.DataFrame:
    """One row per package: `path`, `sha256` and `located` are top's and side's, joined by ";".

    `cameras` tells which there are: top+side, top or side.
    """
    packages = table.drop_duplicates("serial").set_index("serial")[["label", "split"]]
    for column in ("path", "sha256", "located"):
        images = table.pivot(index="serial", columns="perspective", values=column)
        images = images.reindex(columns=list(Perspective)).fillna("")
        packages[column] = images[Perspective.TOP].str.cat(images[Perspective.SIDE], sep=JOIN)
    packages["cameras"] = [
        "+".join(camera for camera, part in zip(Perspective, path.split(JOIN), strict=True) if part)
        for path in packages["path"]
    ]
    return packages.assign(perspective=PAIR).reset_index()
