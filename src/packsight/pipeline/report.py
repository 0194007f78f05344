"""The runs of an experiment side by side."""

from pathlib import Path

from omegaconf import DictConfig

from packsight.system.console import console
from packsight.system.files import writable


def report(cfg: DictConfig) -> Path:
    """Tables, their CSV files, the decision if none was asked for, and report.html."""
    from packsight.reporting.leaderboard import run_folders

    experiment = Path(cfg.outputs, cfg.name)
    run_folders(experiment)  # that there is one, before anything heavy is imported
    writable(experiment)
    from packsight.pipeline.decide import decide_by_default
    from packsight.reporting.model_card import write_model_card
    from packsight.reporting.page import write_report
    from packsight.reporting.sweep_end import pack_models, print_results

    data = Path(cfg.data.path) if cfg.data.path else None
    max_bytes = int(cfg.max_unpacked_gb * 10**9)
    results = print_results(experiment, cfg.max_belt_share, data, max_bytes)
    decide_by_default(experiment)
    page = write_report(experiment, *results, language=cfg.language)
    write_model_card(experiment)
    if cfg.archive:
        console.print(f"models: [cyan]{pack_models(experiment)}[/]", soft_wrap=True)
    console.print(f"report: [cyan]{page}[/]", soft_wrap=True)
    return page
