"""How the line stands, in a word and with what is to be known before all else."""

from collections.abc import Mapping
from typing import Any

from packsight.page.overview import Overview
from packsight.page.reasons import reason
from packsight.page.words import Words


def condition(
    line: Overview, alarms: int, description: Mapping[str, Any], say: Words
) -> dict[str, str]:
    """Of what is wrong, the worst; a model without a decision is told beside alarms."""
    undecided = bool(description.get("warning"))
    kind, text, detail = "good", say("state.ok"), ""
    if undecided:
        kind, text, detail = "warn", say("state.undecided"), say("state.undecided_why")
    if alarms:
        kind, text = "warn", say.counted("state.alarms", alarms)
    if line.problem:
        kind, text, detail = "bad", say("state.problem"), reason(line.problem, say)
    return {"kind": kind, "text": text, "detail": detail}
