"""Models registered from runs and from files: their content, tags and origin."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.trainer.model.conftest import sha, write

from traindock.errors import (
    ModelPathNotFoundException,
    StoreException,
    UserErrorException,
)
from traindock.model import Model
from traindock.store import blobs as blobs_module
from traindock.store import model_contents, sealed_files
from traindock.store.blobs import BlobStore


class TestFromRun:
    def test_a_file(self, any_run, tmp_path):
        model = Model.register_from_run(any_run, "pt-dnn", "outputs/model.pt", tags={"a": 1}, description="d")
        assert (model.name, model.version, model.id) == ("pt-dnn", 1, "pt-dnn:1")
        assert model.files == {"model.pt": sha(b"weights")}
        assert model.tags == {"a": "1"}
        assert model.download(tmp_path / "got") == str(tmp_path / "got/model.pt")
        assert (tmp_path / "got/model.pt").read_bytes() == b"weights"

    @pytest.mark.parametrize("path", ["outputs/", "outputs", "./outputs//"])
    def test_a_folder(self, any_run, tmp_path, path):
        model = Model.register_from_run(any_run, "pt-dnn", path)
        assert set(model.files) == {"model.pt", "best/net.pt", "best/tool.sh"}
        target = Path(model.download(tmp_path / "got"))
        assert target == tmp_path / "got/outputs"
        assert (target / "best/net.pt").read_bytes() == b"best"
        assert os.access(target / "best/tool.sh", os.X_OK)

    def test_parts_of_a_folder(self, any_run):
        model = Model.register_from_run(any_run, "pt-dnn", "outputs/", child_paths=["model.pt", "best/tool.sh"])
        assert set(model.files) == {"model.pt", "best/tool.sh"}
        assert set(Model.register_from_run(any_run, "pt-dnn", "outputs", child_paths=["best"]).files) == {
            "best/net.pt", "best/tool.sh"
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("path", "parts", "error", "named"),
        [
            ("outputs", ["nothing.pt"], ModelPathNotFoundException, "best/net.pt"),
            ("outputs", ["../logs"], UserErrorException, "leads out"),
            ("outputs", [], UserErrorException, "child paths are empty"),
            ("outputs/model.pt", ["model.pt"], UserErrorException, "is a file"),
        ],
    )
    def test_parts_that_cannot_be(self, any_run, ws, path, parts, error, named):
        with pytest.raises(error, match=named):
            Model.register_from_run(any_run, "pt-dnn", path, child_paths=parts)
        assert Model.list(ws) == []

    def test_with_an_alias_a_wish_that_comes_again_moves_it_not_again(self, run, ws):
        wish = {"alias": "production", "request_id": "wish"}
        assert Model.register_from_run(run, "pt-dnn", "outputs", **wish).aliases == ["production"]
        Model.register_from_run(run, "pt-dnn", "outputs").set_alias("production")
        assert Model.register_from_run(run, "pt-dnn", "outputs", **wish).aliases == []
        assert Model(ws, "pt-dnn", alias="production").version == 2

    def test_without_a_path_the_name_is_the_path(self, run):
        write(run.layout.uploads / "pt-dnn/net.pt", b"x")
        assert Model.register_from_run(run, "pt-dnn").files == {"net.pt": sha(b"x")}

    def test_a_log_by_its_old_name(self, any_run):
        model = Model.register_from_run(any_run, "log", "azureml-logs/70_driver_log.txt")
        assert model.files == {"stdout.txt": sha(b"hello\n")}

    def test_where_it_comes_from_is_kept(self, any_run, ws):
        Model.register_from_run(any_run, "pt-dnn", "outputs/", datasets=[("training", SimpleNamespace(name="bees"))])
        lineage = Model(ws, "pt-dnn").lineage
        assert (lineage.run_id, lineage.experiment) == ("run_1", "ants")
        assert (lineage.snapshot, lineage.environment, lineage.datasets) == ("5" * 64, "e" * 64, ("bees",))

    @pytest.mark.parametrize("path", ["outputs/other.pt", "output", "outputs/mod", "."])
    def test_a_path_of_nothing_lists_what_there_is(self, any_run, path):
        with pytest.raises(ModelPathNotFoundException, match=r"(.|\n)*outputs/best/net\.pt\n +outputs/best/tool\.sh"):
            Model.register_from_run(any_run, "pt-dnn", path)

    @pytest.mark.parametrize("path", ["../run_2/outputs", "/etc/passwd", "outputs/../../x", ""])
    def test_a_path_that_leads_out_is_refused(self, any_run, path):
        with pytest.raises(UserErrorException, match="relative path"):
            Model.register_from_run(any_run, "pt-dnn", path)

    def test_a_link_that_leads_out_is_refused(self, any_run, tmp_path):
        (any_run.layout.outputs / "out").symlink_to(tmp_path)
        with pytest.raises(ModelPathNotFoundException):
            Model.register_from_run(any_run, "pt-dnn", "outputs/out")

    def test_of_a_sealed_run_no_byte_is_read_or_written(self, run, ws, monkeypatch):
        run.seal()
        before = sorted(str(p) for p in ws.layout.blobs.rglob("*"))
        for module, name in ((sealed_files, "pump"), (blobs_module, "pump"), (blobs_module, "write_all")):
            monkeypatch.setattr(module, name, None)
        Model.register_from_run(run, "pt-dnn", "outputs/")
        assert sorted(str(p) for p in ws.layout.blobs.rglob("*")) == before

    def test_a_file_changed_after_sealing_is_refused(self, run):
        run.seal()
        path = run.layout.outputs / "model.pt"
        path.chmod(0o644)
        path.write_bytes(b"weighty")
        with pytest.raises(StoreException, match="was changed after the run was sealed"):
            Model.register_from_run(run, "pt-dnn", "outputs/model.pt")

    def test_a_content_lost_from_the_store_comes_back_from_the_run(self, run, ws, tmp_path):
        run.seal()
        BlobStore(ws.layout.blobs).path(sha(b"weights")).unlink()
        model = Model.register_from_run(run, "pt-dnn", "outputs/model.pt")
        assert Path(model.download(tmp_path / "got")).read_bytes() == b"weights"

    def test_what_the_script_writes_later_does_not_reach_the_model(self, run, tmp_path):
        model = Model.register_from_run(run, "pt-dnn", "outputs/model.pt")
        (run.layout.work / "outputs/model.pt").write_bytes(b"later")
        assert Path(model.download(tmp_path / "got")).read_bytes() == b"weights"

    def test_a_file_that_is_just_being_written_is_refused(self, run, ws, monkeypatch):
        real = BlobStore.put_descriptor

        def put(store, descriptor, **options):
            with open(run.layout.work / "outputs/model.pt", "ab") as writer:
                writer.write(b"+")
            return real(store, descriptor, **options)

        monkeypatch.setattr(BlobStore, "put_descriptor", put)
        with pytest.raises(UserErrorException, match=r"'outputs/model\.pt' is being written to"):
            Model.register_from_run(run, "pt-dnn", "outputs/model.pt")
        assert Model.list(ws) == []

    def test_a_wish_that_was_granted_is_not_granted_twice(self, run, ws):
        first = Model.register_from_run(run, "pt-dnn", "outputs/", request_id="wish")
        again = Model.register_from_run(run, "pt-dnn", "outputs/", request_id="wish")
        assert (first, again.version, len(Model.list(ws))) == (again, 1, 1)


class TestFromFiles:
    def test_a_file_and_a_folder(self, ws, file, tmp_path, capsys):
        model = Model.register(ws, file, "net")
        assert capsys.readouterr().out == "Registering model net\n"
        assert model.files == {"model.pt": sha(b"local weights")}
        assert model.run_id is None
        write(file.parent / "sub/x", b"x")
        model = Model.register(ws, f"{file.parent}/", "net")
        assert model.version == 2
        assert model.download(tmp_path / "got") == str(tmp_path / "got/local")
        assert (tmp_path / "got/local/sub/x").read_bytes() == b"x"

    def test_the_current_folder_has_a_name_too(self, ws, file, monkeypatch, tmp_path):
        monkeypatch.chdir(file.parent)
        assert Model.register(ws, ".", "net").download(tmp_path / "got") == str(tmp_path / "got/local")

    def test_parts_of_a_folder(self, ws, file):
        for name in ("sub/x", "sub/y", "other"):
            write(file.parent / name, b"x")
        assert set(Model.register(ws, file.parent, "net", child_paths=["sub", "model.pt"]).files) == {
            *("sub/x", "sub/y", "model.pt")
        }

    def test_a_part_that_is_not_there_is_named_with_what_is(self, ws, file):
        write(file.parent / "sub/x", b"x")
        with pytest.raises(ModelPathNotFoundException, match=r"child path 'suub' in .*\n +model\.pt\n +sub/x"):
            Model.register(ws, file.parent, "net", child_paths=["model.pt", "suub"])
        with pytest.raises(UserErrorException, match=r"model\.pt' is a file"):
            Model.register(ws, file, "net", child_paths=["x"])
        assert Model.list(ws) == []
        assert set(Model.register(ws, file.parent, "net", child_paths="sub").files) == {"sub/x"}

    def test_an_empty_path_is_not_the_current_folder(self, ws, file, monkeypatch):
        monkeypatch.chdir(file.parent)
        with pytest.raises(UserErrorException, match="model_path is empty"):
            Model.register(ws, "", "net")
        assert Model.list(ws) == []

    def test_links_to_files_are_stored_as_the_files(self, ws, file, tmp_path):
        write(tmp_path / "cache/blob", b"shared")
        (file.parent / "link.bin").symlink_to(tmp_path / "cache/blob")
        assert Model.register(ws, file.parent, "net").files["link.bin"] == sha(b"shared")

    def test_what_cannot_be_part_of_a_model_is_named(self, ws, file, tmp_path):
        os.mkfifo(file.parent / "pipe")
        with pytest.raises(UserErrorException, match="'pipe' cannot be registered"):
            Model.register(ws, file.parent, "net")
        (file.parent / "pipe").unlink()
        (file.parent / "folder").symlink_to(tmp_path)
        with pytest.raises(UserErrorException, match="folder' is a link to a folder"):
            Model.register(ws, file.parent, "net")
        assert Model.list(ws) == []

    def test_nothing_there(self, ws, file, tmp_path):
        with pytest.raises(ModelPathNotFoundException, match=r"'model\.pt'"):
            Model.register(ws, file.parent / "nothing.pt", "net")
        (tmp_path / "empty").mkdir()
        with pytest.raises(ModelPathNotFoundException, match="no file"):
            Model.register(ws, tmp_path / "empty", "net")

    @pytest.mark.parametrize("name", ["", ".x", "a b", "a/b", "../x", "x" * 256, None, "a\nb"])
    def test_names_that_are_not_allowed(self, ws, file, run, name):
        with pytest.raises(UserErrorException, match="no model name"):
            Model.register(ws, file, name)
        with pytest.raises(UserErrorException, match="no model name"):
            Model.register_from_run(run, name, "outputs/")
        assert not ws.layout.models.exists()


def test_registering_a_large_sealed_output_takes_no_time(run):
    """Far under the time of hashing it, which itself is the goal."""
    path = run.layout.work / "outputs/big.bin"
    with open(path, "wb") as file:
        for _ in range(50):
            file.write(os.urandom(1_000_000))
    start = time.perf_counter()
    with open(path, "rb") as file:
        hashlib.file_digest(file, "sha256")
    hashing = time.perf_counter() - start
    run.seal()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        model_contents.content_of_run(run.workspace.layout, run.layout, "outputs/big.bin")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < hashing
