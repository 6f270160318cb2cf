"""The files of a run: their names, where they lie, and copies of them, while it runs and after it was sealed."""

from __future__ import annotations

import contextlib
import io
import os
import threading
import time
from pathlib import Path

import pytest

from traindock.errors import ModelPathNotFoundException, StoreException, TraindockError, UserErrorException
from traindock.runtime.files import RunFiles
from traindock.runtime.links import MOST_LINKED, TOO_MANY, LinkedFolder
from traindock.store import run_files
from traindock.store.blobs import BlobStore
from traindock.store.layout import RunLayout
from traindock.store.sealed_files import read_sealed
from traindock.store.sealing import seal


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


@pytest.fixture
def run(tmp_path: Path) -> RunLayout:
    """A run that is going on."""
    run = RunLayout(tmp_path / "run_1")
    for folder in (run.work / "outputs", run.work / "logs", run.uploads, run.driver):
        folder.mkdir(parents=True)
    run.outputs.symlink_to("work/outputs")
    run.logs.symlink_to("work/logs")
    write(run.work / "outputs/model.pt", b"weights")
    write(run.work / "outputs/deep/er.txt", b"deep")
    write(run.work / "logs/epochs.txt", b"1\n")
    write(run.uploads / "figures/curve.png", b"png")
    write(run.stdout, b"hello\n")
    return run


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


NAMES = ["figures/curve.png", "logs/epochs.txt", "logs/stdout.txt", "outputs/deep/er.txt", "outputs/model.pt"]


@pytest.fixture(params=["running", "sealed"])
def any_run(request, run, blobs) -> RunLayout:
    if request.param == "sealed":
        seal(run, blobs)
    return run


class TestFewNames:
    def test_are_those_there_are_or_none_where_they_are_more(self, any_run: RunLayout) -> None:
        assert run_files.list_few(any_run, len(NAMES)) == NAMES
        assert run_files.list_few(any_run, len(NAMES) - 1) is None

    def test_the_rest_is_not_looked_at(self, run: RunLayout, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(20):
            write(run.work / f"outputs/{number}/file", b"")
        looked_at = []
        entries = LinkedFolder._entries

        def counted(folder: LinkedFolder, place: str) -> list[tuple[str, int]]:
            looked_at.append(place)
            return entries(folder, place)

        monkeypatch.setattr(LinkedFolder, "_entries", counted)

        assert run_files.list_few(run, 5) is None
        assert len(looked_at) < 10


class TestNames:
    def test_they_are_the_same_while_running_and_sealed(self, any_run):
        assert run_files.list_files(any_run) == NAMES

    def test_the_build_log_is_there_once_it_is_written(self, any_run):
        write(any_run.build_log, b"built\n")
        assert "logs/build.txt" in run_files.list_files(any_run)

    def test_a_run_that_has_not_started_has_none(self, tmp_path):
        (tmp_path / "new").mkdir()
        assert run_files.list_files(RunLayout(tmp_path / "new")) == []

    def test_links_special_and_unfinished_files_are_no_files(self, run, tmp_path, blobs):
        (run.work / "outputs/best.pt").symlink_to("/etc/hostname")
        (run.work / "outputs/all").symlink_to("/")
        os.mkfifo(run.work / "logs/pipe")
        write(run.uploads / "figures/.traindock-1", b"half")
        assert run_files.list_files(run) == NAMES
        seal(run, blobs)
        assert run_files.list_files(run) == NAMES

    def test_links_from_one_output_to_another_are_these_files(self, run, blobs, tmp_path):
        (run.work / "outputs/best.pt").symlink_to("model.pt")
        (run.work / "outputs/same.pt").symlink_to(run.work / "outputs/deep/../best.pt")
        (run.work / "outputs/back.pt").symlink_to("../outputs/model.pt")
        (run.work / "outputs/latest").symlink_to("deep")
        (run.work / "outputs/deep/up").symlink_to("..")
        (run.work / "outputs/loop").symlink_to("loop")
        job = RunFiles(*map(str, (run.outputs, run.logs, run.uploads)))
        linked = [f"outputs/{name}" for name in ("best.pt", "same.pt", "back.pt", "latest/er.txt")]
        assert run_files.list_files(run) == sorted([*NAMES, *linked])
        assert job.names() == [name for name in run_files.list_files(run) if name != "logs/stdout.txt"]
        contents = [run_files.resolve(run, name).read_bytes() for name in linked]
        assert contents == [b"weights", b"weights", b"weights", b"deep"]
        assert run_files.download(run, "outputs/best.pt", tmp_path).name == "best.pt"

        seal(run, blobs)
        assert run_files.list_files(run) == sorted([*NAMES, *linked])
        assert [run_files.resolve(run, name).read_bytes() for name in linked] == contents
        for name in linked:
            assert run_files.download(run, name, tmp_path / "copies/").read_bytes() in contents
        left_out = {entry["name"]: entry["why"] for entry in read_sealed(run).left_out}
        assert left_out == {
            "outputs/deep/up": "it is a link to a folder that it lies in",
            "outputs/loop": "it is a link to nothing",
        }

    @pytest.mark.slow
    def test_links_to_folders_do_not_multiply_without_end(self, run, blobs):
        for level in range(20):
            (run.work / f"outputs/{level}").mkdir()
            for name in ("a", "b"):
                (run.work / f"outputs/{level}/{name}").symlink_to(f"../{level + 1}")
        write(run.work / "outputs/20/x", b"x")
        assert len(run_files.list_files(run)) < 2 * MOST_LINKED
        seal(run, blobs)
        assert any(entry["why"] == TOO_MANY for entry in read_sealed(run).left_out)
        assert "outputs/20/x" in run_files.list_files(run)

    @pytest.mark.slow
    def test_a_script_that_turns_links_about_never_leads_out(self, run, tmp_path):
        write(tmp_path / "elsewhere/er.txt", b"secret")
        deep, link = run.work / "outputs/deep", run.work / "outputs/latest"
        link.symlink_to("deep")
        done = threading.Event()

        def turn() -> None:
            while not done.is_set():
                link.unlink()
                link.symlink_to(tmp_path / "elsewhere")
                deep.rename(run.work / "aside")
                deep.symlink_to(tmp_path / "elsewhere")
                deep.unlink()
                (run.work / "aside").rename(deep)
                link.unlink()
                link.symlink_to("deep")

        turning = threading.Thread(target=turn)
        turning.start()
        try:
            for _ in range(1000):
                with contextlib.suppress(UserErrorException):
                    descriptor = run_files.open_file(run, "outputs/latest/er.txt")
                    assert os.read(descriptor, 9) == b"deep"
                    os.close(descriptor)
                assert set(run_files.list_files(run)) <= {*NAMES, "outputs/latest/er.txt"}
        finally:
            done.set()
            turning.join()
        assert run_files.resolve(run, "outputs/latest/er.txt").read_bytes() == b"deep"

    def test_folders_that_the_script_replaced_by_links_are_empty(self, run, tmp_path):
        write(tmp_path / "elsewhere/outputs/secret", b"s")
        run.work.rename(tmp_path / "moved")
        run.work.symlink_to(tmp_path / "elsewhere")
        assert run_files.list_files(run) == ["figures/curve.png", "logs/stdout.txt"]


class TestResolving:
    def test_every_name_leads_to_its_content(self, any_run):
        contents = {name: run_files.resolve(any_run, name).read_bytes() for name in NAMES}
        assert contents == dict(zip(NAMES, [b"png", b"1\n", b"hello\n", b"deep", b"weights"], strict=True))

    def test_names_are_cleaned(self, any_run):
        assert run_files.resolve(any_run, "./outputs//deep/./er.txt").read_bytes() == b"deep"

    def test_old_names_of_the_logs(self, any_run):
        write(any_run.build_log, b"built\n")
        assert run_files.resolve(any_run, "azureml-logs/70_driver_log.txt") == any_run.stdout
        assert run_files.resolve(any_run, "azureml-logs/20_image_build_log.txt") == any_run.build_log

    def test_traindocks_log_hides_a_scripts_file_of_its_name(self, any_run):
        write(any_run.logs / "stdout.txt", b"the script's")
        assert run_files.resolve(any_run, "logs/stdout.txt") == any_run.stdout
        assert run_files.list_files(any_run).count("logs/stdout.txt") == 1

    @pytest.mark.parametrize("name", ["../x", "outputs/../../x", "/etc/passwd", "", "a\0b", None])
    def test_names_that_lead_out_are_refused(self, any_run, name):
        with pytest.raises(UserErrorException, match="relative path"):
            run_files.resolve(any_run, name)

    @pytest.mark.parametrize("name", ["outputs/nothing", "outputs", "outputs/deep", "model.pt/x", "outputs/model.pt/x"])
    def test_a_missing_file_lists_those_there_are(self, any_run, name):
        with pytest.raises(ModelPathNotFoundException, match=r"no file(.|\n)*outputs/model\.pt"):
            run_files.resolve(any_run, name)

    @pytest.mark.parametrize("name", ["outputs/" + "x" * 4000, "outputs/" + "x/" * 2500 + "x", "x" * 300])
    def test_no_file_has_a_name_that_is_too_long(self, any_run, name):
        with pytest.raises(ModelPathNotFoundException, match="has no file"):
            run_files.resolve(any_run, name)

    def test_status_of_a_file_and_of_none(self, any_run):
        found = run_files.status(any_run, "outputs/model.pt")
        assert (found.st_size, found.st_mtime) == (7, pytest.approx(time.time(), abs=3600))
        assert run_files.status(any_run, "outputs/none.pt") is None
        with pytest.raises(UserErrorException, match="leads out"):
            run_files.status(any_run, "../run.json")

    def test_links_that_lead_out_are_never_followed(self, any_run, tmp_path):
        write(tmp_path / "secret", b"s")
        (any_run.outputs / "file").symlink_to(tmp_path / "secret")
        (any_run.outputs / "folder").symlink_to(tmp_path)
        (any_run.uploads / "up").symlink_to(tmp_path)
        for name in ("outputs/file", "outputs/folder/secret", "up/secret"):
            with pytest.raises(UserErrorException, match="never followed"):
                run_files.resolve(any_run, name)

    def test_our_links_bent_elsewhere_are_not_followed(self, run, tmp_path):
        write(tmp_path / "elsewhere/secret", b"s")
        run.outputs.unlink()
        run.outputs.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(ModelPathNotFoundException):
            run_files.resolve(run, "outputs/secret")
        assert run_files.resolve(run, "outputs/model.pt").read_bytes() == b"weights"

    def test_a_fifo_is_refused_and_not_waited_for(self, any_run):
        os.mkfifo(any_run.outputs / "pipe")
        with pytest.raises(UserErrorException, match="not a regular file"):
            run_files.resolve(any_run, "outputs/pipe")

    def test_a_file_that_sealing_moves_just_now_is_found_at_its_new_place(self, run, blobs, monkeypatch):
        real = run_files._open_step_by_step

        def open_later(root, relative):
            if not run.sealed_json.exists():
                seal(run, blobs)
            return real(root, relative)

        monkeypatch.setattr(run_files, "_open_step_by_step", open_later)
        assert run_files.resolve(run, "outputs/model.pt") == run.outputs / "model.pt"

    def test_a_reader_never_misses_a_file_while_the_run_is_being_sealed(self, run, blobs):
        stop, problems, reads = threading.Event(), [], [0]

        def read():
            while not stop.is_set():
                try:
                    with open(run_files.open_file(run, "outputs/model.pt"), "rb") as file:
                        assert file.read() == b"weights"
                except (OSError, TraindockError, AssertionError) as error:
                    problems.append(error)
                reads[0] += 1

        reader = threading.Thread(target=read)
        reader.start()
        while not reads[0]:
            stop.wait(0.001)
        seal(run, blobs)
        so_far = reads[0]
        while reads[0] < so_far + 3 and reader.is_alive():
            stop.wait(0.001)
        stop.set()
        reader.join()
        assert problems == []


class TestDownloading:
    def test_into_the_current_folder_under_its_own_name(self, any_run, tmp_path, monkeypatch):
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        assert run_files.download(any_run, "outputs/deep/er.txt") == Path("er.txt")
        assert (tmp_path / "here/er.txt").read_bytes() == b"deep"

    def test_to_a_path_a_folder_or_a_folder_to_be_made(self, any_run, tmp_path):
        (tmp_path / "folder").mkdir()
        for given, expected in (
            ("new/deep/m.pt", "new/deep/m.pt"),
            ("folder", "folder/model.pt"),
            ("made/", "made/model.pt"),
        ):
            target = run_files.download(any_run, "outputs/model.pt", f"{tmp_path}/{given}")
            assert target == tmp_path / expected
            assert target.read_bytes() == b"weights"
            assert os.access(target, os.W_OK)

    def test_an_old_log_name_names_the_copy(self, any_run, tmp_path):
        assert run_files.download(any_run, "azureml-logs/70_driver_log.txt", f"{tmp_path}/").name == "70_driver_log.txt"

    def test_the_logs_are_found_by_the_prefix_of_their_old_names(self, any_run, tmp_path):
        any_run.build_log.write_bytes(b"built")
        names = ["azureml-logs/20_image_build_log.txt", "azureml-logs/70_driver_log.txt"]
        copies = run_files.download_files(any_run, "azureml-logs", tmp_path / "all")
        assert sorted(str(path.relative_to(tmp_path / "all")) for path in copies) == names
        assert (tmp_path / "all" / names[1]).read_bytes() == any_run.stdout.read_bytes()
        [copy] = run_files.download_files(any_run, names[1], tmp_path / "one")
        assert copy == tmp_path / "one" / names[1]
        copies = run_files.download_files(any_run, "azureml-logs/", tmp_path / "short", append_prefix=False)
        assert tmp_path / "short" / "70_driver_log.txt" in copies

    def test_an_executable_stays_one(self, run, blobs, tmp_path):
        (run.work / "outputs/model.pt").chmod(0o755)
        assert os.access(run_files.download(run, "outputs/model.pt", tmp_path / "a"), os.X_OK)
        seal(run, blobs)
        assert os.access(run_files.download(run, "outputs/model.pt", tmp_path / "b"), os.X_OK)

    def test_a_changed_sealed_file_is_not_handed_out(self, run, blobs, tmp_path):
        seal(run, blobs)
        path = run.outputs / "model.pt"
        path.chmod(0o644)
        path.write_bytes(b"weighty")
        with pytest.raises(StoreException, match="changed after the run was sealed"):
            run_files.download(run, "outputs/model.pt", tmp_path / "copy")
        assert not (tmp_path / "copy").exists()

    def test_a_target_that_cannot_be_made_is_named(self, any_run, tmp_path):
        write(tmp_path / "file", b"")
        with pytest.raises(StoreException, match="file"):
            run_files.download(any_run, "outputs/model.pt", tmp_path / "file/x/y")

    def test_all_below_a_prefix(self, any_run, tmp_path):
        paths = run_files.download_files(any_run, "outputs/", tmp_path / "a")
        assert paths == [tmp_path / "a/outputs/deep/er.txt", tmp_path / "a/outputs/model.pt"]
        paths = run_files.download_files(any_run, "outputs", tmp_path / "b", append_prefix=False)
        assert paths == [tmp_path / "b/deep/er.txt", tmp_path / "b/model.pt"]
        assert (tmp_path / "b/model.pt").read_bytes() == b"weights"

    def test_everything(self, any_run, tmp_path):
        run_files.download_files(any_run, output_directory=tmp_path / "all")
        assert sorted(str(p.relative_to(tmp_path / "all")) for p in (tmp_path / "all").rglob("*.*")) == NAMES

    def test_to_given_paths(self, any_run, tmp_path):
        run_files.download_files(any_run, "outputs/", tmp_path, output_paths=["x", "y"])
        assert (tmp_path / "y").read_bytes() == b"weights"
        with pytest.raises(UserErrorException, match="1 output_paths for 2 files"):
            run_files.download_files(any_run, "outputs/", tmp_path, output_paths=["x"])

    def test_a_prefix_of_nothing_lists_what_there_is(self, any_run):
        with pytest.raises(ModelPathNotFoundException, match=r"under 'nothing/'(.|\n)*outputs/model\.pt"):
            run_files.download_files(any_run, "nothing/")
        with pytest.raises(UserErrorException, match=r"without '\.\.'"):
            run_files.download_files(any_run, "../")


class TestUploading:
    @pytest.mark.parametrize("name", ["figures/roc.png", "outputs/extra/x.bin", "logs/x.txt", "outputs"])
    def test_a_path_or_a_stream(self, run, tmp_path, name):
        write(tmp_path / "source", b"content")
        run_files.upload(run, name, tmp_path / "source")
        run_files.upload(run, f"{name}.2", io.BytesIO(b"content"))
        for stored in (name, f"{name}.2"):
            assert stored in run_files.list_files(run)
            assert run_files.resolve(run, stored).read_bytes() == b"content"

    def test_a_name_that_is_taken_keeps_its_file(self, run, tmp_path):
        write(tmp_path / "source", b"other")
        for name in ("outputs/model.pt", "figures/curve.png", "figures", "logs/stdout.txt", "logs/build.txt"):
            with pytest.raises(UserErrorException, match="already"):
                run_files.upload(run, name, tmp_path / "source")
        assert run_files.resolve(run, "outputs/model.pt").read_bytes() == b"weights"

    def test_a_stream_gives_bytes_or_text(self, run):
        for name, stream in (("a", io.BytesIO(b"\xc3\xa9")), ("b", io.StringIO("\u00e9"))):
            assert run_files.upload(run, name, stream).read_bytes() == b"\xc3\xa9"

    def test_what_cannot_be_uploaded(self, run, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        for source in (tmp_path / "nothing", tmp_path, tmp_path / "pipe", 3.5):
            with pytest.raises(UserErrorException, match="cannot be uploaded"):
                run_files.upload(run, "x", source)
        stream = type("Stream", (), {"read": lambda self, size: [1]})()
        with pytest.raises(UserErrorException, match="neither bytes nor text, but a list"):
            run_files.upload(run, "x", stream)
        with pytest.raises(UserErrorException, match="leads out"):
            run_files.upload(run, "../x", io.BytesIO(b""))
        assert run_files.list_files(run) == NAMES
        assert not list(run.root.rglob(".traindock*"))

    def test_never_through_a_link(self, run, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        (run.work / "outputs/out").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(UserErrorException, match="never followed"):
            run_files.upload(run, "outputs/out/x", io.BytesIO(b"x"))
        assert list((tmp_path / "elsewhere").iterdir()) == []

    def test_not_into_a_sealed_run(self, run, blobs):
        seal(run, blobs)
        with pytest.raises(UserErrorException, match="sealed"):
            run_files.upload(run, "x", io.BytesIO(b"x"))
