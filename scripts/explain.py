"""Show where a model looked."""

from packsight.stages import run

if __name__ == "__main__":
    run("explain")
