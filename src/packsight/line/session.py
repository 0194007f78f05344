"""A network in ONNX Runtime, from the bytes of its file."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import onnxruntime

from packsight.errors import UserError
from packsight.line.view import View

INPUT, OUTPUT = "images", "probability"
PROVIDERS = {"cpu": "CPUExecutionProvider", "openvino": "OpenVINOExecutionProvider"}


class OnnxNetwork:
    """Images uint8 [N, H, W, 3] to the probability of damaged; a member of an `Ensemble`.

    Normalisation, mirror images and softmax are in the file. `threads` compute one image; 0: as
    many as there are cores. Raises UserError for a provider that is not installed.
    """

    def __init__(self, content: bytes, view: View, threads: int = 0, provider: str = "cpu") -> None:
        self.view = view
        self.session = onnxruntime.InferenceSession(
            content, options(threads), providers=[_installed(provider)]
        )

    def probabilities(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """Probability of damaged, float64 [N], of RGB uint8 images [H, W, 3]."""
        [found] = self.session.run([OUTPUT], {INPUT: np.stack(images)})
        return np.asarray(found, dtype=np.float64)


@cache
def _share_memory() -> None:
    """One arena for all sessions: ten networks then take a third of the memory, and less time."""
    memory = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    onnxruntime.create_and_register_allocator(memory, None)


def options(threads: int) -> onnxruntime.SessionOptions:
    """Of a session; `threads` compute one image, 0: as many as there are cores."""
    _share_memory()
    chosen = onnxruntime.SessionOptions()
    chosen.intra_op_num_threads = threads
    chosen.inter_op_num_threads = 1
    chosen.log_severity_level = 3  # errors alone
    chosen.add_session_config_entry("session.use_env_allocators", "1")
    # Threads that wait without sleeping win microseconds, and cost others who share the cores.
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return chosen


def _installed(provider: str) -> str:
    if provider not in PROVIDERS:
        raise UserError(f"provider {provider} is unknown; use one of {', '.join(PROVIDERS)}.")
    name = PROVIDERS[provider]
    if name not in onnxruntime.get_available_providers():
        raise UserError(
            f"ONNX Runtime has no {name} here; install {'onnxruntime-' + provider} in place of "
            "onnxruntime, or use provider cpu."
        )
    return name
