"""The content of registered models, brought elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.trainer.model.conftest import kill_at_rename, sha, write

from traindock.errors import (
    ModelNotFoundException,
    StoreException,
    UserErrorException,
)
from traindock.model import Model
from traindock.store.blobs import BlobStore


class TestDownloading:
    def test_nothing_is_overwritten_unasked(self, ws, file, tmp_path):
        model = Model.register(ws, file, "net")
        write(tmp_path / "got/model.pt", b"mine")
        with pytest.raises(UserErrorException, match=r"exists already.*exist_ok=True"):
            model.download(tmp_path / "got")
        assert (tmp_path / "got/model.pt").read_bytes() == b"mine"
        model.download(tmp_path / "got", exist_ok=True)
        assert (tmp_path / "got/model.pt").read_bytes() == b"local weights"

    def test_a_folder_keeps_what_else_is_in_it(self, ws, file, tmp_path):
        model = Model.register(ws, file.parent, "net")
        write(tmp_path / "got/local/notes", b"mine")
        model.download(tmp_path / "got", exist_ok=True)
        assert sorted(os.listdir(tmp_path / "got/local")) == ["model.pt", "notes"]

    def test_a_damaged_content_leaves_nothing_half_done(self, ws, file, tmp_path):
        write(file.parent / "a_first", b"x")
        model = Model.register(ws, file.parent, "net")
        blob = BlobStore(ws.layout.blobs).path(sha(b"local weights"))
        blob.chmod(0o644)
        blob.write_bytes(b"LOCAL weights")
        with pytest.raises(StoreException, match="damaged"):
            model.download(tmp_path / "got")
        assert os.listdir(tmp_path / "got") == []

    def test_get_model_path(self, ws, file, tmp_path, monkeypatch):
        (tmp_path / "service").mkdir()
        monkeypatch.chdir(tmp_path / "service")
        for content in (b"one", b"two"):
            file.write_bytes(content)
            Model.register(ws, file, "net")
        with pytest.raises(ModelNotFoundException, match="_workspace"):
            Model.get_model_path("net")
        assert Model.get_model_path("net", _workspace=ws) == "azureml-models/net/2/model.pt"
        assert Path(Model.get_model_path("net")).read_bytes() == b"two"
        assert Path(Model.get_model_path("net", version=1, _workspace=ws)).read_bytes() == b"one"
        assert Path(Model.get_model_path("net:1")).read_bytes() == b"one"
        assert Path(Model.get_model_path("net")).read_bytes() == b"two"
        write(Path("azureml-models/net/2/other"), b"")
        with pytest.raises(ModelNotFoundException, match="2 entries"):
            Model.get_model_path("net")
        with pytest.raises(ModelNotFoundException, match="version 7"):
            Model.get_model_path("net", version=7)
        write(Path("beside"), b"x")
        assert Model.get_model_path("beside") == "beside"

    @pytest.mark.parametrize("kind", ["file", "folder"])
    def test_a_killed_get_model_path_leaves_nothing_that_is_taken_for_the_model(
        self, ws, file, tmp_path, monkeypatch, kind
    ):
        (tmp_path / "service").mkdir()
        monkeypatch.chdir(tmp_path / "service")
        Model.register(ws, file if kind == "file" else file.parent, "net")
        for renames in range(10):
            child = os.fork()
            if child == 0:
                kill_at_rename(renames)
                Model.get_model_path("net", _workspace=ws)
                os._exit(0)
            if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
                break
            with pytest.raises(ModelNotFoundException):
                Model.get_model_path("net")
        assert renames > 1
        found = Path(Model.get_model_path("net"))
        assert (found if kind == "file" else found / "model.pt").read_bytes() == b"local weights"
        assert [entry.name for entry in Path("azureml-models/net").iterdir() if entry.name != ".lock"] == ["1"]

    def test_what_a_kill_left_within_a_version_is_removed_and_never_registered(self, ws, file, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        Model.register(ws, file, "net")
        write(Path("azureml-models/net/1/.incoming-0123456789abcdef"), b"")
        with pytest.raises(ModelNotFoundException):
            Model.get_model_path("net")
        assert Model.get_model_path("net", _workspace=ws) == "azureml-models/net/1/model.pt"
        assert os.listdir("azureml-models/net/1") == ["model.pt"]
        write(file.parent / ".incoming-0123456789abcdef", b"")
        write(file.parent / ".incoming-f123456789abcdef/model.pt", b"")
        assert set(Model.register(ws, file.parent, "net").files) == {"model.pt"}
