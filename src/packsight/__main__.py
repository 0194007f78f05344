"""`python -m packsight <stage>` is the command `packsight <stage>`."""

from packsight.stages import main

if __name__ == "__main__":
    main()
