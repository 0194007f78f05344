"""Files of a source, found by what a table or an annotation says of their paths."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath


class Places:
    """The files of a source by what others may say of their paths."""

    def __init__(self, root: Path, paths: Sequence[str]) -> None:
        self._root = root
        self._paths = {*paths}
        self._ends = defaultdict(list)
        for path in paths:
            parts = PurePosixPath(path).parts
            for start in range(1, len(parts)):
                self._ends["/".join(parts[start:])].append(path)

    def find(self, said: str) -> tuple[str | None, str]:
        """A file below the source, or why there is none: what leads out of it is none."""
        text = said.strip().replace("\\", "/")
        if not text.isprintable():
            return None, "row that cannot be read"
        if not text:
            return None, "row without a path"
        place = PurePosixPath(text)
        if place.is_absolute():
            roots = (self._root.absolute(), self._root.resolve())
            inside = next((root for root in roots if place.is_relative_to(root.as_posix())), None)
            if inside is None:
                return None, "path of a row leads out of the source"
            place = place.relative_to(inside.as_posix())
        if ".." in place.parts or re.match(r"[A-Za-z]:", text):
            return None, "path of a row leads out of the source"
        name = place.as_posix()
        if name in self._paths:
            return name, ""
        ends = self._ends.get(name, [])
        if len(ends) > 1:
            return None, "path of a row fits several files"
        return (ends[0], "") if ends else (None, "in the table, but not in the source")
