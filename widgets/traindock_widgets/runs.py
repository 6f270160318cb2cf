"""The runs of an experiment, as a widget."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlencode

import traitlets

from jupyterlab_traindock.errors import ApiError
from traindock.errors import UserErrorException
from traindock.experiment import Experiment
from traindock.notebook import in_kernel
from traindock_widgets import outputs
from traindock_widgets.feeding import LIST, STATIC, FedWidget
from traindock_widgets.pictures_of_many import runs_picture

#: What a view asks for first: the newest runs.
_FIRST_PAGE: Final = {"order": "created", "limit": 20, "offset": 0}
_PAGE_PATH: Final = re.compile(r"/workspaces/[^/]+/runs\?.*", re.DOTALL)


class Runs(FedWidget):
    """The runs of an experiment, live in a notebook: to be sorted, filtered, looked at one by one, and compared.

    Args:
        experiment: the experiment.

    Attributes:
        experiment: its name.
        selected_runs: ids of the runs that are ticked. Observable, and may be set.

    Raises:
        UserErrorException: ``experiment`` is none.
    """

    _esm = STATIC / "runs.js"

    experiment = traitlets.Unicode().tag(sync=True)
    selected_runs = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, experiment: Experiment, **options: Any) -> None:
        if not isinstance(experiment, Experiment):
            raise UserErrorException(
                f"Runs shows an experiment, as Experiment(...) gives it, and not {experiment!r:.200}"
            )
        workspace = experiment.workspace
        # What the view asked for last: it is told of news while the kernel cannot answer.
        self._page_path = f"/workspaces/{workspace.id}/runs?{urlencode({'experiment': experiment.name, **_FIRST_PAGE})}"
        super().__init__(workspace, [LIST], experiment=experiment.name, **options)
        shown = {"workspace": workspace.id, "experiment": experiment.name}
        self._outputs = outputs.Outputs(outputs.RUNS, shown, self._picture)
        self._start()

    def __repr__(self) -> str:
        return f"Runs({self.experiment})"

    def _ipython_display_(self) -> None:
        if not in_kernel():
            for row in self._page(self._page_path)["runs"]:
                print(f"{row['state']:<12} {row['display_name'] or row['id']}")  # noqa: T201 -- a terminal shows no card
            return
        self._outputs.show(self.model_id, changes=False)

    def _picture(self) -> bytes | None:
        page = self._page(self._page_path)
        return runs_picture(self.experiment, page["runs"], more=page["more"])

    def _page(self, path: str) -> dict[str, Any]:
        page: dict[str, Any] = self._kernel.api.answer("GET", path, None, {})
        return page

    def _completed(self, name: str, message: dict[str, Any]) -> dict[str, Any]:
        changes = message.get("changes")
        concerned = changes is None or changes["reload"] or changes["changed_runs"]
        if name != LIST or not concerned:
            return message
        path = self._page_path
        try:
            return {**message, "page": {"path": path, "answer": self._page(path)}}
        except ApiError:
            return message  # the view asks by itself, and is told why there is none

    def _told(self, name: str, message: dict[str, Any]) -> None:
        gone = set(message.get("changes", {}).get("gone", ()))
        if gone.intersection(self.selected_runs):
            self.selected_runs = [run for run in self.selected_runs if run not in gone]

    def _answered(self, method: str, path: str, body: Any, headers: Any) -> Any:
        found = super()._answered(method, path, body, headers)
        if method == "GET" and _PAGE_PATH.fullmatch(path):
            self._page_path = path
        return found
