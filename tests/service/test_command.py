"""The command of a line's file, as a process."""

import subprocess
import sys


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
