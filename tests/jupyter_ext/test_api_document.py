"""The OpenAPI document is true: tried by schemathesis on a real server, with authentication on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from benchmarks.servers import TOKEN, JupyterServer
from hypothesis import HealthCheck, Phase, assume, given, settings
from tests.conftest import end_everything_in, make_workspace, submitter

from jupyterlab_traindock import api_document
from jupyterlab_traindock.handlers import HANDLERS
from traindock import ComputeTarget, LocalCompute

EXAMPLES = 10
# A failure is not made smaller: that takes minutes, and requests are small as they are.
CALLS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[*HealthCheck],
    phases=[Phase.explicit, Phase.generate],
)
#: Longest address that is tried: where line and headers of a request exceed 64 KiB, tornado hangs up without an answer.
LONGEST_ADDRESS = 60_000


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A server with a workspace, runs and models, of each one to be deleted, and a folder to submit."""
    folder = tmp_path_factory.mktemp("served")
    before = dict(os.environ)
    for name in ("DATA", "CONFIG", "CACHE", "STATE"):
        os.environ[f"XDG_{name}_HOME"] = str(folder / "home" / name.lower())
    os.environ["TRAINDOCK_LEASE_DIR"] = str(folder / "leases")
    workspace = make_workspace(folder / "workspace")
    script = (
        "from traindock import Run\nRun.get_context().log('loss', 1.0)\n"
        "open('outputs/model.bin', 'wb').write(b'weights')"
    )
    submit = submitter(workspace, folder)
    runs = [submit(script) for _ in range(2)]
    for run, name in zip(runs, ("digits", "doomed"), strict=True):
        run.wait_for_completion()
        run.register_model(name, "outputs/model.bin")
    for name in ("pair", "doomed"):
        ComputeTarget.create(workspace, name, LocalCompute.provisioning_configuration(max_nodes=2))
    server = JupyterServer(folder / "server")
    Path(folder / "server" / "digits").mkdir()
    (folder / "server" / "digits" / "train.py").write_text("pass")
    try:
        kept = {"workspace": workspace.id, "run": runs[0].id, "model": "digits", "version": 1, "compute": "pair"}
        doomed = {**kept, "run": runs[1].id, "model": "doomed", "compute": "doomed"}
        yield {"url": server.url.rstrip("/"), "kept": kept, "doomed": doomed}
    finally:
        server.kill()
        end_everything_in(workspace)
        os.environ.clear()
        os.environ.update(before)


SCHEMA = schemathesis.openapi.from_dict(api_document.document())
# What a request means may be impossible though it has the right form: no such compute target, say. Never 400 then.
SCHEMA.config.checks.positive_data_acceptance.expected_statuses = ["2xx", "403", "404", "409", "413", "422"]
SCHEMA.config.checks.negative_data_rejection.expected_statuses = [
    "400",
    "401",
    "403",
    "404",
    "405",
    "413",
    "415",
    "422",
]
OPERATIONS = [(path, method) for path in api_document.document()["paths"] for method in api_document.operations(path)]
HEADERS = {"Authorization": f"token {TOKEN}"}


def test_each_path_has_a_handler_with_the_same_methods_and_the_reverse() -> None:
    methods = {"get", "head", "post", "put", "patch", "delete"}
    handled = {
        handler.path: {method for method in methods if method in vars(handler)}
        | {method for parent in handler.__mro__[1:3] for method in methods if method in vars(parent)}
        for handler in HANDLERS
    }
    described = {path: set(api_document.operations(path)) for path in api_document.document()["paths"]}

    assert described == handled


@pytest.mark.slow
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
@pytest.mark.parametrize("there", [False, True], ids=["any ids", "ids that are there"])
def test_answers_are_as_described_whatever_is_asked(
    served: dict[str, Any], path: str, method: str, there: bool
) -> None:
    operation = SCHEMA[path][method]
    ids = served["doomed" if method == "delete" else "kept"]

    @CALLS
    @given(case=operation.as_strategy())
    def ask(case: schemathesis.Case) -> None:
        for name in case.path_parameters if there else ():
            case.path_parameters[name] = ids.get(name, case.path_parameters[name])
        call(case)

    @CALLS
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
    def ask_wrongly(case: schemathesis.Case) -> None:
        case.headers.clear()  # of headers the server itself takes care
        call(case)

    def call(case: schemathesis.Case) -> None:
        base_url = f"{served['url']}/traindock/api"
        assume(len(address(case, base_url)) < LONGEST_ADDRESS)
        case.call_and_validate(base_url=base_url, headers=HEADERS)

    ask()
    if has_parameters(path, method):
        ask_wrongly()


def address(case: schemathesis.Case, base_url: str) -> str:
    """The address that a request goes to, as it is sent."""
    asked = case.as_transport_kwargs(base_url=base_url)
    return requests.Request(asked["method"], asked["url"], params=asked.get("params")).prepare().url or ""


def has_parameters(path: str, method: str) -> bool:
    """Whether there is anything that could be asked wrongly."""
    operation = api_document.operations(path)[method]
    return bool(operation.path or operation.query or operation.body)
