"""The folder of prepared data and its zip: whether they stand, and how they are replaced."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.markup import escape

from packsight.errors import UserError
from packsight.preparation.prepared import SUMMARY, is_prepared, made_from
from packsight.system.archive import pack
from packsight.system.console import console
from packsight.system.files import making_folder, read_json, writing

SECOND_VIEW = "second image of one package and perspective"  # a reason of earlier versions


def archive_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.zip")


def pack_target(target: Path) -> None:
    pack(archive_of(target), target, [path for path in target.rglob("*") if path.is_file()])


def stands(target: Path, fingerprint: str, overwrite: bool) -> bool:
    """Whether `target` is what would be made. Raises UserError if it is something to be kept."""
    with writing(target):  # below a folder without permission not even this can be asked
        if not target.exists():
            return False
    if not (target / SUMMARY).is_file() or not is_prepared(target):
        raise UserError(
            f"{target} exists and is not prepared data; choose another data.name or move it away."
        )
    if overwrite:
        with suppress(UserError):  # damaged, and to be made anew
            return made_from(target) == fingerprint and not _left_out(target)
        return False
    if made_from(target) == fingerprint:
        if count := _left_out(target):
            console.print(
                f"[yellow]{escape(str(target))} leaves out {count} further images of packages, as "
                "packsight did before it used them all; data.overwrite=true prepares it with them",
                soft_wrap=True, highlight=False,
            )  # fmt: skip
        return True
    raise UserError(
        f"{target} was prepared from another source or with other settings; choose another "
        "data.name, or set data.overwrite=true."
    )


def _left_out(target: Path) -> int:
    """How many images an earlier version left out because their package had another one."""
    rejected = read_json(target / SUMMARY, (), "prepare the images again").get("rejected", {})
    return int(rejected.get(SECOND_VIEW, 0)) if isinstance(rejected, dict) else 0


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Yield a new folder beside `target` that takes its place only if the block succeeds."""
    making_folder(target.parent)
    with writing(target):
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        old = temporary.with_name(f"{temporary.name}.old")
        try:
            yield temporary
            temporary.chmod(0o755)  # mkdtemp's folders are closed to others
            if target.exists():
                target.rename(old)
            temporary.rename(target)
        finally:
            if old.exists() and not target.exists():
                old.rename(target)
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)
