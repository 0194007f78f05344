"""Both images of a package as one row of a table."""

import pandas as pd

from packsight.domain import Perspective

PAIR = "pair"
JOIN = ";"  # between the images of a package; nothing stands where one is missing


def pair_images(table: pd.DataFrame) -> pd.DataFrame:
    """One row per package: `path`, `sha256` and `located` are top's and side's, joined by ";".

    `cameras` tells which there are: top+side, top or side. Bursts of several images give a row for
    each shot: the first of one camera beside the first of the other, the second beside the second;
    where a camera has fewer, its last one stands again.
    """
    cameras = table.groupby("serial")["perspective"].value_counts().unstack(fill_value=0)
    shots = cameras.max(axis=1)
    packages = table.drop_duplicates("serial").set_index("serial")[["label", "split"]]
    packages = packages.loc[packages.index.repeat(shots[packages.index])]
    place = packages.groupby(level=0).cumcount()
    for column in ("path", "sha256", "located"):
        sides = []
        for camera in Perspective:
            rows = table[table["perspective"] == camera]
            number = rows.groupby("serial").cumcount()
            images = rows.set_index([rows["serial"], number])[column]
            last = cameras.get(camera, pd.Series(0, index=shots.index)) - 1
            shown = pd.Series(packages.index.map(last), index=packages.index).clip(upper=place)
            wanted = pd.MultiIndex.from_arrays([packages.index, shown])
            sides.append(images.reindex(wanted).fillna("").to_numpy())
        packages[column] = [JOIN.join(parts) for parts in zip(*sides, strict=True)]
    packages["cameras"] = [
        "+".join(camera for camera, part in zip(Perspective, path.split(JOIN), strict=True) if part)
        for path in packages["path"]
    ]
    return packages.assign(perspective=PAIR).reset_index()
