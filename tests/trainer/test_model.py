"""Registered models: versions with content, tags and origin, that two registrars, a kill or a bad line never spoil."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from traindock.errors import (
    ModelNotFoundException,
    ModelPathNotFoundException,
    StoreException,
    UserErrorException,
)
from traindock.model import Model
from traindock.store import blobs as blobs_module
from traindock.store import events, model_contents, sealed_files
from traindock.store.blobs import BlobStore
from traindock.store.layout import RunLayout, WorkspaceLayout
from traindock.store.sealing import seal


@dataclass(frozen=True)
class Workspace:
    """As much of a workspace as models need."""

    layout: WorkspaceLayout
    name: str = "ws"


@dataclass
class Run:
    """As much of a run as models need."""

    workspace: Workspace
    record: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(
            id="run_1",
            experiment="ants",
            spec=SimpleNamespace(snapshot="5" * 64),
            environment={"key": "e" * 64, "how": "cached"},
        )
    )

    @property
    def layout(self) -> RunLayout:
        return self.workspace.layout.run(self.record.id)

    def seal(self) -> None:
        seal(self.layout, BlobStore(self.workspace.layout.blobs))


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    (tmp_path / "ws").mkdir()
    return Workspace(WorkspaceLayout(tmp_path / "ws"))


@pytest.fixture
def run(ws: Workspace) -> Run:
    run = Run(ws)
    write(run.layout.work / "outputs/model.pt", b"weights")
    write(run.layout.work / "outputs/best/net.pt", b"best")
    write(run.layout.work / "outputs/best/tool.sh", b"#!/bin/sh")
    (run.layout.work / "outputs/best/tool.sh").chmod(0o755)
    (run.layout.work / "logs").mkdir()
    run.layout.outputs.symlink_to("work/outputs")
    run.layout.logs.symlink_to("work/logs")
    write(run.layout.stdout, b"hello\n")
    return run


@pytest.fixture(params=["running", "sealed"])
def any_run(request, run) -> Run:
    if request.param == "sealed":
        run.seal()
    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write(tmp_path / "local/model.pt", b"local weights")
    return tmp_path / "local/model.pt"


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


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


class TestFinding:
    @pytest.fixture
    def three(self, ws, file):
        for number in (1, 2, 3):
            Model.register(
                ws,
                file,
                "net",
                tags={"n": number, "even": "yes"} if number == 2 else {"n": number},
                properties={"p": "q"} if number < 3 else {},
                model_framework="PyTorch",
            )
        Model.register(ws, file, "other.net")

    def test_the_newest_unless_told_otherwise(self, ws, three):
        assert Model(ws, "net").version == 3
        assert Model(ws, "net", version=1).version == 1
        assert Model(ws, "net", version="2").version == 2
        assert Model(ws, id="net:2").version == 2
        assert Model(ws, "net", tags={"even": "yes"}).version == 2
        assert Model(ws, "net", properties=[["p", "q"]]).version == 2
        assert Model(ws, "net", model_framework="PyTorch").version == 3

    def test_listing_is_newest_first_and_filtered(self, ws, three):
        assert [m.id for m in Model.list(ws)] == ["other.net:1", "net:3", "net:2", "net:1"]
        assert [m.id for m in Model.list(ws, latest=True)] == ["other.net:1", "net:3"]
        assert [m.id for m in Model.list(ws, name="net", tags=["even"])] == ["net:2"]
        assert [m.id for m in Model.list(ws, tags=[["n", "1"]])] == ["net:1"]
        assert [m.id for m in Model.list(ws, tags="n", latest=True)] == ["net:3"]
        assert [m.id for m in Model.list(ws, properties={"p": None})] == ["net:2", "net:1"]
        assert Model.list(ws, name="net", tags={"n": "9"}) == []

    def test_by_run(self, ws, three, run):
        Model.register_from_run(run, "net", "outputs/")
        assert [m.id for m in Model.list(ws, run_id="run_1")] == ["net:4"]
        assert Model(ws, "net", run_id="run_1").version == 4

    def test_what_is_not_there_names_what_is(self, ws, three):
        with pytest.raises(ModelNotFoundException, match=r"no model 'nets'.*net, other\.net"):
            Model(ws, "nets")
        with pytest.raises(ModelNotFoundException, match="it has: 1, 2, 3"):
            Model(ws, "net", version=9)
        with pytest.raises(UserErrorException, match="'latest' is no version"):
            Model(ws, "net", version="latest")
        with pytest.raises(UserErrorException, match="name of a model or its id"):
            Model(ws)

    def test_values_are_compared_as_they_are_kept(self, ws, three):
        assert [m.id for m in Model.list(ws, tags={"n": 2})] == ["net:2"]
        assert [m.id for m in Model.list(ws, tags=[["n", 2]])] == ["net:2"]
        assert Model(ws, "net", tags={"n": 1}).version == 1

    def test_a_filter_that_nothing_fits_is_named(self, ws, three):
        with pytest.raises(
            ModelNotFoundException, match=r"no version of model 'net' fits tags=\{'n': '9'\}; .* 1, 2, 3"
        ):
            Model(ws, "net", tags={"n": "9"})
        with pytest.raises(ModelNotFoundException, match=r"net:3 does not fit properties=\['p'\], run_id='r';"):
            Model(ws, "net", version=3, properties=["p"], run_id="r")

    @pytest.mark.parametrize("version", [1.7, True, "1.0", float("inf"), [1]])
    def test_what_is_no_version(self, ws, three, version):
        with pytest.raises(UserErrorException, match="is no version of a model"):
            Model(ws, "net", version=version)
        assert Model(ws, "net", version=2.0).version == 2

    def test_an_id_without_its_version_is_told_from_a_name(self, ws, three):
        with pytest.raises(UserErrorException, match=r"'net' is no id .*'name:version'.*'net:1'.* name='net'"):
            Model(ws, id="net")

    def test_an_empty_workspace(self, ws):
        assert Model.list(ws) == []
        with pytest.raises(ModelNotFoundException, match="no model is registered yet"):
            Model(ws, "net")


class TestChanging:
    @pytest.fixture
    def model(self, ws, file):
        return Model.register(ws, file, "net", tags={"a": "1"}, properties={"p": "q"})

    def test_tags_come_and_go(self, ws, model):
        model.add_tags({"b": 2, "a": "new", "ünï\n\"'": "🐜\n"})
        model.remove_tags(["a", "not there"])
        expected = {"b": "2", "ünï\n\"'": "🐜\n"}
        assert model.tags == Model(ws, "net").tags == expected

    def test_properties_are_for_ever(self, ws, model):
        model.add_properties({"p": "q", "r": 1})
        with pytest.raises(UserErrorException, match=r"property 'p' .* is 'q' and cannot change"):
            model.add_properties({"p": "other"})
        assert Model(ws, "net").properties == {"p": "q", "r": "1"}

    def test_update_replaces(self, ws, model):
        model.update(tags={"only": "this"}, description="text", model_framework="Onnx")
        found = Model(ws, "net")
        assert (found.tags, found.description, found.model_framework) == ({"only": "this"}, "text", "Onnx")
        model.update()
        assert Model(ws, "net").description == "text"

    def test_other_versions_keep_theirs(self, ws, file, model):
        Model.register(ws, file, "net").add_tags({"two": ""})
        assert Model(ws, "net", version=1).tags == {"a": "1"}

    def test_a_deleted_number_is_never_given_again(self, ws, file, model):
        Model.register(ws, file, "net").delete()
        assert Model(ws, "net").version == 1
        assert Model.register(ws, file, "net").version == 3
        assert [m.version for m in Model.list(ws)] == [3, 1]

    def test_a_deleted_version_stays_gone_and_so_does_its_content(self, ws, model, tmp_path):
        other = Model(ws, "net")
        model.delete()
        assert Model.list(ws) == []
        for action in (other.delete, lambda: other.add_tags({"x": "y"}), lambda: Model(ws, "net")):
            with pytest.raises(ModelNotFoundException):
                action()
        assert not BlobStore(ws.layout.blobs).path(sha(b"local weights")).exists()

    def test_no_value_is_an_empty_one(self, ws, model):
        model.add_tags({"n": None})
        model.add_properties({"m": None})
        assert (Model(ws, "net").tags["n"], Model(ws, "net").properties["m"]) == ("", "")

    @pytest.mark.parametrize("tags", ["text", [("a", "b")], {"": "x"}, {1: "x"}, {"a": {"b": 1}}])
    def test_tags_that_are_none(self, model, tags):
        with pytest.raises(UserErrorException, match="tag"):
            model.add_tags(tags)


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


class TestDisplay:
    def test_four_lines(self, any_run):
        assert repr(Model.register_from_run(any_run, "net", "outputs/")).split("\n") == [
            "Model(Name: net,",
            "Id: net:1,",
            "Version: 1,",
            "Run: run_1)",
        ]

    def test_html_is_escaped(self, ws, file):
        model = Model.register(ws, file, "net", tags={"<b>": "<script>"}, description="<img src=x>")
        html = model._repr_html_()
        assert "&lt;script&gt;" in html
        assert not any(text in html for text in ("<script", "<img", "<b>"))

    def test_plain_values(self, any_run):
        model = Model.register_from_run(any_run, "net", "outputs/model.pt", tags={"a": "b"}, model_framework="PyTorch")
        document = json.loads(json.dumps(model.serialize()))
        assert document["id"] == "net:1"
        assert (document["runId"], document["experimentName"], document["framework"]) == ("run_1", "ants", "PyTorch")
        assert document["files"] == {"model.pt": sha(b"weights")}
        assert document["size"] == 7
        assert model.created_time.tzinfo is UTC
        assert abs((datetime.now(UTC) - model.created_time).total_seconds()) < 60
        assert model.url == "traindock://ws/models/net/1"


class TestRecord:
    def test_two_processes_at_once_get_different_versions(self, ws, file):
        context = multiprocessing.get_context("fork")
        with context.Pool(4) as pool:
            versions = pool.starmap(register_some, [(ws, file, 10)] * 4)
        assert sorted(number for numbers in versions for number in numbers) == list(range(1, 41))
        assert len(Model.list(ws)) == 40

    def test_a_kill_at_any_moment_leaves_the_whole_version_or_none(self, ws, file, tmp_path):
        file.write_bytes(os.urandom(300_000))
        expected = sha(file.read_bytes())
        registered = 0
        for attempt in range(20):
            child = os.fork()
            if child == 0:
                register_some(ws, file, 1_000)
                os._exit(0)
            moment = time.monotonic() + 0.002 * attempt
            while time.monotonic() < moment:
                os.sched_yield()
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            models = Model.list(ws)
            assert sorted(m.version for m in models) == list(range(1, len(models) + 1))
            assert all(m.files == {"model.pt": expected} for m in models)
            registered = len(models)
        after = Model.register(ws, file, "net")
        assert after.version == registered + 1
        assert sha(Path(after.download(tmp_path / "got")).read_bytes()) == expected

    def test_lines_that_make_no_sense_are_passed_over(self, ws, file):
        Model.register(ws, file, "net", tags={"a": "b"})
        path = ws.layout.model_events("net")
        good = json.loads(path.read_bytes())
        nonsense = [
            b"\xff\xfe\x00",
            b"[]",
            b'{"type": "version"}',
            b'{"type": "version", "version": "x", "files": {}}',
            json.dumps({**good, "version": 2, "files": {"../../x": good["files"]["model.pt"]}}).encode(),
            json.dumps({**good, "version": 3, "root": "../x"}).encode(),
            b'{"type": "tags", "version": 1, "set": 5}',
            b'{"type": "tags", "version": 99, "set": {"a": "c"}}',
            b'{"type": "unheard of", "version": 1}',
            b'{"type": "deleted", "version": [1]}',
        ]
        with open(path, "ab") as record:
            record.write(b"\n".join(nonsense) + b'\n{"type": "deleted", "vers')
        assert Model(ws, "net").tags == {"a": "b"}
        assert [m.version for m in Model.list(ws)] == [1]
        # The line that made version 99 may be lost, but its number was given.
        assert Model.register(ws, file, "net").version == 100
        assert len(Model.list(ws)) == 2

    def test_no_number_is_given_that_an_unreadable_record_may_have_given(self, ws, file):
        for _ in range(3):
            Model.register(ws, file, "net")
        path = ws.layout.model_events("net")
        good = path.read_bytes()
        path.write_bytes(os.urandom(len(good)))
        with pytest.raises(StoreException, match=r"models/net/events\.jsonl is damaged.*backup.*another name"):
            Model.register(ws, file, "net")
        with pytest.raises(ModelNotFoundException, match=r"models/net/events\.jsonl has lines that cannot be read"):
            Model(ws, "net")
        path.write_bytes(good)
        assert Model.register(ws, file, "net").version == 4

    @pytest.mark.parametrize(
        ("damage", "given"),
        [
            (lambda line: line[:10] + b"\n", 4),
            (lambda line: line[:45] + b"\n", 4),
            (lambda line: line[:-40] + b"\xff" * 39 + b"\n", 4),
            (lambda line: b"\xff" + line[1:], 4),
            (lambda line: b'{"t": 1, "type": "tags", "version": 1, "set": {\n', 3),
            (lambda line: b"\n", 3),
        ],
    )
    def test_a_damaged_last_line_costs_at_most_its_number(self, ws, file, damage, given):
        for _ in range(3):
            Model.register(ws, file, "net")
        path = ws.layout.model_events("net")
        *before, last = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(before) + damage(last))
        assert Model.register(ws, file, "net").version == given
        assert [m.version for m in Model.list(ws)] == [given, 2, 1]

    def test_a_damaged_line_before_a_sound_version_hides_no_number(self, ws, file):
        for _ in range(3):
            Model.register(ws, file, "net")
        path = ws.layout.model_events("net")
        first, *after = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"\0" * len(first) + b"\n" + b"".join(after))
        assert Model.register(ws, file, "net").version == 4

    def test_a_version_whose_line_lacks_its_newline_keeps_its_number_and_its_content(self, ws, file):
        for content in (b"one", b"two"):
            file.write_bytes(content)
            Model.register(ws, file, "net")
        path = ws.layout.model_events("net")
        path.write_bytes(path.read_bytes()[:-1])
        file.write_bytes(b"three")
        third = Model.register(ws, file, "net")
        assert (third.version, third.files) == (3, {"model.pt": sha(b"three")})
        assert [m.files["model.pt"] for m in Model.list(ws)] == [sha(b"three"), sha(b"two"), sha(b"one")]

    def test_changes_are_announced(self, ws, file):
        Model.register(ws, file, "net")
        assert ws.layout.changes.read_text() == "model/net\n"

    def test_a_full_disk_registers_nothing(self, ws, file, monkeypatch):
        def full(*_args, **_kwargs):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(events, "_write_whole", full)
            with pytest.raises(StoreException, match="No space left"):
                Model.register(ws, file, "net")
        assert Model.list(ws) == []
        assert Model.register(ws, file, "net").version == 1

    def test_contents_are_synced_before_the_version_is_recorded(self, ws, file, monkeypatch):
        order = []
        flush, transact = BlobStore.flush, events.transact
        monkeypatch.setattr(BlobStore, "flush", lambda s, c: (order.append("flush"), flush(s, c))[1])
        monkeypatch.setattr(events, "transact", lambda *a, **k: (order.append("record"), transact(*a, **k))[1])
        Model.register(ws, file, "net")
        assert order == ["flush", "record"]

    def test_the_record_itself_is_synced(self, ws, file, synced):
        Model.register(ws, file, "net")
        record = ws.layout.model_events("net").stat()
        assert (record.st_ino, record.st_size) in synced


def kill_at_rename(number: int) -> None:
    """Have this process killed instead of renaming for the ``number``-th time, counted from 0."""
    renamed = iter(range(1_000))
    rename = os.rename

    def rename_or_die(source: str, target: str) -> None:
        if next(renamed) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target)

    os.rename = rename_or_die  # type: ignore[assignment]


def register_some(ws: Workspace, file: Path, count: int) -> list[int]:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return [Model.register(ws, file, "net").version for _ in range(count)]


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
