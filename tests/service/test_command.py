"""The command of a line's file, as a process."""

import subprocess
import sys
from pathlib import Path

import pytest

from packsight.service.command import main


def test_its_log_is_heard_while_libraries_are_quiet():
    """Images are decoded in several threads, with the process's standard error led nowhere."""
    code = (
        "import sys; from packsight.service.command import main; "
        "from packsight.system.streams import quiet_libraries; main([])\n"
        "with quiet_libraries(): print('heard', file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == "heard\n"
    assert "review" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["burn"], "invalid choice: 'burn' (choose from "),
        (["score"], "the following arguments are required: sources; line7.pyz score --help"),
        (["score", "in", "--workers", "0"], "--workers: '0' is not a number from 1 on;"),
        (["watch", "in", "--setle", "3"], "unrecognized arguments: --setle 3; line7.pyz --help"),
        (["watch", "in", "--page", "8080"], "--page: '8080' is not such as 127.0.0.1:8080;"),
    ],
)
def test_what_cannot_be_typed_gets_one_sentence_and_exit_code_2(capsys, arguments, told):
    with pytest.raises(SystemExit) as raised:
        main(arguments, Path("line7.pyz"))
    assert raised.value.code == 2
    [sentence] = capsys.readouterr().err.splitlines()
    assert sentence.startswith("error: ")
    assert told in sentence
