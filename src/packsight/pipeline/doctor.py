"""What is here to work with, and what of the results is damaged or left over."""

import json
from dataclasses import asdict
from pathlib import Path

from omegaconf import DictConfig


def doctor(cfg: DictConfig) -> None:
    """Print it, for people or as JSON; with `fix`, remove what is safe to remove."""
    from packsight.diagnosis.cleaning import clean
    from packsight.diagnosis.damage import find_damage
    from packsight.diagnosis.environment import examine
    from packsight.diagnosis.leftovers import find_leftovers
    from packsight.diagnosis.show import show_environment, show_findings

    outputs = Path(cfg.outputs)
    environment = examine(outputs)
    if not cfg.json:
        show_environment(environment)
    findings = [*find_leftovers(outputs), *find_damage(outputs)]
    if cfg.fix:
        findings = [clean(finding) for finding in findings]
    if cfg.json:
        print(json.dumps({**environment, "findings": [*map(asdict, findings)]}, indent=2))
    else:
        show_findings(findings, outputs, cfg.fix)
