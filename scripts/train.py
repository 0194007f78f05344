"""Train one classifier, or with -m a sweep of them."""

from omegaconf import DictConfig

from packsight.cli import name_variant, script


@script("train")
def main(cfg: DictConfig) -> None:
    from packsight.pipeline import train

    name_variant(cfg)
    train(cfg)


if __name__ == "__main__":
    main()
