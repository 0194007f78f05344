"""A layout told by a table: a row per image, with columns for path, serial, camera and label."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from packsight.domain import Box
from packsight.errors import UserError
from packsight.preparation.layout import IMAGE_SUFFIXES, Candidate, Name, Rejected, stem, walk
from packsight.preparation.places import Places
from packsight.preparation.reading import Layout, Reader
from packsight.preparation.table_file import SUFFIXES, read_content, rows_of
from packsight.preparation.vocabulary import normal, spelt
from packsight.system.files import sha256

# Usual names of columns, compared as words of a source are.
COLUMNS: Mapping[str, Sequence[str]] = {
    "path": spelt("""path file filename file_name filepath image image_path image_file arquivo
        caminho imagem nome_do_arquivo datei dateiname pfad bild archivo fichero ruta imagen"""),
    "serial": spelt("""serial serial_number serialnumber package package_id parcel parcel_id barcode
        pacote número_de_série paket seriennummer sendung paquete número_de_serie"""),
    "perspective": spelt("""perspective camera cam view câmera perspectiva vista kamera ansicht
        cámara perspektive"""),
    "label": spelt("""label class target status condition result etiqueta rótulo classe estado
        resultado klasse zustand ergebnis clase"""),
    "split": spelt("split subset partition"),
    "box": spelt("box boxes bbox bboxes caixa caja"),
    # Not day or shift: a column of these may be there for another reason.
    "group": spelt("group group_id batch batch_id lot grupo lote gruppe charge"),
    "time": spelt("""time timestamp datetime date_time captured_at taken_at zeit zeitstempel
        aufnahmezeit data_hora fecha_hora"""),
}
OPTIONAL = ("split", "box", "group", "time")
_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_BOX = re.compile(rf"\s*\[?\s*({_NUMBER})" + rf"[\s,]+({_NUMBER})" * 3 + r"\s*\]?\s*")


class TableReader(Reader):
    """Knows of each file what its row says."""

    def __init__(
        self, layout: "TableLayout", root: Path, paths: Sequence[str], labelled: bool = True
    ) -> None:
        super().__init__(layout.words)
        table, inside = layout.find(root, paths)
        self.taken = [inside] if inside else []
        read = read_content(table)
        columns = layout.choose(inside or str(table), [*read.columns], labelled)
        chosen = ", ".join(f"{name} in {column!r}" for name, column in columns.items())
        self.told = f"{table.name}: {len(read)} rows, {chosen}"
        self._rows: dict[str, dict[str, str]] = {}
        self._by_stem: dict[str, str] = {}
        places = Places(root, paths)
        disagree = set()
        for number, row in enumerate(rows_of(read, columns), start=2):
            if not any(row.values()):
                continue
            path, problem = places.find(row["path"])
            where = f"row {number} of {table.name}"
            if path is None:
                shown = row["path"] if row["path"].isprintable() else ""
                self.rejected.append(Rejected(shown or where, problem, where))
                continue
            first = self._rows.setdefault(path, row)
            self._by_stem.setdefault(stem(path), path)
            if first is not row:
                self.rejected.append(Rejected(path, "second row of one image", where))
                disagree |= {path} if first != row else set()
        self._disagree = disagree

    def row(self, path: str) -> dict[str, str] | None:
        """What the table says of a file, or of the image that a mask is of."""
        return self._rows.get(path) or self._rows.get(self._by_stem.get(stem(path), ""))

    def read(self, path: str) -> Candidate | Rejected:
        if PurePosixPath(path).suffix.lower() not in IMAGE_SUFFIXES:
            return Rejected(path, "not an image")
        row = self.row(path)
        if row is None:
            return Rejected(path, "not in the table")
        if path in self._disagree:
            return Rejected(path, "rows of one image disagree")
        label, camera = self.words.label(row["label"]), self.words.camera(row["perspective"])
        split = self.words.split(row["split"]) if row.get("split") else ""
        for name, meaning in (("label", label), ("perspective", camera), ("split", split)):
            if meaning is None:
                return Rejected(path, f"{name} of an unknown word", row[name])
        boxes = parse_boxes(row.get("box", ""))
        if boxes is None:
            return Rejected(path, "box that is not xmin ymin xmax ymax", row["box"])
        words = ((row["label"], str(label)), (row["perspective"], str(camera)))
        image = Candidate(
            path, row["serial"], str(camera), str(label), str(split), boxes,
            group=row.get("group", ""), time=row.get("time", ""),
        )  # fmt: skip
        return self.candidate(image, *words)


@dataclass(frozen=True)
class TableLayout(Layout):
    """`table` is a file here or in the source; None: the only one in the source.

    `columns` says which column is what; one that is not given is found by its usual names.
    """

    table: str | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)
    kind = "table"

    @property
    def form(self) -> str:
        return "a row of the table"

    def reader(self, root: Path, paths: Sequence[str]) -> TableReader:
        return TableReader(self, root, paths)

    def namer(self, root: Path, paths: Sequence[str]) -> Callable[[str], Name]:
        outside = self.table is not None and Path(self.table).is_file()
        # `paths` are images alone, and a table in the source is none.
        reader = TableReader(self, root, paths if outside else walk(root)[0], labelled=False)

        def name(path: str) -> Name:
            row = reader.row(path)
            return (
                Name(row["serial"], reader.words.camera(row["perspective"]))
                if row
                else Name(None, None)
            )

        return name

    def find(self, root: Path, paths: Sequence[str]) -> tuple[Path, str | None]:
        """The table, and its path in the source if it lies there."""
        if self.table is not None:
            if Path(self.table).is_file():
                return Path(self.table), None
            if self.table in paths:
                return root / self.table, self.table
            raise UserError(
                f"layout.table={self.table} is no file here and none in the source; give the path "
                "of the table."
            )
        found = [path for path in paths if PurePosixPath(path).suffix.lower() in SUFFIXES]
        if len(found) != 1:
            said = f"{len(found)}: {', '.join(found[:3])}" if found else "none"
            raise UserError(
                f"layout=table looks for one table in the source ({', '.join(SUFFIXES)}) and found "
                f"{said}; give layout.table=<file>."
            )
        return root / found[0], found[0]

    def choose(self, table: str, names: Sequence[str], labelled: bool) -> dict[str, str]:
        """Which column is what. Raises UserError if one is missing."""
        optional = OPTIONAL if labelled else (*OPTIONAL, "label")
        chosen = {}
        for name, usual in COLUMNS.items():
            given = self.columns.get(name)
            wanted = [given] if given is not None else [normal(word) for word in usual]
            there = {n if given is not None else normal(n): n for n in reversed(names)}
            found = next((there[word] for word in wanted if word in there), None)
            if found is not None:
                chosen[name] = found
            elif given is not None or name not in optional:
                said = f"column {given!r}" if given is not None else f"column for the {name}"
                raise UserError(
                    f"{table} has no {said}, but {', '.join(map(repr, names[:12]))}; give "
                    f"layout.columns.{name}=<its name>."
                )
        return chosen

    def values(self) -> dict[str, Any]:
        columns = {name: column for name, column in self.columns.items() if column is not None}
        table = self.table and Path(self.table).name
        return super().values() | {"table": table, "columns": columns}

    def traced(self) -> dict[str, Any]:
        outside = self.table is not None and Path(self.table).is_file()
        return super().traced() | ({"table": sha256(Path(str(self.table)))} if outside else {})


def parse_boxes(text: str) -> tuple[Box, ...] | None:
    """Boxes "xmin ymin xmax ymax" in pixels, joined by ";"; None for what is none."""
    found = []
    for part in filter(str.strip, text.split(";")):
        numbers = _BOX.fullmatch(part)
        if numbers is None or max(map(len, numbers.groups())) > 12:
            return None
        xmin, ymin, xmax, ymax = (round(float(number)) for number in numbers.groups())
        found.append((xmin, ymin, xmax, ymax))
    return tuple(found)
