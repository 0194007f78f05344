"""Make the line's file: a decision's models in one archive that needs no PyTorch."""

from packsight.stages import run

if __name__ == "__main__":
    run("export")
