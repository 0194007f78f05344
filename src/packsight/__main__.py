"""`python -m packsight <stage>` is the command `packsight <stage>`."""

from packsight.stages import command

if __name__ == "__main__":
    command()
