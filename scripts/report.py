"""Compare the runs of an experiment."""

from packsight.stages import run

if __name__ == "__main__":
    run("report")
