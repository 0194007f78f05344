"""A process's streams can cost looks, never a run: each case is a small process of its own."""

import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from packsight.system.streams import plainer, quiet_libraries, sturdy

ROOT = Path(__file__).resolve().parents[2]
WORK = """
import sys
from pathlib import Path
from rich.table import Table
from packsight.system.console import console, counted, errors, track

for _ in track(range(3), "learn the belt – top"):
    pass
with counted("score · images", 4, "images") as advance:
    advance(4)
console.rule("[bold]8 × 4 …")
table = Table(title="sizes → 960×540")
table.add_column("packages ± spread", width=8)
table.add_row("•" * 20)
console.print(table)
console.print("gr\\u00fc\\u00dfe \\udcfc [cyan]outputs/caf\\u00e9[/]", soft_wrap=True)
print("0.5 ≤ share", "≥", "\\u4e2d")
errors.print("error: what – is × wrong")
for _ in range(int(sys.argv[2])):
    console.print("another line, and then another one")
Path(sys.argv[1]).write_text("finished")
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("work") / "work.py"
    file.write_text(WORK, encoding="utf-8")
    return file


def environment(**variables: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return kept | {"PYTHONPATH": str(ROOT / "src")} | variables


def run(work: Path, folder: Path, lines: int = 0, flags: tuple[str, ...] = (), **options):
    """Let the work run in a process; its result, and whether it came to its end."""
    variables = options.pop("variables", {})
    command = [sys.executable, *flags, str(work), str(folder / "end"), str(lines)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    done = subprocess.run(command, env=environment(**variables), timeout=120, **options)
    return done, (folder / "end").is_file()


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp437", "cp1252", "utf-8"])
def test_an_encoding_that_lacks_signs_gets_plainer_ones(work, tmp_path, encoding):
    variables = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done, ended = run(work, tmp_path, variables=variables)
    assert (done.returncode, ended) == (0, True), done.stderr
    out, error = done.stdout.decode(encoding), done.stderr.decode(encoding)
    assert "Traceback" not in error
    assert "learn the belt" in out
    assert "error: what" in error
    if encoding == "ascii":
        assert "8 x 4 ..." in out
        assert "0.5 <= share >= \\u4e2d" in out
        assert "outputs/caf\\xe9" in out
        assert error == "error: what - is x wrong\n"


HOSTILE = [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"TERM": "dumb"}, {"COLUMNS": "1"},
           {"PYTHONIOENCODING": ":strict"}]  # fmt: skip


@pytest.mark.parametrize("variables", HOSTILE)
def test_other_environments_do_not_stop_it(work, tmp_path, variables):
    done, ended = run(work, tmp_path, variables=variables)
    assert (done.returncode, ended) == (0, True), done.stderr


@pytest.mark.parametrize("flags", [(), ("-u",)])
def test_a_reader_who_leaves_does_not_end_the_run_and_nothing_is_said(work, tmp_path, flags):
    command = [sys.executable, *flags, str(work), str(tmp_path / "end"), "20000"]
    process = subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(120) == 0
    assert process.stderr.read() == "error: what – is × wrong\n".encode()
    process.stderr.close()
    assert (tmp_path / "end").is_file()


def test_nobody_reads_standard_error(work, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    done, ended = run(work, tmp_path, stderr=writing)
    os.close(writing)
    assert (done.returncode, ended) == (0, True)
    assert b"another" not in done.stdout
    assert b"0.5" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_log_on_a_full_disk_does_not_end_the_run(work, tmp_path):
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done, ended = run(work, tmp_path, lines=2000, stdout=full, stderr=full)
    assert (done.returncode, ended) == (0, True)


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_closed_streams_do_not_stop_it(work, tmp_path, closed):
    command = f'"$0" "$1" "$2" 10 {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", command, sys.executable, str(work), str(tmp_path / "end")],
        env=environment(), capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0
    assert (tmp_path / "end").is_file()


def test_what_stands_for_a_stream_is_left_alone():
    assert sturdy(None) is None
    notebook = object()
    assert sturdy(notebook) is notebook


def test_plainer_leaves_other_errors_alone():
    with pytest.raises(TypeError):
        plainer(UnicodeError("odd"))
    assert b"\xff".decode("ascii", "plainer") == "\\xff"


def test_libraries_are_quiet_inside_and_heard_afterwards_also_among_threads(capfd):
    inside, leave = threading.Event(), threading.Event()

    def longer() -> None:
        with quiet_libraries():
            inside.set()
            leave.wait(30)
            os.write(2, b"still inside\n")

    thread = threading.Thread(target=longer)
    thread.start()
    assert inside.wait(30)
    with quiet_libraries():
        os.write(2, b"inside\n")
    os.write(2, b"the other is inside\n")
    leave.set()
    thread.join()
    os.write(2, b"outside\n")
    with pytest.raises(RuntimeError), quiet_libraries():
        raise RuntimeError
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "outside\nheard\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_forked_meanwhile_is_heard_and_can_be_quiet_itself(capfd):
    entered, leave = threading.Event(), threading.Event()

    def longer() -> None:
        with quiet_libraries():
            entered.set()
            leave.wait(30)

    def speak() -> None:
        os.write(2, b"heard\n")
        with quiet_libraries():
            os.write(2, b"inside\n")

    thread = threading.Thread(target=longer)
    thread.start()
    assert entered.wait(30)
    process = multiprocessing.get_context("fork").Process(target=speak)
    process.start()
    process.join(30)
    leave.set()
    thread.join()
    assert process.exitcode == 0
    assert capfd.readouterr().err == "heard\n"
