"""New images, which need no labels."""

from pathlib import Path

from omegaconf import DictConfig

from packsight.configuration.stored import resolved


def predict(cfg: DictConfig) -> Path:
    """Images to predictions.csv, and verdicts.csv for packages seen by both cameras."""
    from packsight.runs.saved import find_runs

    with find_runs(cfg.run, cfg.member, int(cfg.max_unpacked_gb * 10**9)) as runs:
        from hydra.utils import instantiate

        from packsight.deployment.prediction import predict_source
        from packsight.domain import Fusion
        from packsight.preparation.layouts import layout_of

        return predict_source(
            runs,
            cfg.source,
            cfg.output,
            layout=layout_of(resolved(cfg)["layout"]),
            camera=cfg.perspective.name,
            fusion=Fusion(cfg.fusion),
            explainer=instantiate(cfg.explainer, _convert_="all") if cfg.locate else None,
            batch_size=cfg.batch_size,
            device=cfg.device,
            overwrite=cfg.overwrite,
            max_unpacked_gb=cfg.max_unpacked_gb,
        )
