"""The run of a script that does not run inside a job: each call is checked as in a job and printed.

What was logged, tagged or named can be read back from the object, for scripts that look at their own metrics.
"""

from __future__ import annotations

import os
import time
from time import monotonic

from .base_run import Run
from .files import RunFiles, relative_name
from .metric_format import azure_value
from .metric_log import CLOCK
from .records import Experiment, RegisteredModel, Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple


class OfflineRun(Run):
    """Stands in for a run outside of a job.

    Args:
        parent: the run whose ``child_run`` made this one.
        display_name: a name for people; default is the id.
    """

    def __init__(self, parent: OfflineRun | None = None, display_name: str | None = None) -> None:
        super().__init__()
        import uuid

        self._id = f"OfflineRun_{uuid.uuid4()}"
        self._parent = parent
        self._display_name = display_name or self._id
        self._description = ""
        self._tags: Dict[str, str] = {}
        self._properties: Dict[str, str] = {}
        self._logged: Dict[str, List[Tuple[str, Any]]] = {}
        self._files = RunFiles(os.path.abspath("outputs"), os.path.abspath("logs"), os.path.abspath("uploads"))
        self._started = CLOCK + monotonic()

    def _put(self, name: str, kind: str, value: Any, step: int | None, description: str) -> None:
        at = "" if step is None else f" (step {step})"
        print(f"Attempted to log {kind.replace('_', ' ')} metric {name}{at}:\n{value}")
        self._logged.setdefault(name, []).append((kind, value))

    def _put_image(self, name: str, path: Any, plot: Any, description: str) -> None:
        self._files.check_image(name, path, plot)
        shown = str(path) if plot is None else type(plot).__name__
        self._put(name, "image", shown, None, description)

    def get_metrics(self, name: str | None = None) -> Dict[str, Any]:
        """Return what this object was given to log, see :meth:`Run.get_metrics`."""
        names = list(self._logged) if name is None else [name] if name in self._logged else []
        return {one: azure_value(self._logged[one]) for one in names}

    @property
    def id(self) -> str:
        """``OfflineRun_<uuid>``."""
        return self._id

    @property
    def number(self) -> int:
        """Always 0: runs outside of jobs are not counted."""
        return 0

    @property
    def experiment(self) -> Experiment:
        """An experiment and a workspace, both named "offline"."""
        return Experiment("offline", Workspace("offline", ""))

    @property
    def parent(self) -> Run | None:
        """The run whose ``child_run`` made this one, or None."""
        return self._parent

    @property
    def display_name(self) -> str:
        """A name for people; can be set."""
        return self._display_name

    @display_name.setter
    def display_name(self, value: str) -> None:
        self._display_name = str(value)
        print(f"Attempted to set the display name: {value}")

    @property
    def description(self) -> str:
        """A text for people; can be set."""
        return self._description

    @description.setter
    def description(self, value: str) -> None:
        self._description = str(value)
        print(f"Attempted to set the description: {value}")

    def get_details(self) -> Dict[str, Any]:
        """Return runId, status, startTimeUtc, properties, tags and the like."""
        return {
            "runId": self.id,
            "target": None,
            "status": self.status,
            "startTimeUtc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started)),
            "properties": self.get_properties(),
            "tags": self.get_tags(),
            "inputDatasets": [],
            "outputDatasets": [],
            "runDefinition": {"arguments": None},
            "logFiles": {},
        }

    def get_tags(self) -> Dict[str, str]:
        """Return the tags that this object was given."""
        return dict(self._tags)

    def get_properties(self) -> Dict[str, str]:
        """Return the properties that this object was given."""
        return dict(self._properties)

    def _set_tags(self, tags: Dict[str, str]) -> None:
        self._tags.update(tags)
        print(f"Attempted to set tags: {tags}")

    def _remove_tags(self, keys: List[str]) -> None:
        for key in keys:
            self._tags.pop(key, None)
        print(f"Attempted to remove tags: {keys}")

    def _add_properties(self, properties: Dict[str, str]) -> None:
        self._properties.update(properties)
        print(f"Attempted to add properties: {properties}")

    def upload_file(self, name: str, path_or_stream: Any) -> None:
        """Print what would be stored."""
        shown = "a stream" if hasattr(path_or_stream, "read") else os.fspath(path_or_stream)
        print(f"Attempted to upload {shown} as {relative_name(name)}")

    def upload_folder(self, name: str, path: Any) -> None:
        """Print what would be stored."""
        files = self._files.folder(relative_name(name), path)
        print(f"Attempted to upload {os.fspath(path)} as {name} ({len(files)} files)")

    def get_file_names(self) -> List[str]:
        """Return what lies in ``./outputs`` and ``./logs`` here, under the names it would have in a job."""
        return self._files.names()

    def download_file(self, name: str, output_file_path: Any = None) -> None:
        """Copy a file that lies in ``./outputs`` or ``./logs`` here; of any other, print that there is none."""
        if name in self._files.names():
            self._files.download(name, output_file_path)
        else:
            print(f"Attempted to download {relative_name(name)}")

    def _register(self, fields: Dict[str, Any], timeout: float) -> RegisteredModel:
        print(f"Attempted to register model {fields['model_name']} from {fields['model_path']}")
        return RegisteredModel(fields["model_name"], None, fields)

    def child_run(self, name: str | None = None, run_id: str | None = None, outputs: str | None = None) -> Run:
        """Return another object of this kind, whose parent this one is."""
        print("Attempted to create a child run: %s" % (name or run_id or "unnamed"))
        return OfflineRun(self, name or run_id)

    def create_children(
        self, count: int | None = None, tag_key: str | None = None, tag_values: Any = None
    ) -> List[Run]:
        """Return several other objects of this kind, whose parent this one is."""
        from .children import child_tags

        wanted = child_tags(count, tag_key, tag_values)
        print(f"Attempted to create {len(wanted)} child runs")
        children: List[Run] = []
        for tags in wanted:
            child = OfflineRun(self)
            child._tags.update(tags)
            children.append(child)
        return children
