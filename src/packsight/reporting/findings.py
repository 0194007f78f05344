"""Plain sentences on what the pooled numbers say, and on how sure they can be."""

import pandas as pd

from packsight.decision.comparison import LEVEL, holm
from packsight.evaluation.metrics import wilson_interval
from packsight.reporting.comparisons import Comparison, compare
from packsight.reporting.leaderboard import text, varying
from packsight.reporting.pooling import COMPARABLE, FUSED, Pooled, shown
from packsight.reporting.wording import Words, words

PERSPECTIVES = ("top", "side", "both", "pair", FUSED)
BY_PACKAGE = ("pair", FUSED)  # perspectives with one row per package instead of one per image
ENGLISH = words("en")


def findings(pooled: Pooled, say: Words = ENGLISH) -> list[str]:
    """Sentences on the configurations, choosing by validation alone."""
    rows = pooled.rows
    sentences = _versions(rows, say)
    differing = [name for name in varying(rows) if name != "data"]
    groups = rows.groupby(COMPARABLE, sort=False, dropna=False)
    for (data, test, monitor, _), group in groups:
        prefix = ""
        if groups.ngroups > 1:
            test = say.named("test", test)
            prefix = say("findings.group", data=data, test=test, monitor=monitor) + " "
        best = {row["perspective"]: row for _, row in group[group["rank"].eq(1)].iterrows()}
        said = []
        for name in PERSPECTIVES:
            if name in best:
                said += [_best_sentence(best[name], differing, say)]
                said += tied_sentences(group, name, differing, say)
        if "top" in best and "side" in best:
            said += _fused_and_cameras(pooled, best, say)
        packages = int(group["packages"].max())
        low, high = wilson_interval(packages - 1, packages)
        said.append(say("findings.size", packages=packages, right=packages - 1, low=low, high=high))
        sentences += [prefix + sentence for sentence in said + _incomplete(group, say)]
    return sentences


def is_coin(row: pd.Series) -> bool:
    """Whether a configuration's AUROC cannot be told from guessing."""
    low, high = row["auroc_low"], row["auroc_high"]
    return not pd.isna(low) and bool(low <= 0.5 <= high)


def configuration_name(row: pd.Series, differing: list[str], say: Words = ENGLISH) -> str:
    """A backbone and what tells it from others: `resnet18, fold 1`."""
    return row["backbone"] + "".join(
        f", {say.named('setting', name)} {row[name]}" for name in differing if text(row[name])
    )


def tied_sentences(
    rows: pd.DataFrame, perspective: str, differing: list[str], say: Words
) -> list[str]:
    """Which other models of a camera can be told from its best one, if there are any."""
    rows = shown(rows)
    others = rows[rows["perspective"].eq(perspective) & rows["rank"].gt(1)]
    if others.empty:
        return []
    tied = others[others["tied"].astype(bool)]
    camera = say.named("camera", perspective)
    names = "; ".join(configuration_name(row, differing, say) for _, row in tied.iterrows())
    how = "tied" if len(tied) else "untied"
    return [say.counted(f"findings.{how}", len(others), camera=camera, tied=len(tied), names=names)]


def settled(found: Comparison, p_value: float, say: Words) -> str:
    """Whether two configurations can be told apart, and what would settle it, as a clause."""
    more = found.needed is not None and found.needed > found.packages
    how = "settled" if p_value < LEVEL else "open" if more else "tied"
    return say(
        f"comparison.{how}",
        packages=found.packages,
        first=found.first_alone,
        second=found.second_alone,
        p=chance(p_value, say),
        needed=found.needed,
    )


def chance(p_value: float, say: Words) -> str:
    """`p = 0.031`, `p < 0.001`."""
    return say("comparison.p", p=p_value) if p_value >= 0.001 else say("comparison.small_p")


def _versions(rows: pd.DataFrame, say: Words) -> list[str]:
    """Which data were prepared anew between the runs."""
    names = rows["data"].dropna().unique()
    anew = sorted({name.partition("@")[0] for name in names if "@" in name})
    return [say("findings.versions", data=name) for name in anew]


def _best_sentence(best: pd.Series, differing: list[str], say: Words) -> str:
    """The choice of validation for one perspective, and what it reached on test."""
    unit = "packages" if best["perspective"] in BY_PACKAGE else "images"
    sentence = say(
        "findings.best",
        camera=say.named("the_camera", best["perspective"])
        + (f" ({say.named('fusion', best['fusion'])})" if best["fusion"] else ""),
        model=configuration_name(best, differing, say),
        monitor=best["monitor"],
        value=best["monitor_value"],
        mean=say("findings.mean", folds=best["folds"]) if best["folds"] > 1 else "",
        right=best["right"],
        images=best["images"],
        unit=say.named("unit", unit),
        share=best["accuracy"],
        low=best["accuracy_low"],
        high=best["accuracy_high"],
    )
    more = []
    if best["one_camera"]:
        more.append(say("findings.one_camera", count=best["one_camera"]))
    if best["not_located"]:
        more.append(say("findings.not_located", count=best["not_located"]))
    if best["perspective"] == "both":
        more.append(say("findings.two_images"))
    if is_coin(best):
        more.append(coin_sentence(best, say))
    return " ".join([sentence, *more])


def coin_sentence(row: pd.Series, say: Words) -> str:
    """That a model does no better than a coin, with the numbers."""
    return say("findings.coin", value=row["auroc"], low=row["auroc_low"], high=row["auroc_high"])


def _fused_and_cameras(pooled: Pooled, best: dict[str, pd.Series], say: Words) -> list[str]:
    """Whether the side camera beats the top one, and fusing the one that validation prefers."""
    top, side = best["top"], best["side"]
    pairs = {"findings.side": (side, top)}
    if FUSED in best:
        sign = -1 if best[FUSED]["monitor_mode"] == "max" else 1
        single = min(top, side, key=lambda row: sign * row["monitor_value"])
        pairs["findings.fusing"] = (best[FUSED], single)
    compared = {
        key: compare(pooled.right, pooled.damaged, int(str(one.name)), int(str(other.name)))
        for key, (one, other) in pairs.items()
    }
    p_values = holm([found.p_value if found else 1.0 for found in compared.values()])
    said = []
    for (key, (one, other)), p_value in zip(pairs.items(), p_values, strict=True):
        found = compared[key]
        better = "better" if one["accuracy"] > other["accuracy"] else "not_better"
        said.append(
            say(
                f"{key}_{better}",
                first=one["accuracy"],
                second=other["accuracy"],
                fusion=say.named("fusion", one["fusion"]),
                camera=say.named("the_camera", other["perspective"]),
                settled=settled(found, p_value, say) if found else say("comparison.none"),
            )
        )
    return said


def _incomplete(group: pd.DataFrame, say: Words) -> list[str]:
    """Which configurations lack folds that others have."""
    lacking = group[group["lacks"].ne("") & group["fusion"].eq("")]
    if lacking.empty:
        return []
    named = "; ".join(
        say(
            "findings.lacking",
            backbone=row["backbone"],
            camera=say.named("camera", row["perspective"]),
            folds=row["lacks"].replace(" ", ", "),
        )
        for _, row in lacking.iterrows()
    )
    return [say("findings.incomplete", named=named)]
