"""Measure a trained model on a split of prepared data."""

from packsight.stages import run

if __name__ == "__main__":
    run("evaluate")
