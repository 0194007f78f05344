"""Measure how fast packsight is on this machine, against a hand-written loop."""

from packsight.stages import run

if __name__ == "__main__":
    run("benchmark")
