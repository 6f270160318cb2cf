"""Tags and properties that scripts set."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.trainer.runtime.run.conftest import sent

from traindock import errors
from traindock.runtime.context import Run


class TestTags:
    def test_they_are_requests_and_seen_at_once(self, job: Run, folder: Path) -> None:
        job.tag("b", 2)
        job.set_tags({"c": "é\n", "d": None})
        job.remove_tags(["a", "nothing"])
        job.add_properties({"q": 5})
        job.display_name = "second try"
        job.description = "what it is"
        assert job.get_tags() == job.tags == {"b": "2", "c": "é\n", "d": ""}
        assert job.get_properties() == job.properties == {"p": "1", "q": "5"}
        assert (job.display_name, job.description) == ("second try", "what it is")
        assert sent(folder) == [
            {"request": "tag", "tags": {"b": "2"}},
            {"request": "tag", "tags": {"c": "é\n", "d": ""}},
            {"request": "remove_tags", "keys": ["a", "nothing"]},
            {"request": "properties", "properties": {"q": "5"}},
            {"request": "display_name", "value": "second try"},
            {"request": "description", "value": "what it is"},
        ]

    def test_properties_never_change(self, job: Run, folder: Path) -> None:
        job.add_properties({"p": "1"})
        with pytest.raises(errors.UserErrorException, match="never change"):
            job.add_properties({"p": "2", "new": "x"})
        assert job.get_properties() == {"p": "1"}

    def test_keys_are_strings(self, either: Run) -> None:
        for wrong in ({1: "a"}, {"": "a"}, ["a"]):
            with pytest.raises(errors.UserErrorException):
                either.set_tags(wrong)  # type: ignore[arg-type]

    def test_a_full_disk_is_said_once_and_not_raised(
        self, job: Run, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "requests").write_text("in the way")
        job.tag("x", "1")
        job.tag("x", "2")
        assert capsys.readouterr().out.count("cannot be written") == 1

    def test_outside_of_a_job(self, offline: Run, capsys: pytest.CaptureFixture[str]) -> None:
        offline.tag("a", 1)
        offline.remove_tags("a")
        offline.tag("b")
        offline.add_properties({"p": "1"})
        offline.display_name = "x"
        offline.description = "y"
        assert (offline.tags, offline.properties) == ({"b": ""}, {"p": "1"})
        assert (offline.display_name, offline.description) == ("x", "y")
        assert len(capsys.readouterr().out.splitlines()) == 6
