"""How fast packsight is here."""

from pathlib import Path

from omegaconf import DictConfig

from packsight.configuration.schema import BenchmarkConfig
from packsight.configuration.stored import resolved


def benchmark(cfg: DictConfig) -> Path:
    """Measure, as ratios to a hand-written loop, into benchmark.json."""
    from packsight.benchmark.run import benchmark as measure

    return measure(BenchmarkConfig.model_validate(resolved(cfg)))
