"""Score images that have no labels."""

from packsight.stages import run

if __name__ == "__main__":
    run("predict")
