"""What an export changes, on validation packages that no model learned from."""

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from packsight.decision.terms import Action
from packsight.domain import THRESHOLD
from packsight.line.verdict import Verdict
from packsight.system.fitted_table import FittedTable


def same_decisions(one: Sequence[Verdict], other: Sequence[Verdict]) -> int:
    """How many packages have the same decision."""
    return sum(a.decision == b.decision for a, b in zip(one, other, strict=True))


def figures_table(
    columns: Mapping[str, Sequence[Verdict]], damaged: Mapping[str, bool], title: str, caption: str
) -> FittedTable:
    """How good several ways of scoring the same packages are, side by side."""
    rows = {name: figures(verdicts, damaged) for name, verdicts in columns.items()}
    table = FittedTable(title, ["on validation packages", *columns], caption)
    for figure in next(iter(rows.values())):
        table.add_row(figure, *(of[figure] for of in rows.values()))
    return table


def figures(verdicts: Sequence[Verdict], damaged: Mapping[str, bool]) -> dict[str, str]:
    """How good scores and decisions on some packages are, as texts."""
    scored = [verdict for verdict in verdicts if verdict.score is not None]
    label = np.array([damaged[verdict.serial] for verdict in scored], dtype=bool)
    score = np.array([verdict.score for verdict in scored], dtype=float)
    actions = [(verdict.decision, damaged[verdict.serial]) for verdict in verdicts]
    both = 0 < label.sum() < len(label)
    return {
        "AUROC": f"{roc_auc_score(label, score):.4f}" if both else "-",
        f"accuracy at {THRESHOLD}": f"{np.mean((score >= THRESHOLD) == label):.4f}",
        "damaged, accepted": str(actions.count((Action.ACCEPT, True))),
        "intact, rejected": str(actions.count((Action.REJECT, False))),
        "inspected": str(sum(action == Action.INSPECT for action, _ in actions)),
        "packages": str(len(verdicts)),
    }
