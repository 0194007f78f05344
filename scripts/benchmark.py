"""Measure how fast packsight is on this machine, against a hand-written loop."""

from omegaconf import DictConfig

from packsight.cli import script


@script("benchmark")
def main(cfg: DictConfig) -> None:
    from packsight.pipeline.benchmark import benchmark

    benchmark(cfg)


if __name__ == "__main__":
    main()
