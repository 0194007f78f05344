"""Where trained runs looked."""

from pathlib import Path

from omegaconf import DictConfig

from packsight.system.console import console


def explain(cfg: DictConfig) -> list[Path]:
    """Measure every image's map, and write a gallery of each outcome."""
    from hydra.utils import instantiate

    from packsight.domain import Split
    from packsight.runs.saved import find_runs, results_folder

    split, folders = Split(cfg.split), []
    with find_runs(cfg.run, cfg.member, int(cfg.max_unpacked_gb * 10**9)) as runs:
        from packsight.evaluation.shots import pool_shots
        from packsight.explanation.attribution import Scorer
        from packsight.explanation.baselines import Baselines, parse_baselines
        from packsight.explanation.selection import select
        from packsight.explanation.study import check_sanity, explain_images, print_measures
        from packsight.pipeline.evaluate import data_of, predictions_of
        from packsight.training.precision import choose_device
        from packsight.training.tensorboard import show_files

        explainer = instantiate(cfg.explainer, _convert_="all")
        parse_baselines(explainer.baselines)
        device = choose_device(cfg.device)
        for run in runs:
            console.print(f"[bold]{run.title}[/]", highlight=False)
            data = data_of(run, cfg)
            scored = predictions_of(run, data, [split], cfg.device)[split]
            predictions = pool_shots(scored, run.config.burst)
            images = [*map(str, cfg.images)]
            chosen = select(predictions, split, cfg.per_outcome, images, cfg.measured)
            folder = results_folder(run, "explanations", cfg.run, cfg.output, cfg.outputs)
            network = run.load_network().to(device)
            baselines = Baselines(data, explainer.baselines)
            pooled = explain_images(Scorer(network), data, chosen, explainer, baselines, folder)
            print_measures(pooled)
            if cfg.sanity:
                check_sanity(network, data, chosen, explainer, baselines, cfg.sanity, folder)
            if folder.parent == run.folder:
                panels = (folder / "panels").iterdir()
                show_files(run.folder, "explanations", [folder / "contact_sheet.png", *panels])
            console.print(f"maps: [cyan]{folder}[/]", soft_wrap=True)
            folders.append(folder)
    return folders
