from pathlib import Path

import pytest
from reported import write_run

from packsight.configuration.check import checked
from packsight.errors import UserError
from packsight.pipeline.report import report


def test_the_page_is_in_the_language_that_was_asked_for(config, tmp_path: Path) -> None:
    write_run(tmp_path / "cv", "good", "top", 0.6)
    for language, heading in (("en", "Leaderboard"), ("pt", "Classificação")):
        cfg = config("report", "name=cv", f"outputs={tmp_path}", f"language={language}")
        page = report(cfg).read_text(encoding="utf-8")
        assert f"<h2>{heading}</h2>" in page


def test_a_language_that_nobody_wrote_is_refused(config) -> None:
    with pytest.raises(UserError, match="language"):
        checked(config("report", "language=fr"), "report")
