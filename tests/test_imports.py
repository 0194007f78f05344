"""Imports run one way, from a later room to an earlier one."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "packsight"
ORDER = ["errors", "domain", "system", "configuration", "sample", "imaging", "preparation",
         "data", "models", "decision", "line", "arrival", "ledger", "receivers",
         "monitoring", "page", "service", "evaluation", "training", "explanation",
         "runs", "reporting", "deployment", "export", "diagnosis", "benchmark",
         "pipeline", "jobs", "cli", "stages", "__main__"]  # fmt: skip


def imported(file: Path) -> set[str]:
    """Rooms of packsight that a module imports, at its top or inside a function."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return {name.split(".")[1] for name in names if name.startswith("packsight.")}


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: file.stem)
def test_a_room_imports_only_earlier_ones(file):
    room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room == "__init__":
        return
    later = ORDER[ORDER.index(room) + 1 :]
    assert not imported(file) & set(later)


def test_the_table_of_rooms_names_every_module():
    text = (PACKAGE.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `(\w+)` \| [^|]*\| ([^|]*) \|$", text, re.MULTILINE))
    rooms = [folder for folder in PACKAGE.iterdir() if (folder / "__init__.py").is_file()]
    assert set(table) == {room.name for room in rooms}
    for room in rooms:
        modules = {file.stem for file in room.glob("*.py")} - {"__init__"}
        assert set(re.findall(r"`(\w+)`", table[room.name])) == modules, room.name
