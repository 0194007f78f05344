"""Which parameters belong to which stage of a backbone, from the stem to the last."""

from typing import Any

from timm.models import group_parameters
from torch import nn


def stages_of(backbone: nn.Module) -> dict[int, list[str]]:
    """Names of parameters by stage, 0 is the stem; what comes after the last one counts as one.

    They are timm's own groups, or what it tells of the backbone's features. Empty where it tells
    neither.
    """
    matcher: Any = getattr(backbone, "group_matcher", None)
    try:
        if matcher is not None:
            return group_parameters(backbone, matcher(coarse=True))
    except AssertionError:  # a family that has fine groups alone
        pass
    told: Any = getattr(backbone, "feature_info", None) or ()
    modules = [f"{one['module']}." for one in told if "module" in one]
    stages: dict[int, list[str]] = {}
    stage = 0
    for name, _ in backbone.named_parameters() if modules else ():
        within = next((n for n, module in enumerate(modules, 1) if name.startswith(module)), None)
        if within is not None:
            stage = max(stage, within)
        elif stage == len(modules):  # a last norm, the head
            stage += 1
        stages.setdefault(stage, []).append(name)
    ordered = [names for _, names in sorted(stages.items())]
    return dict(enumerate(ordered)) if len(ordered) > 1 else {}
