"""Home and caches of a job: the submitter's own where they can be written to, else a folder of the workspace."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import as_ordinary_user

from traindock.compute.caches import stand_ins


def test_what_can_be_written_to_stays(tmp_path: Path) -> None:
    given = {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "new" / "cache"),
        "TORCH_HOME": str(tmp_path / "t"),
    }
    assert stand_ins(given, tmp_path / "home") == ({}, [])
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("home", ["/nonexistent", "", "relative", None])
def test_a_home_that_is_not_there_is_replaced_and_that_is_said(tmp_path: Path, home: str | None) -> None:
    found, warnings = stand_ins({} if home is None else {"HOME": home}, tmp_path / "home")
    assert found == {"HOME": str(tmp_path / "home")}
    assert (tmp_path / "home").is_dir()
    assert f"HOME={tmp_path / 'home'}" in warnings[0]


@pytest.mark.parametrize("name", ["XDG_CACHE_HOME", "TORCH_HOME", "MPLCONFIGDIR"])
def test_a_cache_that_cannot_be_made_is_replaced_and_that_is_said(tmp_path: Path, name: str) -> None:
    found, warnings = stand_ins({"HOME": str(tmp_path), name: "/proc/nope"}, tmp_path / "home")
    assert list(found) == [name]
    assert Path(found[name]).is_relative_to(tmp_path / "home")
    assert Path(found[name]).is_dir()
    assert "/proc/nope" in warnings[0]


def test_a_relative_cache_is_replaced_and_made_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found, _ = stand_ins({"HOME": str(tmp_path), "XDG_CACHE_HOME": "caches"}, tmp_path / "home")
    assert found["XDG_CACHE_HOME"] == str(tmp_path / "home" / ".cache")
    assert not (tmp_path / "caches").exists()


def test_folders_of_somebody_else_are_replaced(tmp_path: Path) -> None:
    def check() -> None:
        (tmp_path / "me" / ".cache" / "torch").mkdir(parents=True)
        (tmp_path / "me" / ".cache" / "torch").chmod(0o555)
        home = tmp_path / "home"
        assert list(stand_ins({"HOME": str(tmp_path / "me")}, home)[0]) == []
        given = {"HOME": str(tmp_path / "me"), "XDG_CACHE_HOME": str(tmp_path / "me" / ".cache")}
        assert stand_ins(given, home)[0] == {"TORCH_HOME": str(home / ".cache" / "torch")}
        (tmp_path / "me" / ".cache").chmod(0o555)
        assert stand_ins({"HOME": str(tmp_path / "me")}, home)[0] == {"XDG_CACHE_HOME": str(home / ".cache")}
        (tmp_path / "me").chmod(0o555)
        assert stand_ins({"HOME": str(tmp_path / "me")}, home)[0] == {"HOME": str(home)}

    as_ordinary_user(tmp_path, check)
