"""The layout that would understand most of a source, as settings to be pasted."""

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from packsight.domain import Perspective
from packsight.errors import UserError
from packsight.preparation.layout import Candidate, is_image
from packsight.preparation.layout_imagefolder import ImageFolderLayout
from packsight.preparation.layout_pattern import PatternLayout
from packsight.preparation.layout_standard import StandardLayout
from packsight.preparation.layout_table import TableLayout
from packsight.preparation.reading import Layout
from packsight.preparation.table_file import SUFFIXES
from packsight.preparation.vocabulary import Vocabulary, Words

LOOKED_AT = 400  # images at most; a source is named in few ways
FEW = 6  # labels or cameras in a source's own words
_NUMBERED = re.compile(r"(?:cam|camera|kamera|camara|câmera|cámara|view|vista|c|k)[0-9]{1,2}", re.I)
_PIECES = re.compile(r"([_\-. ]+)")


def nearest(root: Path, paths: Sequence[str], tried: Layout, fitted: int) -> str:
    """Settings that make more than the `fitted` images understood; "" if none are found."""
    images = [path for path in paths if is_image(path)]
    given: dict[str, Words] = {"labels": tried.labels, "cameras": tried.cameras}
    best = _best(root, paths, images, given, tried.kind, fitted)
    if best or fitted:
        return best
    guessed, asked = _guessed(images, tried.words)
    words = {key: _joined(given[key], guessed.get(key, {})) for key in given}
    best = _best(root, paths, images, words, "", fitted) if guessed else ""
    return f"{best}, once {' and '.join(asked)}." if best else ""


def _best(
    root: Path,
    paths: Sequence[str],
    images: Sequence[str],
    words: dict[str, Words],
    tried: str,
    fitted: int,
) -> str:
    """The settings by which most images are understood, if more than are already."""
    labels, cameras = words["labels"], words["cameras"]
    offers: list[tuple[str, Layout]] = [
        ("layout=standard", StandardLayout(labels=labels, cameras=cameras))
    ]
    if any(PurePosixPath(path).suffix.lower() in SUFFIXES for path in paths):
        offers.append(("layout=table", TableLayout(labels=labels, cameras=cameras)))
    for pattern in _patterns(images, Vocabulary(**words)):
        if "{perspective}" in pattern:
            settings = f"layout=pattern {shlex.quote(f'layout.pattern={pattern}')}"
            offers.append((settings, PatternLayout(pattern, labels=labels, cameras=cameras)))
    folder = ImageFolderLayout(camera=Perspective.SIDE, labels=labels)
    offers.append((f"layout=imagefolder layout.camera=<{'|'.join(Perspective)}>", folder))
    best, most = "", (fitted, 0)
    for settings, layout in offers:
        if layout.kind != tried or layout.kind == "pattern":
            score = _fitting(layout, root, paths, images)
            if score > most and score[0] > fitted:
                best, most = settings, score
    return best


def _fitting(
    layout: Layout, root: Path, paths: Sequence[str], images: Sequence[str]
) -> tuple[int, int]:
    """How many images a layout tells apart, and how many packages both cameras have seen."""
    try:
        reader = layout.reader(root, paths)
    except UserError:  # a table that lacks columns, for one
        return 0, 0
    cameras = defaultdict(set)
    for path in images:
        fits = reader.read(path)
        if isinstance(fits, Candidate):
            cameras[fits.serial].add((fits.label, fits.perspective))
    both = sum(len(seen) == len(Perspective) for seen in cameras.values())
    return sum(map(len, cameras.values())), both


def _patterns(images: Sequence[str], words: Vocabulary) -> list[str]:
    """Patterns that paths suggest, the most common first."""
    step = max(1, len(images) // LOOKED_AT)
    shapes = Counter(shape for path in images[::step] for shape in _shapes(path, words))
    return [shape for shape, _ in shapes.most_common(12)]


def _shapes(path: str, words: Vocabulary) -> list[str]:
    """What a path could be: fields for the words that are known, and the serial in each place."""
    pure = PurePosixPath(path)
    folders = [_field(part, words) for part in pure.parent.parts]
    named = [place for place, field in enumerate(folders) if field]
    stem = _pieces(pure.stem, words)
    free = [place for place, piece in enumerate(stem) if piece is None]
    if "{label}" not in folders and "{label}" not in stem:
        return []
    shapes = []
    for serial in free:
        # All that is free and stands together around it, or one piece of that alone.
        pieces = [piece or ("{serial}" if place == serial else "{anything}")
                  for place, piece in enumerate(stem)]  # fmt: skip
        shapes.append((folders, "".join(pieces)))
    if not free:  # the name is that of the camera; a folder is the package's
        for place, field in enumerate(folders):
            if field is None:
                own = [*folders[:place], "{serial}", *folders[place + 1 :]]
                shapes.append((own, "".join(filter(None, stem))))
                named = sorted({*named, place})
    joined = "".join(piece or "\0" for piece in stem)
    whole = re.sub(r"\0(?:[_\-. ]+\0)+", "{serial}", joined, count=1).replace("\0", "{anything}")
    if free and "{serial}" in whole:
        shapes.append((folders, whole))
    start = min(named, default=len(folders))
    return ["/".join([*(part or "{anything}" for part in own[start:]), name])
            for own, name in shapes]  # fmt: skip


def _field(word: str, words: Vocabulary) -> str | None:
    if words.label(word):
        return "{label}"
    return "{perspective}" if words.camera(word) else None


def _pieces(stem: str, words: Vocabulary) -> list[str | None]:
    """Fields and separators of a name; None for what is neither."""
    pieces = _PIECES.split(stem)
    found: list[str | None] = []
    place = 0
    while place < len(pieces):
        if place % 2:
            found.append(pieces[place])
            place += 1
            continue
        for length in (5, 3, 1):  # words of up to three parts
            field = _field("".join(pieces[place : place + length]), words)
            if field and place + length <= len(pieces):
                found.append(field)
                place += length
                break
        else:
            found.append(None if pieces[place] else "")
            place += 1
    return found


def _guessed(images: Sequence[str], words: Vocabulary) -> tuple[dict[str, Words], list[str]]:
    """Words that could be those of labels and cameras, and what has to be said of them."""
    kinds = {
        "labels": (words.label, ("damaged", "intact"), _folders(images, words)),
        "cameras": (words.camera, ("top", "side"), _numbered(images)),
    }
    guessed: dict[str, Words] = {}
    asked = []
    for kind, (known, meanings, some) in kinds.items():
        if some and not any(known(word) for path in images[:LOOKED_AT] for word in _words(path)):
            guessed[kind] = {meanings[0]: some[:1], meanings[1]: some[1:]}
            keys = " and ".join(f"layout.{kind}.{meaning}=[…]" for meaning in meanings)
            asked.append(f"{keys} say what {', '.join(map(repr, some))} are")
    return guessed, asked


def _joined(given: Words, guessed: Words) -> Words:
    keys = {*given, *guessed}
    return {key: [*given.get(key, ()), *guessed.get(key, ())] for key in keys}


def _words(path: str) -> list[str]:
    pure = PurePosixPath(path)
    return [*pure.parent.parts, *_PIECES.split(pure.stem)[::2]]


def _folders(images: Sequence[str], words: Vocabulary) -> list[str]:
    """The few names of folders at one level that are neither cameras nor splits."""
    levels: dict[int, set[str]] = defaultdict(set)
    for path in images:
        for place, part in enumerate(PurePosixPath(path).parent.parts):
            levels[place].add(part)
    for names in levels.values():
        others = any(
            words.camera(name) or words.split(name) or _NUMBERED.fullmatch(name) for name in names
        )
        if 2 <= len(names) <= FEW and not others:
            return sorted(names)
    return []


def _numbered(images: Sequence[str]) -> list[str]:
    """Words such as cam1 and cam2, if nearly all images have one of a few."""
    found = Counter(word for path in images for word in _words(path) if _NUMBERED.fullmatch(word))
    enough = sum(found.values()) >= 0.8 * len(images)
    return sorted(found) if enough and 2 <= len(found) <= FEW else []
