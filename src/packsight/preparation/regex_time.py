"""How long regular expressions take: those that would take for ever are found before they do."""

import json
import subprocess
import sys
from collections.abc import Sequence

from packsight.errors import UserError

LIMIT_S = 20.0  # for all paths of a source, of which a hundred thousand take about a second
# Python's own expressions cannot be told to stop, and a process can.
_WORK = """
import json, re, sys
regexes, texts = json.load(sys.stdin)
for regex in regexes:
    found = re.compile(regex, re.IGNORECASE)
    for text in texts:
        found.search(text)
"""


def check_time(regexes: Sequence[str], texts: Sequence[str], name: str) -> None:
    """Raise UserError if to search all texts takes longer than a source of any size would.

    `name` is what the user calls the expressions.
    """
    command = [sys.executable, "-I", "-S", "-c", _WORK]
    content = json.dumps([regexes, texts]).encode()
    try:
        subprocess.run(command, input=content, capture_output=True, timeout=LIMIT_S, check=True)
    except subprocess.TimeoutExpired:
        raise UserError(
            f"{name} takes longer than {LIMIT_S:g} s to be compared with {len(texts)} paths; write "
            "it without a repetition inside a repetition, and with fewer parts that take anything."
        ) from None
