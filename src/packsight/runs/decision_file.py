"""The decision that lies with runs, and the runs that serve it."""

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from packsight.data.pairing import PAIR
from packsight.decision.rule import FILE, REMEDY, Decision, read_decision
from packsight.errors import UserError
from packsight.runs.saved import Run
from packsight.system.console import console

WITHOUT = "none"  # in the place of a file


def find_decision(
    asked: str | None, source: str | Path, runs: Sequence[Run], member: str
) -> Decision | None:
    """The decision `asked` for by its file, or the one that lies with the runs of a source.

    None where there is none, where it is asked for by "none", or where `member` leaves out its
    runs. Raises UserError for a damaged one, and for one whose runs are not there.
    """
    if asked == WITHOUT:
        return None
    found = Path(asked) if asked else _beside(Path(source), runs)
    if found is None:
        return None
    decision = read_decision(found / FILE if found.is_dir() else found)
    inside = not asked and not Path(source).is_dir() and found.parent != Path(source).parent
    file = f"{FILE} in {source}" if inside else str(found)
    held = {run.name for run in runs}
    lacking = sorted({name for names in decision.runs.values() for name in names} - held)
    if lacking and not asked and not any(fnmatch(name, member) for name in lacking):
        console.print(f"{file} is not used: member={member} leaves out runs of it", markup=False)
        return None
    if lacking:
        raise UserError(
            f"{file} is about {lacking[0]}, which {source} does not hold or member={member} leaves "
            f"out; give the runs that it is about, {REMEDY}, or use decision=none."
        )
    for part in decision.runs:
        if not _fit(decision, part, serving(decision, runs)[part]):
            raise UserError(f"{file} does not fit its runs for {part}; {REMEDY}.")
    console.print(f"decision: [cyan]{file}[/]", soft_wrap=True)
    return decision


def serving(decision: Decision, runs: Sequence[Run]) -> dict[str, tuple[Run, ...]]:
    """The runs of each camera, or of both images as a pair, whose mean score decides."""
    by_name = {run.name: run for run in runs}
    return {part: tuple(by_name[name] for name in names) for part, names in decision.runs.items()}


def _beside(source: Path, runs: Sequence[Run]) -> Path | None:
    """The decision.json in an experiment's folder; of an archive, the one in it or beside it."""
    if source.suffix == ".ckpt":
        return None
    run = runs[0]
    root = [run.folder, *run.folder.parents][len(Path(run.name).parts)]
    files = [folder / FILE for folder in dict.fromkeys((root, source.parent))]
    inside, beside = files[0], files[-1]
    if source.is_dir() or not beside.is_file():
        return inside if inside.is_file() else None
    if inside.is_file() and read_decision(inside) != read_decision(beside):
        raise UserError(
            f"{source} holds another decision than {beside}; say which with decision={beside}, or "
            "move that file away."
        )
    return beside


def _fit(decision: Decision, part: str, runs: Sequence[Run]) -> bool:
    """Whether runs can score that part, and all parts come to one score."""
    fused = (decision.fusion is not None) == (len(decision.runs) > 1)
    views = [run.config.perspective for run in runs]
    able = (view.paired if part == PAIR else part in view.cameras and not view.paired
            for view in views)  # fmt: skip
    return bool(views) and fused and all(able)
