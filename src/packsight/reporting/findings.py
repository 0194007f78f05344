"""Plain sentences on what the pooled numbers say, and on how sure they can be."""

import pandas as pd

from packsight.evaluation.metrics import wilson_interval
from packsight.reporting.leaderboard import text, varying
from packsight.reporting.pooling import COMPARABLE, FUSED

CAMERAS = {
    "top": "the top camera",
    "side": "the side camera",
    "both": "both cameras",
    "pair": "both cameras in one model",
    FUSED: "the two cameras' models fused",
}
BY_PACKAGE = ("pair", FUSED)  # perspectives with one row per package instead of one per image


def findings(rows: pd.DataFrame) -> list[str]:
    """Sentences on the rows of `Pooled`, choosing by validation alone."""
    sentences = _versions(rows)
    differing = [name for name in varying(rows) if name != "data"]
    groups = rows.groupby(COMPARABLE, sort=False, dropna=False)
    for (data, test, monitor, _), group in groups:
        prefix = f"{data}, {test}, by {monitor}: " if groups.ngroups > 1 else ""
        best = {row["perspective"]: row for _, row in group[group["rank"].eq(1)].iterrows()}
        said = [_best_sentence(best[name], differing) for name in CAMERAS if name in best]
        if "top" in best and "side" in best:
            said.append(_camera_sentence(best["top"], best["side"]))
            if FUSED in best:
                said.append(_fusion_sentence(best[FUSED], best["top"], best["side"]))
        packages = int(group["packages"].max())
        low, high = wilson_interval(packages - 1, packages)
        said.append(
            f"The test has {packages} packages: {packages - 1} of {packages} right would "
            f"mean anything from {low:.0%} to {high:.0%} on further packages (95% interval), and "
            "it cannot settle smaller differences than that."
        )
        sentences += [prefix + sentence for sentence in said + _incomplete(group)]
    return sentences


def _versions(rows: pd.DataFrame) -> list[str]:
    """Which data were prepared anew between the runs."""
    names = rows["data"].dropna().unique()
    anew = sorted({name.partition("@")[0] for name in names if "@" in name})
    return [
        f"The data {name} were prepared anew between the runs: the versions hold other packages, "
        "or other ones held out, so each stands by itself."
        for name in anew
    ]


def _best_sentence(best: pd.Series, differing: list[str]) -> str:
    """The choice of validation for one perspective, and what it reached on test."""
    settings = "".join(f", {name} {best[name]}" for name in differing if text(best[name]))
    fusion = f" ({best['fusion']})" if best["fusion"] else ""
    mean = f", mean of {best['folds']} folds" if best["folds"] > 1 else ""
    unit = "packages" if best["perspective"] in BY_PACKAGE else "images"
    alone = best["one_camera"]
    missing = f" {alone} of them were seen by one camera alone." if alone else ""
    if lost := best["not_located"]:
        missing += f" {lost} were not found in their images, so whole frames were scored."
    both = (
        " Two images of one package are not independent, so the interval counts packages."
        if best["perspective"] == "both"
        else ""
    )
    return (
        f"For {CAMERAS[best['perspective']]}{fusion}, {best['backbone']}{settings} is best on "
        f"validation ({best['monitor']} {best['monitor_value']:.3f}{mean}); on test it got "
        f"{best['right']} of {best['images']} {unit} right, {_share(best)}.{missing}{both}"
    )


def _share(row: pd.Series) -> str:
    low, high = row["accuracy_low"], row["accuracy_high"]
    return f"{row['accuracy']:.0%} (95% interval {low:.0%} to {high:.0%})"


def _camera_sentence(top: pd.Series, side: pd.Series) -> str:
    """Whether the side camera beats the top one, and whether that is settled."""
    verb = "beats" if side["accuracy"] > top["accuracy"] else "does not beat"
    return (
        f"The side camera {verb} the top camera: {side['accuracy']:.0%} against "
        f"{top['accuracy']:.0%} right; {_settled(top, side)}."
    )


def _fusion_sentence(fused: pd.Series, top: pd.Series, side: pd.Series) -> str:
    """Whether fusing beats the single camera that validation prefers."""
    sign = -1 if fused["monitor_mode"] == "max" else 1
    single = min(top, side, key=lambda row: sign * row["monitor_value"])
    verb = "helps" if fused["accuracy"] > single["accuracy"] else "does not help"
    return (
        f"Fusing the two cameras by {fused['fusion']} {verb}: {fused['accuracy']:.0%} of packages "
        f"right against {single['accuracy']:.0%} with {CAMERAS[single['perspective']]} alone, "
        f"which validation prefers; {_settled(fused, single)}."
    )


def _settled(one: pd.Series, other: pd.Series) -> str:
    overlap = (
        one["accuracy_low"] <= other["accuracy_high"]
        and other["accuracy_low"] <= one["accuracy_high"]
    )
    return (
        "their intervals overlap, so more test packages are needed to be sure"
        if overlap
        else "their intervals do not overlap"
    )


def _incomplete(group: pd.DataFrame) -> list[str]:
    """Which configurations lack folds that others have."""
    lacking = group[group["lacks"].ne("") & group["fusion"].eq("")]
    if lacking.empty:
        return []
    named = "; ".join(
        f"{row['backbone']} {row['perspective']} (fold {row['lacks'].replace(' ', ', ')})"
        for _, row in lacking.iterrows()
    )
    return [f"Folds are missing, and only the fullest sets are compared: {named}."]
