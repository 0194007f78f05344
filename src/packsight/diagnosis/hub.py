"""Whether timm's model hub answers."""

import os
import threading

ASKED = "timm/resnet18.a1_in1k"
PATIENCE_S = 2.0


def ask_hub(patience_s: float = PATIENCE_S) -> str:
    """What came of asking it once, in words; never an error, and hardly longer than that."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        return "not asked, since HF_HUB_OFFLINE is set"
    answers: list[str] = []

    def ask() -> None:
        try:
            from huggingface_hub import HfApi

            HfApi().model_info(ASKED, timeout=patience_s)
            answers.append("answers")
        except Exception as error:  # whatever the HTTP library of the day raises
            answers.append(f"does not answer ({type(error).__name__})")

    # A thread, because to look up a name may take longer than any time-out allows.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(patience_s)
    return answers[0] if answers else f"did not answer in {patience_s:g} s"
