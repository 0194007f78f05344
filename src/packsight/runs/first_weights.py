"""What the weights that a run starts from have learned from, where another run trained them."""

import pandas as pd

from packsight.data.datamodule import PackageDataModule
from packsight.data.membership import known_before, members_from
from packsight.domain import Split
from packsight.errors import UserError
from packsight.models.weights import read_checkpoint, weights_file


def learned_from(weights: str, data: PackageDataModule) -> pd.DataFrame:
    """The images of a run's splits, and those that its first weights know already.

    Raises UserError if the run would be judged on packages that its first weights have learned
    from, or if these do not say.
    """
    known = _known_by(weights)
    if known is None:
        return data.members
    for split in (Split.VAL, Split.TEST):
        if again := known_before(known, data.table, split):
            raise UserError(
                f"model.weights={weights} has learned from {len(again)} packages of the {split} "
                f"split ({', '.join(again[:3])}{', …' * (len(again) > 3)}), so the figures would "
                "be too good; choose weights of the same data and fold, or of other packages."
            )
    return pd.concat([data.members, known]).drop_duplicates("sha256", ignore_index=True)


def _known_by(weights: str) -> pd.DataFrame | None:
    """The images that a packsight run or checkpoint knows; None for other weights."""
    file = weights_file(weights)
    if file is None or file.suffix == ".safetensors":
        return None
    content = read_checkpoint(file)
    if "config" not in content:
        return None
    known = members_from(content)
    if known is None:
        raise UserError(
            f"model.weights={weights} was written by an older version, which did not note the "
            "packages that it learned from; train it again, or use model.weights=imagenet."
        )
    return known
