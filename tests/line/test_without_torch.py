"""A line needs NumPy, OpenCV, Pillow and ONNX Runtime, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

import packsight

ROOT = Path(packsight.__file__).parent
BLOCKED = (
    "torch", "torchvision", "timm", "lightning", "pandas", "scipy", "sklearn", "rich", "pydantic",
    "safetensors", "hydra", "omegaconf", "albumentations", "matplotlib", "yaml", "onnx",
)  # fmt: skip
ROOMS = ("line", "service")


@pytest.mark.parametrize("room", ROOMS)
def test_the_room_can_be_imported_without_what_a_line_has_not(room):
    modules = [
        f"packsight.{room}" + ("" if file.stem == "__init__" else f".{file.stem}")
        for file in sorted((ROOT / room).glob("*.py"))
    ]
    code = f"import sys\nfor name in {BLOCKED}: sys.modules[name] = None\n"
    code += "\n".join(f"import {module}" for module in modules)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
