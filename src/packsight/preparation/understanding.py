"""What a layout makes of a source's files, and how that is told before anything is written."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rich.markup import escape

from packsight.domain import LABELS, Perspective
from packsight.errors import UserError
from packsight.preparation.annotations import Annotations, find_annotations
from packsight.preparation.bursts import count_bursts
from packsight.preparation.layout import Candidate, MaskKey, Rejected, by_role, is_image, walk
from packsight.preparation.layout_standard import StandardLayout
from packsight.preparation.proposal import nearest
from packsight.preparation.reading import Layout, Reader
from packsight.system.console import console
from packsight.system.fitted_table import FittedTable

EXAMPLES = 3


@dataclass(frozen=True)
class Understood:
    source: Path
    paths: list[str]
    candidates: list[Candidate]
    rejected: list[Rejected]
    masks: dict[MaskKey, str]  # by what they mask
    annotations: Annotations
    reader: Reader
    advice: str  # settings that would understand more; "" if there are none


def understand(
    root: Path, source: Path, target: Path | None = None, layout: Layout | None = None
) -> Understood:
    """What the files below `root` are, but for the `target` of what is made of them.

    Raises UserError, naming `source`, if no file fits the layout.
    """
    layout = layout or StandardLayout()
    paths, unread = walk(root, target)
    reader = layout.reader(root, paths)
    masks, xml, others, repeated = by_role(paths, reader.read)
    annotations = find_annotations(root, others, xml)
    taken = annotations.taken.union(reader.taken)
    fits = [reader.read(path) for path in others if path not in taken]
    candidates = [item for item in fits if isinstance(item, Candidate)]
    lost = [item for item in fits if isinstance(item, Rejected)]
    advice = ""
    if any(is_image(item.path) for item in lost):
        advice = nearest(root, paths, layout, len(candidates))
    if not candidates:
        raise _nothing_fits(source, paths, unread + lost, layout, advice)
    rejected = unread + repeated + annotations.rejected + reader.rejected + lost
    return Understood(source, paths, candidates, rejected, masks, annotations, reader, advice)


def _together(images: Sequence[Candidate]) -> list[str]:
    """What is said of bursts and groups, where there are any."""
    told = []
    bursts = count_bursts([(image.serial, image.perspective) for image in images])
    if bursts.packages:
        told.append(
            f"several images of a camera: {bursts.packages} packages, up to {bursts.most} images; "
            "all of them count"
        )
    groups = Counter(image.group for image in images)
    without = groups.pop("", 0)
    if groups:
        such = ", ".join(name for name, _ in groups.most_common(EXAMPLES))
        rest = f"; {without} images have none" if without else ""
        told.append(f"groups that no split parts: {len(groups)}, such as {such}{rest}")
    return told


def _nothing_fits(
    source: Path, paths: list[str], rejected: list[Rejected], layout: Layout, advice: str
) -> UserError:
    suffixes = Counter(PurePosixPath(path).suffix.lower() or "no suffix" for path in paths)
    counts = ", ".join(f"{count} × {suffix}" for suffix, count in suffixes.most_common(5))
    found = f"{counts}; such as {', '.join(paths[:3])}" if paths else "no files"
    reasons = Counter(item.reason for item in rejected if item.reason != "not an image")
    for reason, count in reasons.most_common(3):
        found += f"; {count} × {reason}"
    told = f" This would fit: {advice}" if advice else ""
    return UserError(f"{source} has no image that fits {layout.form}; found: {found}.{told}")


def show_understood(found: Understood) -> None:
    """Print what was understood, with examples, and what was not."""
    groups = defaultdict(list)
    for item in found.candidates:
        groups[item.label, item.perspective].append(item)
    table = FittedTable("understood", ("", "images", "packages", "such as"))
    for label in LABELS:
        for view in Perspective:
            some = groups.get((label, view), [])
            packages = len({item.serial for item in some})
            such = "\n".join(f"{item.path} → {item.serial}" for item in some[:EXAMPLES])
            table.add_row(f"{label}, {view}", str(len(some)), str(packages), escape(such))
    console.print(table)
    lines = [found.reader.told] if found.reader.told else []
    if words := ", ".join(f"{word} → {meaning}" for word, meaning in sorted(found.reader.met)):
        lines.append(f"words: {words}")
    for line in [*lines, *_together(found.candidates)]:
        console.print(escape(line), soft_wrap=True, highlight=False)
    if not found.rejected:
        return
    lost = FittedTable("not understood", ("why", "files", "such as"))
    reasons = defaultdict(list)
    for reject in found.rejected:
        reasons[reject.reason].append(reject)
    for reason, items in sorted(reasons.items(), key=lambda pair: -len(pair[1])):
        details = ", ".join(sorted({item.detail for item in items if item.detail})[:EXAMPLES])
        such = f"{items[0].path}" + (f" ({details})" if details else "")
        lost.add_row(escape(reason), str(len(items)), escape(such))
    console.print(lost)
    if found.advice:
        console.print(
            f"[yellow]more images would fit:[/] {escape(found.advice)}",
            soft_wrap=True, highlight=False,
        )  # fmt: skip
