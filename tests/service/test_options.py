import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest

from packsight.errors import UserError
from packsight.service.options import add_settings, read_settings
from packsight.service.settings import Settings


def settings(*arguments: object) -> Settings:
    parser = ArgumentParser()
    add_settings(parser)
    return read_settings(parser.parse_args([*map(str, arguments)]))


def test_the_command_line_goes_before_the_file_and_that_before_defaults(tmp_path):
    file = tmp_path / "line.yaml"
    file.write_text(f"folders: {tmp_path}\nsettle: 3\nwait: 4\nannotate: [reject]\nverbose: true\n")
    found = settings("--settings", file, "--wait", 5)
    assert found == Settings(
        folders=(tmp_path,), settle=3.0, wait=5.0, annotate=("reject",), verbose=True
    )


def test_several_values_have_commas_between_them(tmp_path):
    found = settings(tmp_path, "--annotate", "accept,reject", "--top-words", "cam1, cam2")
    assert found.annotate == ("accept", "reject")
    assert found.top_words == ("cam1", "cam2")


def test_there_may_be_several_receivers_of_a_kind(tmp_path):
    file = tmp_path / "line.yaml"
    file.write_text(
        f"folders: {tmp_path}\nmqtt: mqtt://a/b\nwebhook: ['http://a/b,c', http://d/e]\n"
    )
    found = settings("--settings", file, "--json-lines", "a.jsonl", "--json-lines", "b,c.jsonl")
    assert found.mqtt == ("mqtt://a/b",)
    assert found.webhook == ("http://a/b,c", "http://d/e")
    assert found.json_lines == (Path("a.jsonl"), Path("b,c.jsonl"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("setle: 3", "did you mean settle?"),
        ("settle: soon", "settle: 'soon' is not a number of seconds above 0"),
        ("settle: -1", "'-1' is not a number of seconds above 0"),
        ("files: burn", "files: 'burn' is not one of stay, move"),
        ("annotate: [reject, all]", "annotate: 'all' is not one of accept, reject, inspect, none"),
        ("page: 8080", "page: '8080' is not such as 127.0.0.1:8080"),
        ("verbose: 3", "verbose is 3; use true or false"),
        ("wait: [1, 2]", "wait: [1, 2] is not a number of seconds"),
        ("- 3", "it holds list, not names and values"),
        ("a: b: c", "is damaged, or not YAML (line 1: mapping values are not allowed here)"),
        ("{}", "watch needs a folder in which images arrive"),
    ],
)
def test_mistakes_in_the_file_are_sentences(tmp_path, text, told):
    file = tmp_path / "line.yaml"
    file.write_text(text)
    with pytest.raises(UserError) as raised:
        settings("--settings", file)
    assert told in str(raised.value)


def test_mistakes_on_the_command_line_end_with_exit_code_2(tmp_path, capsys):
    with pytest.raises(SystemExit) as raised:
        settings(tmp_path, "--settle", "0")
    assert raised.value.code == 2
    assert "'0' is not a number of seconds above 0" in capsys.readouterr().err


def test_folders_must_exist_and_be_watched_once(tmp_path):
    with pytest.raises(UserError, match="nowhere is no folder"):
        settings(tmp_path / "nowhere")
    (tmp_path / "top").mkdir()
    with pytest.raises(UserError, match="watched twice"):
        settings(tmp_path, tmp_path / "top")
    with pytest.raises(UserError, match="watched twice"):
        settings(tmp_path / "top", tmp_path / "top")


def test_a_file_without_pyyaml_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(UserError, match="needs PyYAML, which is not installed"):
        settings("--settings", tmp_path / "line.yaml")
