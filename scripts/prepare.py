"""Prepare images: check them, split them by package, write the manifest and data.zip."""

from packsight.stages import run

if __name__ == "__main__":
    run("prepare")
