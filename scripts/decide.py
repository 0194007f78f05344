"""Decide which models serve, and where they accept, reject or ask for inspection."""

from packsight.stages import run

if __name__ == "__main__":
    run("decide")
