"""Why the service could not use an image, or not record, in the page's language.

The ledger keeps what was told in English. What packsight itself says is put into the language here;
what a library or the system said stays as it is.
"""

import re

from packsight.page.words import Words

_KNOWN = {
    re.compile(pattern, re.DOTALL): key
    for pattern, key in (
        (r"the file is empty", "why.empty"),
        (r"the file cannot be opened \((?P<why>.*)\)", "why.unopened"),
        (r"not a readable image \((?P<why>.*)\)", "why.unreadable"),
        (r"the file is cut", "why.cut"),
        (r"its check sums are wrong", "why.sums"),
        (r"its pixels are damaged", "why.pixels"),
        (r"(?P<size>\d+×\d+) pixels are too many", "why.large"),
        (r"(?P<size>\d+×\d+) pixels are too few \(at least (?P<least>\d+) a side\)", "why.small"),
        (r"32 bits a pixel are refused; give 8 or 16", "why.bits"),
        (r"the model failed \((?P<why>.*)\)", "why.model"),
        (r"nothing can be recorded \((?P<why>.*)\)", "why.unrecorded"),
        (r"(database or disk is full|No space left on device)", "why.full"),
        (r"No such file or directory", "why.gone"),
        (r"Permission denied", "why.permission"),
    )
}


def reason(told: str, say: Words) -> str:
    """What was told, in the page's language so far as it is packsight's."""
    for pattern, key in _KNOWN.items():
        if found := pattern.fullmatch(told):
            parts = {name: reason(part, say) for name, part in found.groupdict().items()}
            return say(key, **parts)
    return told
