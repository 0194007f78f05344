"""Show where a model looked."""

from omegaconf import DictConfig

from packsight.cli import script


@script("explain")
def main(cfg: DictConfig) -> None:
    from packsight.pipeline.explain import explain

    explain(cfg)


if __name__ == "__main__":
    main()
