"""The packages whose images lie in a folder, named as a layout tells."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from packsight.domain import Perspective
from packsight.errors import UserError
from packsight.imaging.decode import UnusableImageError, read_rgb
from packsight.preparation.layout import IMAGE_SUFFIXES, is_image, walk
from packsight.preparation.layout_pattern import PatternLayout
from packsight.preparation.layout_standard import StandardLayout
from packsight.preparation.reading import Layout

Images = dict[str, Path]  # of a package, by camera


class Packages(NamedTuple):
    """Images by package, and files that belong to none, with the reason."""

    images: dict[str, Images]
    left_out: list[tuple[str, str]]


def layout_of(pattern: str | None, camera: str | None = None) -> Layout:
    """`<serial>_<camera>` without a pattern. Raises UserError for a camera that is none."""
    if camera not in (None, *Perspective):
        raise UserError(f"--camera {camera} is no camera; use top or side.")
    return PatternLayout(pattern, camera) if pattern else StandardLayout()


def packages_in(
    sources: Sequence[Path], layout: Layout, camera: str | None, cameras: Sequence[str]
) -> Packages:
    """Of files and folders; `camera` took what names none, `cameras` are those that are known.

    Of several images of one package and camera the first that can be decoded counts: a line gets
    one. Raises UserError where there is no image at all.
    """
    images: dict[str, Images] = {}
    left_out: list[tuple[str, str]] = []
    for source in sources:
        if not source.exists():
            raise UserError(f"{source} does not exist; give images, or folders of them.")
        root = source if source.is_dir() else source.parent
        paths, rejected = walk(root) if source.is_dir() else ([source.name], [])
        left_out += [
            (str(root / item.path), ": ".join(filter(None, item[1:]))) for item in rejected
        ]
        paths = [path for path in paths if is_image(path)]
        named = layout.namer(root, paths)
        for path in paths:
            name = named(path)
            of = name.perspective or camera
            file = root / path
            if of is None:
                told = f"the camera is unknown: {_remedy(layout)}, or give --camera"
                left_out.append((str(file), told))
            elif of not in cameras:
                left_out.append((str(file), f"this line has no model for the camera {of}"))
            else:
                held = images.setdefault(name.serial or path, {})
                first = held.setdefault(of, file)
                if first != file:
                    if not _readable(first):
                        held[of], file = file, first
                    told = f"another image of this package and camera counts: {held[of]}"
                    left_out.append((str(file), told))
    if not images and not left_out:
        raise UserError(
            f"{', '.join(map(str, sources))} holds no image; expected files that end in "
            f"{', '.join(IMAGE_SUFFIXES)}."
        )
    return Packages(dict(sorted(images.items())), left_out)


def _remedy(layout: Layout) -> str:
    if isinstance(layout, PatternLayout):
        return f"mend --pattern {layout.pattern}, which tells none here"
    return "name it <serial>_<top|side>"


def _readable(file: Path) -> bool:
    try:
        read_rgb(file)
    except UnusableImageError:
        return False
    return True
