"""A process made ready sooner: what is imported for nothing is put off, garbage left alone."""

import atexit
import gc
import importlib
import sys
from types import ModuleType
from typing import Any

SIGNAL = "scipy.signal"


class Signal(ModuleType):
    """Stands for scipy.signal until something of it is used, and then lets it be imported.

    torchmetrics imports it at every start, 0.6 s, to look whether it still has `hamming`.
    """

    hamming = None

    def __getattr__(self, name: str) -> Any:
        if name == "__file__":  # asked of every module there is, by inspect
            raise AttributeError(name)
        if sys.modules.get(SIGNAL) is self:
            del sys.modules[SIGNAL]
        return getattr(importlib.import_module(SIGNAL), name)


def start_quickly() -> None:
    """Prepare a process that is to import torch and all that is built on it."""
    # Imports make a million objects that stay: looking through them for garbage, again and again
    # and once more at the end, took a third of a short training's overhead.
    gc.set_threshold(100_000, 100)
    atexit.register(gc.freeze)
    sys.modules.setdefault(SIGNAL, Signal(SIGNAL))
