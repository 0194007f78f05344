"""New images, which need no labels."""

from pathlib import Path

from omegaconf import DictConfig

from packsight.configuration.stored import resolved
from packsight.system.console import console


def predict(cfg: DictConfig) -> Path:
    """Images to predictions.csv, and their packages to verdicts.csv."""
    from packsight.runs.saved import find_runs

    with find_runs(cfg.run, cfg.member, int(cfg.max_unpacked_gb * 10**9)) as runs:
        from hydra.utils import instantiate

        from packsight.deployment.prediction import predict_source
        from packsight.deployment.serving import serve
        from packsight.domain import Fusion
        from packsight.preparation.layouts import layout_of
        from packsight.runs.decision_file import find_decision

        decision = find_decision(cfg.decision.path, cfg.run, runs, cfg.member)
        if decision is None:
            whole = "<its experiment>" if str(cfg.run).endswith(".ckpt") else cfg.run
            console.print(
                "no decision: a package is called damaged from 0.5 on; one that fits your line: "
                f"python scripts/decide.py run={whole}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
        return predict_source(
            serve(runs, decision, Fusion(cfg.fusion) if cfg.fusion else None),
            cfg.source,
            cfg.output,
            layout=layout_of(resolved(cfg)["layout"]),
            camera=cfg.perspective.name,
            prior=cfg.prior,
            explainer=instantiate(cfg.explainer, _convert_="all") if cfg.locate else None,
            batch_size=cfg.batch_size,
            device=cfg.device,
            overwrite=cfg.overwrite,
            max_unpacked_gb=cfg.max_unpacked_gb,
        )
