"""Registered models are found, described, changed and shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from tests.trainer.model.conftest import sha

from traindock.errors import (
    ModelNotFoundException,
    UserErrorException,
)
from traindock.model import Model
from traindock.store.blobs import BlobStore


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
