"""Files that scripts upload and download."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from traindock import errors
from traindock.runtime.context import Run


class TestFiles:
    def test_uploads_have_a_place_each(self, job: Run, folder: Path) -> None:
        (folder / "x.txt").write_text("x")
        job.upload_file("outputs/a/x.txt", folder / "x.txt")
        job.upload_file("logs/x.txt", str(folder / "x.txt"))
        job.upload_file("plain.txt", io.BytesIO(b"stream"))
        job.upload_file("text.txt", io.StringIO("é"))
        job.upload_files(["many/1", "many/2"], [folder / "x.txt", folder / "x.txt"])
        assert job.get_file_names() == [
            "logs/x.txt",
            "many/1",
            "many/2",
            "outputs/a/x.txt",
            "plain.txt",
            "text.txt",
        ]
        assert Path("outputs/a/x.txt").read_text() == "x"
        assert (folder / "uploads" / "text.txt").read_text() == "é"

    def test_a_stream_gives_bytes_or_text(self, job: Run, folder: Path) -> None:
        class Stream:
            def read(self, size: int) -> Any:
                return [1]

        with pytest.raises(errors.UserErrorException, match="neither bytes nor text, but a list"):
            job.upload_file("x", Stream())
        assert job.get_file_names() == []

    def test_many_at_once(self, job: Run, folder: Path) -> None:
        for name in ("a/1", "a/2", "b"):
            job.upload_file(name, io.BytesIO(name.encode()))
        job.download_files("a/", folder / "there")
        job.download_files("a/", folder / "short", append_prefix=False)
        job.download_files(output_directory=folder / "named", output_paths=["x", "y", "z"])
        found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        expected = {"there/a/1", "there/a/2", "short/1", "short/2", "named/x", "named/y", "named/z"}
        assert {name for name in found if name.startswith(("there", "short", "named"))} == expected
        with pytest.raises(errors.ModelPathNotFoundException, match="a/1"):
            job.download_files("c/")
        with pytest.raises(errors.UserErrorException, match="1 output_paths for 3 files"):
            job.download_files(output_paths=["x"])

    def test_a_folder(self, job: Run, folder: Path) -> None:
        (folder / "data" / "sub").mkdir(parents=True)
        (folder / "data" / "1").write_text("1")
        (folder / "data" / "sub" / "2").write_text("2")
        job.upload_folder("outputs/data/", folder / "data")
        assert job.get_file_names() == ["outputs/data/1", "outputs/data/sub/2"]

    def test_what_is_there_is_not_replaced(self, job: Run, folder: Path) -> None:
        job.upload_file("x", io.BytesIO(b"1"))
        with pytest.raises(errors.UserErrorException, match="already"):
            job.upload_file("x", io.BytesIO(b"2"))
        assert (folder / "uploads" / "x").read_bytes() == b"1"

    def test_no_name_is_given_twice(self, either: Run) -> None:
        either.upload_file("x", io.BytesIO(b"1"))
        with pytest.raises(errors.UserErrorException, match="already"):
            either.upload_file("./x", io.BytesIO(b"2"))

    def test_an_output_under_its_own_name_stays_where_it_is(self, job: Run) -> None:
        Path("outputs/model.pt").write_text("m")
        job.upload_file("outputs/model.pt", "outputs/model.pt")
        assert job.get_file_names() == ["outputs/model.pt"]

    def test_half_a_file_is_never_seen(self, job: Run, folder: Path) -> None:
        class Breaks:
            def read(self, size: int) -> bytes:
                assert job.get_file_names() == []
                raise RuntimeError("the source broke")

        with pytest.raises(RuntimeError):
            job.upload_file("x", Breaks())
        assert list((folder / "uploads").iterdir()) == []

    @pytest.mark.parametrize("name", ["../x", "/etc/x", "outputs/../../x", "", "a\0b", None, "..", "."])
    def test_no_name_leads_out(self, either: Run, name: Any) -> None:
        with pytest.raises(errors.UserErrorException, match="file name"):
            either.upload_file(name, io.BytesIO(b"x"))
        with pytest.raises(errors.UserErrorException, match="file name"):
            either.download_file(name)

    def test_sources_that_are_not_there(self, either: Run, tmp_path: Path) -> None:
        with pytest.raises(errors.UserErrorException, match="no file"):
            either.upload_file("x", tmp_path / "missing")
        with pytest.raises(errors.UserErrorException, match="a path or a stream, not a float"):
            either.upload_file("x", 0.5)
        with pytest.raises(errors.UserErrorException, match="no folder"):
            either.upload_folder("x", tmp_path / "missing")
        with pytest.raises(errors.UserErrorException, match="2 names for 1 paths"):
            either.upload_files(["a", "b"], ["c"])
        with pytest.raises(errors.UserErrorException, match="'a' is given twice"):
            either.upload_files(["a", "a"], ["b", "c"])

    def test_a_disk_that_refuses(self, job: Run, folder: Path) -> None:
        (folder / "uploads").write_text("in the way")
        with pytest.raises(errors.StoreException, match="cannot be stored"):
            job.upload_file("x", io.BytesIO(b"x"))

    def test_downloads(self, job: Run, folder: Path) -> None:
        Path("outputs/model.pt").write_text("m")
        (folder / "there").mkdir()
        job.download_file("outputs/model.pt")
        job.download_file("outputs/model.pt", folder / "there")
        job.download_file("outputs/model.pt", folder / "new" / "name.pt")
        for path in (Path("model.pt"), folder / "there" / "model.pt", folder / "new" / "name.pt"):
            assert path.read_text() == "m"
        with pytest.raises(errors.ModelPathNotFoundException, match=r"outputs/model\.pt"):
            job.download_file("outputs/other.pt")

    def test_outside_of_a_job(self, offline: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        offline.upload_file("x", io.BytesIO(b"x"))
        offline.upload_folder("y", tmp_path)
        offline.download_file("nothing")
        assert list(tmp_path.iterdir()) == []
        assert len(capsys.readouterr().out.splitlines()) == 3
        (tmp_path / "outputs").mkdir()
        (tmp_path / "outputs" / "m").write_text("m")
        assert offline.get_file_names() == ["outputs/m"]
