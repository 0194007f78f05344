"""packsight: train, compare and explain classifiers of damaged packages seen by two cameras."""

__version__ = "0.2.0"
