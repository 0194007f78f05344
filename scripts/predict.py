"""Score images that have no labels."""

from omegaconf import DictConfig

from packsight.cli import script


@script("predict")
def main(cfg: DictConfig) -> None:
    from packsight.pipeline.predict import predict

    predict(cfg)


if __name__ == "__main__":
    main()
