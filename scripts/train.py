"""Train one classifier, or with -m a sweep of them."""

from typing import TYPE_CHECKING

from omegaconf import DictConfig

from packsight.cli import name_variant, script

if TYPE_CHECKING:
    from packsight.runs.state import Trained


@script("train")
def main(cfg: DictConfig) -> "Trained":
    from packsight.pipeline.train import train

    name_variant(cfg)
    return train(cfg)


if __name__ == "__main__":
    main()
