"""Trained runs as one file for the line."""

from pathlib import Path

from omegaconf import DictConfig

from packsight.system.console import console


def export(cfg: DictConfig) -> Path:
    """Those who serve as a line's file, verified on the data of their training."""
    from packsight.runs.saved import find_runs

    with find_runs(cfg.run, cfg.member, int(cfg.max_unpacked_gb * 10**9)) as runs:
        from packsight.deployment.serving import serve
        from packsight.export.line_file import Wanted, export_line
        from packsight.line.model import UNDECIDED
        from packsight.preparation.prepared import load_data
        from packsight.reporting.model_card import card_beside
        from packsight.runs.decision_file import find_decision

        decision = find_decision(cfg.decision.path, cfg.run, runs, cfg.member)
        if decision is None:
            console.print(UNDECIDED, markup=False, highlight=False, soft_wrap=True)
        serving = serve(runs, decision)
        source = cfg.source or Path(
            cfg.outputs, "data", next(iter(serving.runs.values()))[0].config.data.name
        )
        root, table = load_data(
            source, int(cfg.max_unpacked_gb * 10**9), Path(cfg.outputs, "cache")
        )
        return export_line(
            serving,
            root,
            table,
            Path(cfg.output),
            Wanted(cfg.precision.name, cfg.mirrors, cfg.agreement),
            card=card_beside(runs[0]),
            overwrite=cfg.overwrite,
        )
