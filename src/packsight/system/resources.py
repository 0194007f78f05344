"""Files that travel with the package."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "configs"
# Hydra's configurations: inside the package where a wheel was installed, beside src/ in a checkout.
CONFIGS = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parents[1] / "configs"
