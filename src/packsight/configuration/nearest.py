"""Near misses: the known name that somebody may have meant."""

import difflib
import re
from collections.abc import Iterable

from packsight.configuration.choices import hydra_names

CLOSE = 0.6  # how much of two names has to be the same for one to be a slip of the other


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like it: with the same last part, or nearly the same letters."""
    candidates = sorted(known)
    last = name.split(".")[-1]
    same = [candidate for candidate in candidates if candidate.split(".")[-1] == last]
    ends = {candidate.split(".")[-1]: candidate for candidate in candidates}
    for word, among, cutoff in ((name, same, 0.0), (name, candidates, CLOSE), (last, ends, CLOSE)):
        close = difflib.get_close_matches(word, among, n=1, cutoff=cutoff)
        if close:
            return ends[close[0]] if among is ends else close[0]
    return None


def without_hint(message: str) -> str:
    """Hydra's message about a key of its own, without the advice to add what it does not know."""
    found = re.search(r"Could not override '([^']+)'", message)
    if found is None or "To append to your" not in message:
        return message
    close = nearest(found[1], hydra_names())
    remedy = f"do you mean {close}?" if close else "--cfg hydra shows what there is."
    return f"{found[1]} is unknown; {remedy}"
