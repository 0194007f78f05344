"""What torch can compute on here."""

from typing import Any


def devices() -> dict[str, Any]:
    """Each device with its precisions; of a torch that cannot be imported, why."""
    try:
        import torch
        import torchvision  # noqa: F401  (of another build than torch, it cannot be imported)

        from packsight.training.precision import supported
    except Exception as error:  # a broken installation can break anywhere
        return {"torch": f"cannot be imported ({type(error).__name__}: {error})"}
    found: dict[str, Any] = {"cpu": _listed(supported(torch.device("cpu")))}
    found["torch threads"] = torch.get_num_threads()
    found["cuda"] = torch.version.cuda or "not in this torch"
    try:
        for number in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(number)
            able = _listed(supported(torch.device("cuda", number)))
            memory = f"{about.total_memory / 1e9:.0f} GB"
            found[f"cuda:{number}"] = f"{about.name}, {memory}: {able}"
        if torch.version.cuda and not torch.cuda.is_available():
            found["gpu"] = "none that torch can use"
    except RuntimeError as error:  # of a driver that does not fit, or CUDA_VISIBLE_DEVICES
        found["gpu"] = f"cannot be used ({str(error).splitlines()[0]})"
    return found


def _listed(precisions: list[Any]) -> str:
    return ", ".join(map(str, precisions))
