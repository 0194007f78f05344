"""The runs of an experiment side by side."""

from pathlib import Path

from omegaconf import DictConfig

from packsight.system.console import console


def report(cfg: DictConfig) -> Path:
    """Tables, their CSV files and report.html."""
    from packsight.reporting.leaderboard import run_folders

    experiment = Path(cfg.outputs, cfg.name)
    run_folders(experiment)  # that there is one, before anything heavy is imported
    from packsight.reporting.model_card import write_model_card
    from packsight.reporting.page import write_report
    from packsight.reporting.sweep_end import pack_models, print_results

    data = Path(cfg.data.path) if cfg.data.path else None
    max_bytes = int(cfg.max_unpacked_gb * 10**9)
    results = print_results(experiment, cfg.max_belt_share, data, max_bytes)
    page = write_report(experiment, *results)
    write_model_card(experiment)
    if cfg.archive:
        console.print(f"models: [cyan]{pack_models(experiment)}[/]", soft_wrap=True)
    console.print(f"report: [cyan]{page}[/]", soft_wrap=True)
    return page
