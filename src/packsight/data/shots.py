"""Several images of one package by one camera as one row, of which training sees one at a time."""

from collections.abc import Iterable

import pandas as pd

from packsight.data.pairing import JOIN

OR = "|"  # between the images that may stand in one place


def one_of_each(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per package and camera, or pair of them; `sha256` has all of its images, by "|".

    So a package counts once an epoch, however many images it has.
    """
    keys = ["serial", "perspective"]
    if not rows.duplicated(keys).any():
        return rows
    joined = rows.groupby(keys, sort=False)["sha256"].agg(_joined)
    first = rows.drop_duplicates(keys).reset_index(drop=True)
    return first.assign(sha256=joined.to_numpy())


def _joined(contents: Iterable[str]) -> str:
    """Each camera's images once: of "a;b" and "c;b" comes "a|c;b"."""
    cameras = zip(*(content.split(JOIN) for content in contents), strict=True)
    return JOIN.join(OR.join(dict.fromkeys(images)) for images in cameras)
