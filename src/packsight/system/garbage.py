"""Python's search for garbage, made rarer."""

import atexit
import gc


def collect_rarely() -> None:
    """Look for objects in circles at every 100,000th new one, and not at all at the end.

    Importing torch and what is built on it makes a million objects that stay. Of the CPU time of a
    training of one epoch (ResNet-10 on 16 sample packages of 32 pixels: 9.5 s) rarer searches save
    7 %, none at the end 16 %, both together 27 %.
    """
    gc.set_threshold(100_000, 100)
    atexit.register(gc.freeze)
