"""How a GPU rounds fp32 products, of matrices and convolutions alike; settings of the process."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def round_products(tf32: bool) -> None:
    """To 19 bits (TF32), or not at all. torch by itself would round those of convolutions."""
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32


@contextmanager
def unrounded() -> Iterator[None]:
    """Nothing rounded inside; afterwards as before."""
    matmul, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    round_products(tf32=False)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32 = convolutions
