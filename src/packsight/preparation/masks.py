"""Which mask is which image's."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from packsight.preparation.layout import Candidate, MaskKey, Rejected, stem


def masks_of(
    candidates: Iterable[Candidate], masks: Mapping[MaskKey, str]
) -> tuple[dict[str, str], list[Rejected]]:
    """The mask of each image by the image's path, and masks that no image has.

    Of several images of a package and camera each has the mask of its own path, or of its name.
    """
    images = defaultdict(list)
    for candidate in candidates:
        images[candidate.key].append(candidate.path)
    of_key: dict[tuple[str, str, str], dict[str, str]] = defaultdict(dict)
    for (*key, place), mask in masks.items():
        label, perspective, serial = key
        of_key[label, perspective, serial][place] = mask
    found: dict[str, str] = {}
    rejected = []
    for key_of_mask, left in of_key.items():
        own = images.get(key_of_mask, [])
        for same in (stem, _name):
            places = {same(place): place for place in reversed(left)}
            for path in own:
                if path not in found and same(path) in places:
                    found[path] = left.pop(places.pop(same(path)))
        if len(own) == 1 and own[0] not in found:
            found[own[0]] = left.pop(next(iter(left)))
        for mask in left.values():
            if len(own) == 1:
                first = f"the first is {found[own[0]]}"
                rejected.append(Rejected(mask, "second mask of one image", first))
            else:
                rejected.append(Rejected(mask, "mask without an image"))
    return found, rejected


def _name(path: str) -> str:
    return PurePosixPath(stem(path)).name
