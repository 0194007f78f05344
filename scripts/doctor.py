"""Tell what packsight finds here: versions, devices, room, and what is damaged or left over."""

from packsight.stages import run

if __name__ == "__main__":
    run("doctor")
