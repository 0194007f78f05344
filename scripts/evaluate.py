"""Measure a trained model on a split of prepared data."""

from omegaconf import DictConfig

from packsight.cli import script


@script("evaluate")
def main(cfg: DictConfig) -> None:
    from packsight.pipeline.evaluate import evaluate

    evaluate(cfg)


if __name__ == "__main__":
    main()
