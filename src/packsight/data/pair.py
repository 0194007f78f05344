"""Both images of a package as one row of a table."""

import pandas as pd

from packsight.data.manifest import Perspective

PAIR = "pair"
JOIN = ";"  # between the images of a package; nothing stands where one is missing


def pair_images(table: pd.DataFrame) -> pd.DataFrame:
    """One row per package: `path` and `sha256` are those of top and side, joined by ";"."""
    packages = table.drop_duplicates("serial").set_index("serial")[["label", "split"]]
    for column in ("path", "sha256"):
        images = table.pivot(index="serial", columns="perspective", values=column)
        images = images.reindex(columns=list(Perspective)).fillna("")
        packages[column] = images[Perspective.TOP].str.cat(images[Perspective.SIDE], sep=JOIN)
    return packages.assign(perspective=PAIR).reset_index()
