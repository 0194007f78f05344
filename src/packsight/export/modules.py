"""The modules that a command needs: what it imports, and what that imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
NAME = PACKAGE.name


def closure(module: str) -> dict[str, bytes]:
    """Path in the archive and content of `module` and of all of packsight that it imports.

    With them goes what lies beside modules in their rooms, such as a page's texts. Imports that
    only type checkers see do not count, those inside functions do.
    """
    waiting, found = [module], dict[str, bytes]()
    while waiting:
        name = waiting.pop()
        file = _file(name)
        if file is None or (place := _place(file)) in found:
            continue
        found[place] = file.read_bytes()
        parents = name.split(".")
        waiting += [".".join(parents[:length]) for length in range(1, len(parents))]
        waiting += _imported(ast.parse(found[place]))
    rooms = {Path(place).parent for place in found} - {Path(NAME)}
    for room in rooms:
        for file in (PACKAGE.parent / room).rglob("*"):
            if file.is_file() and file.suffix not in (".py", ".pyc"):
                found[_place(file)] = file.read_bytes()
    return dict(sorted(found.items()))


def _file(module: str) -> Path | None:
    """The source of a module of packsight; None for a name in one, and for other packages."""
    place = PACKAGE.parent.joinpath(*module.split("."))
    if module.split(".")[0] != NAME:
        return None
    if (place / "__init__.py").is_file():
        return place / "__init__.py"
    return place.with_suffix(".py") if place.with_suffix(".py").is_file() else None


def _place(file: Path) -> str:
    return file.relative_to(PACKAGE.parent).as_posix()


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from _imported(node)
