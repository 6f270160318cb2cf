"""The model-registration panel as a widget."""

from __future__ import annotations

from functools import partial
from typing import Any

import traitlets

from traindock.errors import UserErrorException
from traindock.model import Model
from traindock.notebook import in_kernel
from traindock.run_facts import RunFacts
from traindock.states import State
from traindock_widgets import outputs
from traindock_widgets.feeding import LIST, STATIC, FedWidget
from traindock_widgets.picture import picture


class RegisterModel(FedWidget):
    """Registers outputs of a run as a model's next version, and moves the aliases of its versions.

    Nothing is registered or moved without a click.

    Args:
        run: whose outputs.

    Attributes:
        state: the run's state. Observable.
        selected_files: the picked outputs, as ``outputs/model.pt``; empty until any were. Observable, and may be set.
        versions: what was registered from the run, as ``name:version``, the last one first. Observable.

    Raises:
        UserErrorException: ``run`` is no run.
    """

    _esm = STATIC / "registration.js"

    run_id = traitlets.Unicode().tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)
    selected_files = traitlets.List(traitlets.Unicode()).tag(sync=True)
    versions = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, run: RunFacts, **options: Any) -> None:
        if not isinstance(run, RunFacts):
            raise UserErrorException(
                f"RegisterModel takes a run, as experiment.submit(...) returns it, and not {run!r:.200}"
            )
        self._run = run
        super().__init__(
            run.workspace,
            [run.id, LIST],
            run_id=run.id,
            state=run.record.state.value,
            versions=self._registered(),
            **options,
        )
        shown = {"workspace": run.workspace.id, "run": run.id}
        self._outputs = outputs.Outputs(outputs.REGISTRATION, shown, partial(picture, run))
        self._start()

    def __repr__(self) -> str:
        return f"RegisterModel({self.run_id})"

    def _ipython_display_(self) -> None:
        if not in_kernel():
            print(self._run)  # noqa: T201 -- a terminal or a script shows no card
            return
        self._outputs.show(self.model_id, changes=not State(self.state).terminal)

    def _told(self, name: str, message: dict[str, Any]) -> None:
        if name == LIST:
            # The first message has no changes: what was registered before it came is told by no other.
            if "error" not in message and message.get("changes", {"models": True})["models"]:
                self.versions = self._registered()
            return
        document = message.get("run") or message.get("state")
        if name == self.run_id and document is not None:
            self.state = document["state"]

    def _ended(self, name: str) -> None:
        if name == self.run_id:
            self._outputs.freeze()

    def _registered(self) -> list[str]:
        found = Model.list(self._run.workspace, run_id=self._run.id)
        return [f"{one.name}:{one.version}" for one in found]
