"""Compare the runs of an experiment."""

from omegaconf import DictConfig

from packsight.cli import script


@script("report")
def main(cfg: DictConfig) -> None:
    from packsight.pipeline.report import report

    report(cfg)


if __name__ == "__main__":
    main()
