"""Requests as they come: large ones, which keep nobody else waiting, and those with what nobody expects in them."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.jupyter_ext.conftest import Ask, Fetch
from tests.jupyter_ext.test_runs import form

from jupyterlab_traindock import api_document
from jupyterlab_traindock.errors import ApiError
from jupyterlab_traindock.schemas import Schema
from traindock import Experiment, Workspace

CONFIGURATION = {"experiment": "digits", "script": "train.py"}


class TestLargeOnes:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        jp_server_config["TraindockApp"] = {"max_body_bytes": 5000, "max_upload_bytes": 50_000}
        return jp_server_config

    @pytest.mark.parametrize("send", [lambda one: {"json": one}, lambda one: form(one, {})], ids=["JSON", "form"])
    async def test_others_are_answered_while_one_is_checked(
        self, ask: Ask, api: Fetch, workspace: Workspace, held_check: HeldCheck, send: Callable[[Any], dict[str, Any]]
    ) -> None:
        checked = asyncio.ensure_future(
            api("workspaces", workspace.id, "plans", method="POST", **send({"experiment": "digits"}))
        )
        await asyncio.to_thread(held_check.begun.wait, 20)

        assert (await ask("workspaces", workspace.id))["id"] == workspace.id
        held_check.go_on.set()
        assert (await checked).code == 400
        assert held_check.in_time, "nobody else was answered meanwhile"

    async def test_a_forms_configuration_is_as_long_as_one_alone(self, ask: Ask, workspace: Workspace) -> None:
        long = form({**CONFIGURATION, "tags": {"long": "x" * 5000}}, {"train.py": "pass"})

        error = await ask("workspaces", workspace.id, "plans", method="POST", expect=413, **long)

        assert (error["code"], error["message"]) == (
            "too_large",
            'the part "configuration" has more than 5,000 bytes',
        )

    @pytest.mark.parametrize(
        ("much", "wrong"),
        [
            ({"arguments": [{}] * 10_001}, ["maxItems", "unevaluatedProperties"]),
            (
                {"environment_variables": {f"V{number}": 1 for number in range(1001)}},
                ["maxProperties", "unevaluatedProperties"],
            ),
            ({f"unknown{number}": 1 for number in range(101)}, ["maxProperties"]),
        ],
        ids=["items", "properties", "unknown properties"],
    )
    def test_what_holds_too_much_is_not_looked_through(self, much: dict[str, Any], wrong: list[str]) -> None:
        schema = api_document.schema("RunConfigurationOfFiles")

        assert [error.validator for error in schema.errors({**CONFIGURATION, **much})] == wrong

    def test_texts_and_lists_of_bodies_are_bounded(self) -> None:
        bodies = {
            operation.id: operation.body.described
            for path in api_document.document()["paths"]
            for operation in api_document.operations(path).values()
            if operation.body is not None
        }
        bodies |= {name: api_document.schema(name).described for name in ("RunConfigurationOfFiles", "LiveRequest")}

        assert [place for name, schema in bodies.items() for place in unbounded(schema, name)] == []


class TestForms:
    async def test_hundreds_of_files_come_along(self, ask: Ask, workspace: Workspace) -> None:
        files = {"train.py": "pass", **{f"data/{number}.txt": "x" for number in range(300)}}

        plan = await ask("workspaces", workspace.id, "plans", method="POST", **form(CONFIGURATION, files))

        assert plan["source"]["count"] == len(files)
        assert plan["source"]["files"].items() < {name: len(text) for name, text in files.items()}.items()

    async def test_as_many_as_the_document_says(self, ask: Ask, workspace: Workspace) -> None:
        described = api_document.document()["components"]["requestBodies"]["RunConfiguration"]["content"]
        most = described["multipart/form-data"]["schema"]["properties"]["files"]["maxItems"]
        # Of one name, the last of which is refused: nothing of them reaches the disk.
        files = {f"{number}/../../x": "" for number in range(most + 1)}
        path = ("workspaces", workspace.id, "plans")

        more = await ask(*path, method="POST", expect=400, **form(CONFIGURATION, files))
        files.popitem()
        within = await ask(*path, method="POST", expect=422, **form(CONFIGURATION, files))

        assert f"at most {most:,} files" in more["message"]
        assert "'0/../../x'" in within["message"]


HALF = "\ud800"
#: What texts may hold that nobody expects: half of a character, more bytes than a file's name may have, and so on.
ODD = [
    HALF,
    "é" * 255,
    *(pytest.param(text, marks=pytest.mark.slow) for text in ("\0", "\n", "..", "/", "x" * 70_000, "\u202e")),
]


class TestOddOnes:
    def test_each_operation_that_takes_a_document_is_tried(self) -> None:
        described = {
            operation.id
            for path in api_document.document()["paths"]
            for operation in api_document.operations(path).values()
            if operation.body is not None
        }

        # What is submitted and what is planned are read by the same code, and a plan starts nothing.
        assert set(bodies("", "", "")) == described - {"submitRun"}

    @pytest.mark.slow
    @pytest.mark.parametrize("text", ODD, ids=lambda text: ascii(text[:4]))
    async def test_odd_texts_are_taken_or_refused_and_never_a_fault(
        self, api: Fetch, workspace: Workspace, source: Path, text: str
    ) -> None:
        with Experiment(workspace, "digits").start_logging(snapshot_directory=None) as run:
            run.upload_file("outputs/model.bin", source / "train.py")
        model = run.register_model("digits", "outputs/model.bin")
        tried = [
            (name, method, path, odd)
            for name, (method, path, body) in bodies(workspace.id, run.id, model.name).items()
            for odd in with_text(body, text)
        ]

        answers = [(*one, await api(*one[2], method=one[1], json=one[3])) for one in tried]

        wrong = [(name, body, found.body) for name, _, _, body, found in answers if found.code >= 500]
        assert wrong == []
        assert text != HALF or {found.code for *_, found in answers} == {400}

    @pytest.mark.parametrize("place", ["pathlib.Path.open", "tempfile.mkdtemp"])
    async def test_a_disk_that_is_too_full_for_the_files(
        self, ask: Ask, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, place: str
    ) -> None:
        existing = Path.open

        def full(*asked: Any, **options: Any) -> Any:
            if "traindock-submit-" not in str(asked):
                return existing(*asked, **options)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(place, full)
            body = form(CONFIGURATION, {"train.py": "pass"})
            error = await ask("workspaces", workspace.id, "plans", method="POST", expect=507, **body)

        assert error["code"] == "disk_full"
        assert "temporary files" in error["advice"]


def bodies(workspace: str, run: str, model: str) -> dict[str, tuple[str, tuple[str, ...], dict[str, Any]]]:
    """By operation that takes a document: method, path, and a document with each text that it may have."""
    here = ("workspaces", workspace)
    variables, tags = {"NAME": "value"}, {"tag": "value"}
    environment = {
        "pip_packages": ["six"], "conda_packages": ["six"], "framework_version": "2.1", "base_image": "debian",
        "apt_packages": ["git"], "shm_size": "1g",
    }  # fmt: skip
    plan = {
        "experiment": "digits", "source": "digits", "script": "train.py", "arguments": ["--lr"], "display_name": "one",
        "compute_target": "local", "environment": environment, "environment_variables": variables, "tags": tags,
    }  # fmt: skip
    registration = {
        "name": "digits", "run": run, "path": "outputs/", "description": "text", "tags": tags,
        "properties": tags, "datasets": ["digits"], "framework": "torch", "framework_version": "2.1",
        "request_id": "one", "alias": "production", "child_paths": ["model.bin"],
    }  # fmt: skip
    changes = {"description": "text", "tags": tags, "properties": {}, "framework": "x", "framework_version": "1"}
    again = {
        "arguments": ["--lr"], "compute_target": "nowhere", "environment_variables": variables, "display_name": "one",
        "tags": tags,
    }  # fmt: skip
    settings = {"vm_size": "STANDARD_NC6", "memory": "1g", "engine": "unix:///nowhere.sock"}
    return {
        "createWorkspace": ("POST", ("workspaces",), {"name": "mine"}),
        "planRun": ("POST", (*here, "plans"), plan),
        "changeRun": ("PATCH", (*here, "runs", run), {"display_name": "x", "description": "text", "tags": tags}),
        "resubmitRun": ("POST", (*here, "runs", run, "resubmit"), again),
        "moveRun": ("POST", (*here, "runs", run, "move"), {"before": run}),
        "registerModel": ("POST", (*here, "models"), registration),
        "setAlias": ("PUT", (*here, "models", model, "aliases", "production"), {"version": 1}),
        "rollBackAlias": ("POST", (*here, "models", model, "aliases", "production", "roll-back"), {}),
        "changeModelVersion": ("PATCH", (*here, "models", model, "versions", "1"), changes),
        "createCompute": ("POST", (*here, "computes"), {"name": "box", "kind": "docker", "settings": settings}),
        "changeCompute": ("PATCH", (*here, "computes", "local"), {"settings": {"gpu": "optional"}}),
    }


def with_text(value: Any, text: str) -> Iterator[Any]:
    """Yield a value with ``text`` in the place of each text in it, and of each name of an entry, one at a time."""
    if isinstance(value, str):
        yield text
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from ([*value[:number], odd, *value[number + 1 :]] for odd in with_text(entry, text))
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield from ({**value, name: odd} for odd in with_text(entry, text))
            yield {**{other: one for other, one in value.items() if other != name}, text: entry}


class HeldCheck:
    """Holds up the check of a document until it may go on, as one that takes long would."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.in_time = True

    def __call__(self, *asked: Any) -> None:
        """Check."""
        self.begun.set()
        self.in_time = self.go_on.wait(10)
        CHECK(*asked)


CHECK = Schema.check


@pytest.fixture
def held_check(monkeypatch: pytest.MonkeyPatch) -> HeldCheck:
    """The check of documents, held up."""
    held = HeldCheck()
    monkeypatch.setattr(Schema, "check", lambda schema, value: held(schema, value))
    return held


def unbounded(schema: Any, place: str) -> Iterator[str]:
    """Yield the places of a schema at which texts and lists may be of any size."""
    if isinstance(schema, list):
        for number, entry in enumerate(schema):
            yield from unbounded(entry, f"{place}.{number}")
    if not isinstance(schema, dict):
        return
    kinds = schema.get("type", [])
    bounds = {"string": {"maxLength", "pattern", "enum", "const"}, "array": {"maxItems"}}
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        if kind in bounds and not bounds[kind] & set(schema):
            yield f"{place} ({kind})"
    for keyword in ("allOf", "anyOf", "oneOf", "items", "additionalProperties"):
        yield from unbounded(schema.get(keyword), f"{place}.{keyword}")
    for name, entry in schema.get("properties", {}).items():
        yield from unbounded(entry, f"{place}.{name}")


class TestMistakes:
    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    async def test_a_path_that_is_none_is_answered_as_everything_is(
        self, ask: Ask, workspace: Workspace, method: str
    ) -> None:
        options = {"body": ""} if method == "POST" else {}
        error = await ask("workspaces", workspace.id, "nope", method=method, expect=404, **options)

        assert error["code"] == "not_found"
        assert error["message"] == "the API has no path '…/nope'"
        assert "/openapi" in error["advice"]

    def test_what_is_wrong_is_named_where_it_is_clear_what_was_meant(self) -> None:
        asked = {"subscribe": "training", "to": {"workspace": "nope", "run": "digits_1_00000000", "cursor": None}}

        with pytest.raises(ApiError, match=r"to\.workspace: 'nope' does not match"):
            api_document.schema("LiveRequest").check(asked)

    def test_what_lacks_is_named_where_nothing_was(self) -> None:
        with pytest.raises(ApiError, match="it has to have subscribe and to or unsubscribe"):
            api_document.schema("LiveRequest").check({"hello": 1})
