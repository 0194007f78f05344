"""A small experiment that has all that a report can show, written by hand."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from complete_config import complete_yaml

from packsight.decision.fitting import fit_decision
from packsight.decision.rule import Decision, write_decision
from packsight.decision.terms import Costs, Kind
from packsight.evaluation.metrics import metrics_by_perspective
from packsight.reporting.attribution_comparison import write_attributions
from packsight.reporting.candidates import candidates
from packsight.reporting.leaderboard import collect
from packsight.reporting.page import write_report
from packsight.reporting.pooling import configurations, pool_runs
from packsight.reporting.suspects import write_rows
from packsight.system.files import write_json

SCRAMBLED = {"test": ["randomisation", "shift"], "number": 1, "spearman": [0.9, 0.8],
             "spearman_abs": 0.9, "method": "Integrated Gradients, black baseline"}  # fmt: skip


def write_run(
    experiment: Path, backbone: str, perspective: str, spread: float, state: str = "done"
) -> Path:
    """A run's folder, with 40 test and 40 validation packages: a wide `spread` guesses."""
    folder = experiment / "sample" / backbone / perspective / "fp32/split_seed0"
    (folder / "explanations/panels").mkdir(parents=True)
    config = {
        "monitor": "val/loss", "monitor_mode": "min", "seed": 0,
        "data": {"name": "sample", "fold": None}, "perspective": {"name": perspective},
        "model": {"backbone": backbone, "weights": "bundled"}, "precision": {"name": "fp32"},
    }  # fmt: skip
    (folder / "config.yaml").write_text(complete_yaml(config))
    error = "OSError: no room" if state == "failed" else ""
    write_json(folder / "status.json", {"state": state, "seconds": 80, "error": error})
    if state != "done":
        return folder
    generator = np.random.default_rng(len(backbone + perspective))
    tables = []
    for split in ("val", "test"):
        damaged = np.arange(40) % 2 == 1
        logit = 2.0 * damaged - 1 + spread * generator.normal(size=40)
        probability = 1 / (1 + np.exp(-logit))
        tables.append(
            pd.DataFrame(
                {
                    "serial": [f"{split}{number:09d}" for number in range(40)],
                    "perspective": perspective,
                    "label": np.where(damaged, "damaged", "intact"),
                    "probability": probability,
                    "predicted": np.where(probability >= 0.5, "damaged", "intact"),
                    "split": split,
                    "path": "",
                }
            )
        )
    pd.concat(tables).to_csv(folder / "predictions.csv", index=False)
    metrics = {split: metrics_by_perspective(table)
               for split, table in zip(("val", "test"), tables, strict=True)}  # fmt: skip
    write_json(folder / "metrics.json", metrics)
    history = {"epoch": [0, 1], "train/loss": [0.7, 0.5], "val/loss": [0.7, 0.6]}
    pd.DataFrame(history).to_csv(folder / "history.csv", index=False)
    return folder


def explain(folder: Path, belt: float) -> None:
    """What `explain` leaves of a run whose maps lie on the belt, 0.4 of the area, by this share."""
    explanations = folder / "explanations"
    perspective = folder.relative_to(folder.parents[2]).parts[0]
    table = pd.DataFrame(
        {
            "serial": [f"test{number:09d}" for number in range(10)],
            "perspective": perspective,
            "label": ["damaged", "intact"] * 5,
            "outcome": ["hit", "correct pass"] * 5,
            "probability": [0.9, 0.1] * 5,
            "baseline_score": 0.5,
            "full_colour": 0.52,
            "shade": [1.0, 0.2] * 5,
            "method": "Integrated Gradients, black baseline",
            "belt_share": [belt + 0.01 * (number % 5 - 2) for number in range(10)],
            "belt_area": 0.4,
            "package_share": 0.3,
            "package_area": 0.6,
            "damage_share": 0.2,
            "damage_area": 0.05,
            "pointing_hit": 1.0,
            "deletion_auc": 0.5,
            "insertion_auc": 0.7,
        }
    )
    table.to_csv(explanations / "attributions.csv", index=False)
    measures = {"outcome": ["damaged"], "measure": ["belt_share"], "mean": [belt]}
    pd.DataFrame(measures).to_csv(explanations / "measures.csv", index=False)
    pd.DataFrame(SCRAMBLED).to_csv(explanations / "sanity.csv", index=False)
    picture = np.full((300, 1600, 3), 200, np.uint8)
    cv2.imwrite(str(explanations / "contact_sheet.png"), picture)
    for number in range(2):
        name = f"test{number:09d}_{perspective}"
        cv2.imwrite(str(explanations / f"panels/{name}.png"), picture)
        for kind, level, bar in (("seen", 100, 0), ("overlays", 150, 36), ("signed", 200, 0)):
            (explanations / kind).mkdir(exist_ok=True)
            tile = np.full((64 + bar, 96, 3), level, np.uint8)
            cv2.imwrite(str(explanations / kind / f"{name}.jpg"), tile)


def decide(experiment: Path) -> Decision:
    """Fit the cheapest thresholds of the models good and good, and store them."""
    frame = collect(experiment)
    frame = frame[frame["backbone"] == "good"]
    pair = next(one for one in candidates(configurations(experiment, frame)) if len(one.runs) > 1)
    decision = fit_decision(
        pair.packages["probability"], pair.damaged, kind=Kind.COSTS, share=0.01, runs=pair.runs,
        cameras=pair.cameras, fusion=pair.fusion, costs=Costs(50, 1, 0.3), resamples=50,
    )  # fmt: skip
    write_decision(decision, experiment)
    return decision


def write_experiment(experiment: Path) -> Path:
    """Two cameras, each with a good model and one that guesses; one failed, one is at work."""
    for perspective, belt in (("top", 0.6), ("side", 0.2)):
        explain(write_run(experiment, "good", perspective, 0.6), belt)
        explain(write_run(experiment, "guessing", perspective, 40.0), belt)
    write_run(experiment, "broken", "top", 0.6, "failed")
    write_run(experiment, "late", "side", 0.6, "running")
    return experiment


def report(experiment: Path, language: str = "en") -> Path:
    frame = collect(experiment)
    attributions = write_attributions(experiment, frame)
    pooled = pool_runs(experiment, frame)
    write_rows(experiment, frame, pooled.rows)
    return write_report(experiment, frame, pooled, attributions, language)
