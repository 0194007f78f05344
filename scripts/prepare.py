"""Prepare images: check them, split them by package, write the manifest and data.zip."""

from omegaconf import DictConfig

from packsight.cli import script


@script("prepare")
def main(cfg: DictConfig) -> None:
    from packsight.pipeline.prepare import prepare

    prepare(cfg)


if __name__ == "__main__":
    main()
