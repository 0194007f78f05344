"""Train one classifier, or with -m a sweep of them."""

from packsight.stages import run

if __name__ == "__main__":
    run("train")
