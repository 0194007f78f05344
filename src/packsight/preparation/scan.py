"""From a source folder to the images that can be used, and the rest with reasons."""

import warnings
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from packsight.domain import Box
from packsight.errors import UserError
from packsight.imaging.decode import UnusableImageError, decode, decode_mask
from packsight.preparation.annotations import Annotations
from packsight.preparation.boxes import boxes_of
from packsight.preparation.layout import Candidate, Rejected
from packsight.preparation.masks import masks_of
from packsight.preparation.understanding import Understood
from packsight.system.console import track
from packsight.system.files import making_folder, writing

TWO_LABELS = "serial with two labels"
IDENTICAL = "identical content"


@dataclass(frozen=True, kw_only=True)
class UsableImage(Candidate):
    file: Path  # the original, or its conversion to 8-bit RGB
    suffix: str
    width: int
    height: int
    sha256: str
    package_box: list[Box]
    damage_boxes: list[Box]
    mask: Path | None


@dataclass
class Scan:
    images: list[UsableImage] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def scan(understood: Understood, root: Path, work: Path) -> Scan:
    """Check every image below `root` that was understood.

    Conversions and masks are written to the folder `work`. Raises UserError if no image can be
    used.
    """
    result = Scan(rejected=[*understood.rejected])
    candidates = understood.candidates
    annotations = understood.annotations
    masks, rejected = masks_of(candidates, understood.masks)
    result.rejected += rejected
    candidates, rejected = _without_two_labels(candidates)
    result.rejected += rejected

    def check(candidate: Candidate) -> tuple[UsableImage | None, list[Rejected]]:
        return _check(candidate, root, work, annotations, masks.get(candidate.path))

    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        # Larger images are rejected with a reason, so Pillow need not warn as well.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        for image, rejected in track(pool.map(check, candidates), "check images", len(candidates)):
            result.rejected += rejected
            if image is not None:
                result.images.append(image)
    result.images, rejected = _without_repetitions(result.images)
    result.rejected = sorted(result.rejected + rejected)
    if not result.images:
        counts = Counter(item.reason for item in result.rejected)
        raise UserError(
            f"{understood.source} has no usable image ("
            + ", ".join(f"{count} × {reason}" for reason, count in counts.most_common(3))
            + "); give readable images of packages."
        )
    return result


def _check(
    candidate: Candidate, root: Path, work: Path, annotations: Annotations, mask: str | None
) -> tuple[UsableImage | None, list[Rejected]]:
    """Decode one image with its boxes and mask."""
    try:
        decoded = decode(root / candidate.path)
    except UnusableImageError as error:
        return None, [Rejected(candidate.path, "unusable image", str(error))]
    place = work / candidate.path
    file = root / candidate.path
    if decoded.content is not None:
        file = _written(place.with_name(f"{place.name}.png"), decoded.content)
    rejected = []
    size = decoded.width, decoded.height
    package_box: list[Box] = []
    damage_boxes: list[Box] = []
    drawn = annotations.of(candidate)
    if drawn and decoded.rotated:
        rejected.append(Rejected(drawn[0], "boxes ignored", "the image is rotated by EXIF"))
    elif drawn:
        package_box, damage_boxes, problems = boxes_of(drawn[1], candidate.label, size)
        rejected += [Rejected(drawn[0], "annotation", problem) for problem in problems]
    mask_file = None
    if mask and decoded.rotated:
        rejected.append(Rejected(mask, "mask ignored", "the image is rotated by EXIF"))
    elif mask:
        try:
            content = decode_mask(root / mask, size)
            mask_file = _written(place.with_name(f"{place.name}.mask.png"), content)
        except UnusableImageError as error:
            rejected.append(Rejected(mask, "unusable mask", str(error)))
    image = UsableImage(
        **vars(candidate),
        file=file,
        suffix=decoded.suffix,
        width=decoded.width,
        height=decoded.height,
        sha256=decoded.sha256,
        package_box=package_box,
        damage_boxes=damage_boxes,
        mask=mask_file,
    )
    return image, rejected


def _written(file: Path, content: bytes) -> Path:
    making_folder(file.parent)
    with writing(file):
        file.write_bytes(content)
    return file


def _without_two_labels(candidates: list[Candidate]) -> tuple[list[Candidate], list[Rejected]]:
    labels = defaultdict(set)
    for item in candidates:
        labels[item.serial].add(item.label)
    kept = [item for item in candidates if len(labels[item.serial]) == 1]
    dropped = [item for item in candidates if len(labels[item.serial]) > 1]
    return kept, [Rejected(item.path, TWO_LABELS, item.serial) for item in dropped]


def _without_repetitions(images: list[UsableImage]) -> tuple[list[UsableImage], list[Rejected]]:
    """Keep the first image of each content."""
    rejected = []
    same = defaultdict(list)
    for image in images:
        same[image.sha256].append(image)
    kept = []
    for image in images:
        twins = same[image.sha256]
        if len({twin.label for twin in twins}) > 1:
            other = next(twin for twin in twins if twin.label != image.label)
            detail = f"as {other.path}, which has another label"
            rejected.append(Rejected(image.path, IDENTICAL, detail))
        elif twins[0] is not image:
            rejected.append(Rejected(image.path, IDENTICAL, f"as {twins[0].path}"))
        else:
            kept.append(image)
    return kept, rejected
