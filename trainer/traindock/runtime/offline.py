"""The run of a script that does not run inside a job: each call is checked as in a job and printed.

What was logged, tagged or named can be read back from the object, for scripts that look at their own metrics. Of what
was logged only the newest is kept, so that a long training needs no more memory than a short one.
"""

from __future__ import annotations

import os
import time
from collections import deque
from time import monotonic

from . import values
from .base_log import say
from .base_run import Run
from .errors import ModelPathNotFoundException
from .files import RunFiles, relative_name, taken
from .metric_format import azure_value
from .metric_log import CLOCK
from .records import Experiment, RegisteredModel, Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Deque, Dict, List, Mapping, Sequence, Set, Tuple

    from .metric_read import Entry
    from .metrics import Metrics

#: How much of what was logged is kept, as characters of its print; each call counts for some more.
KEPT = 10_000_000
_CALL = 200
#: Of so many children at most ``get_children`` tells, as many as a job can have.
_CHILDREN = 1000


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
        self._newest: Deque[Tuple[str, Entry, int]] = deque()
        self._kept = 0
        self._uploaded: Set[str] = set()
        self._children: Deque[Run] = deque(maxlen=_CHILDREN)
        self._files = RunFiles(os.path.abspath("outputs"), os.path.abspath("logs"), os.path.abspath("uploads"))
        self._started = CLOCK + monotonic()

    def _put(self, name: str, kind: str, value: Any, step: int | None, description: str) -> None:
        at = "" if step is None else f" (step {step})"
        try:
            text = str(value)
        except ValueError:  # Python writes no more than some thousand decimal digits
            text = values.shown(value)
        say(f"Attempted to log {kind.replace('_', ' ')} metric {name}{at}:\n{text}")
        entry = CLOCK + monotonic(), (kind, value, step, str(description or ""))
        self._newest.append((name, entry, _CALL + len(text)))
        self._kept += _CALL + len(text)
        while self._kept > KEPT and len(self._newest) > 1:
            self._kept -= self._newest.popleft()[2]

    def _put_image(self, name: str, path: Any, plot: Any, description: str) -> None:
        self._files.check_image(name, path, plot)
        shown = os.fsdecode(path) if plot is None else type(plot).__name__
        self._put(name, "image", shown, None, description)

    def _logged(self, name: str | None) -> Dict[str, Any]:
        found = self._entries(name)
        return {one: azure_value([entry[:2] for _, entry in entries]) for one, entries in found.items()}

    def _entries(self, name: str | None) -> Dict[str, List[Entry]]:
        found: Dict[str, List[Entry]] = {}
        for one, entry, _ in self._newest:
            if name in (None, one):
                found.setdefault(one, []).append(entry)
        return found

    @property
    def metrics(self) -> Metrics:
        """What was logged into this object and is still kept, see :attr:`Run.metrics`."""
        from .metrics import Metrics

        return Metrics(self._entries, int)

    @property
    def path(self) -> Path:
        """The folder in which the script was started, where its ``outputs`` and ``logs`` lie, see :attr:`Run.path`."""
        return self._files.folder_of_outputs()

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
        say(f"Attempted to set the display name: {value}")

    @property
    def description(self) -> str:
        """A text for people; can be set."""
        return self._description

    @description.setter
    def description(self, value: str) -> None:
        self._description = str(value)
        say(f"Attempted to set the description: {value}")

    def get_details(self) -> Dict[str, Any]:
        """Return runId, status, startTimeUtc, properties, tags and the like; log files by name and path."""
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
            "logFiles": {name: self._files.path(name) for name in self.get_file_names() if name.startswith("logs/")},
        }

    def get_snapshot_id(self) -> str:
        """Return "": outside of a job there is no snapshot."""
        return ""

    def restore_snapshot(self, snapshot_id: str | None = None, path: Any = None) -> str:
        """Return the current folder: outside of a job there is no snapshot, and the source is what lies there."""
        say(f"Attempted to restore a snapshot into {'a new folder' if path is None else path}")
        return os.getcwd()

    def get_tags(self) -> Dict[str, str]:
        """Return the tags that this object was given."""
        return dict(self._tags)

    def get_properties(self) -> Dict[str, str]:
        """Return the properties that this object was given."""
        return dict(self._properties)

    def _set_tags(self, tags: Dict[str, str]) -> None:
        self._tags.update(tags)
        say(f"Attempted to set tags: {tags}")

    def _remove_tags(self, keys: List[str]) -> None:
        for key in keys:
            self._tags.pop(key, None)
        say(f"Attempted to remove tags: {keys}")

    def _add_properties(self, properties: Dict[str, str]) -> None:
        self._properties.update(properties)
        say(f"Attempted to add properties: {properties}")

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: str | None = None) -> None:
        """Check and print what would be stored."""
        self._upload(name, path_or_stream)
        shown = "a stream" if hasattr(path_or_stream, "read") else os.fsdecode(path_or_stream)
        say(f"Attempted to upload {shown} as {relative_name(name)}")

    def upload_folder(self, name: str, path: Any) -> None:
        """Check and print what would be stored."""
        files = self._files.folder(relative_name(name), path)
        for file, source in files:
            self._upload(file, source)
        say(f"Attempted to upload {os.fsdecode(path)} as {name} ({len(files)} files)")

    def _upload(self, name: str, path_or_stream: Any) -> None:
        self._files.check_upload(name, path_or_stream)
        if relative_name(name) in self._uploaded:
            raise taken(name)
        self._uploaded.add(relative_name(name))

    def get_file_names(self) -> List[str]:
        """Return what lies in ``./outputs`` and ``./logs`` here, under the names it would have in a job."""
        return self._files.names()

    def download_file(self, name: str, output_file_path: Any = None) -> None:
        """Copy a file that lies in ``./outputs`` or ``./logs`` here; of any other, print that there is none."""
        if name in self._files.names():
            self._files.download(name, output_file_path)
        else:
            say(f"Attempted to download {relative_name(name)}")

    def download_files(
        self,
        prefix: str | None = None,
        output_directory: Any = None,
        output_paths: Sequence[Any] | None = None,
        batch_size: int = 100,
        append_prefix: bool = True,
        timeout_seconds: float | None = None,
    ) -> None:
        """Copy files that lie in ``./outputs`` or ``./logs`` here; where there are none, print that."""
        try:
            super().download_files(prefix, output_directory, output_paths, append_prefix=append_prefix)
        except ModelPathNotFoundException:
            say(f"Attempted to download the files under {prefix!r}")

    def _register(self, fields: Dict[str, Any], timeout: float) -> RegisteredModel:
        name, path = fields["model_name"], fields["model_path"]
        say(f"Attempted to register model {name} from {path}{'' if self._has(path) else ', where no file lies here'}")
        return RegisteredModel(name, None, fields)

    def _has(self, path: str) -> bool:
        clean = relative_name(path)
        return any(name == clean or name.startswith(clean + "/") for name in {*self._files.names(), *self._uploaded})

    def child_run(self, name: str | None = None, run_id: str | None = None, outputs: str | None = None) -> Run:
        """Return another object of this kind, whose parent this one is."""
        say("Attempted to create a child run: %s" % (name or run_id or "unnamed"))
        return self._child(name or run_id)

    def submit_child(self, config: Any, tags: Mapping[str, str] | None = None, **options: Any) -> Run:
        """Return another object of this kind, whose parent this one is; nothing is submitted."""
        say(f"Attempted to submit a child run: {type(config).__name__}")
        return self._child(tags=tags)

    def create_children(
        self, count: int | None = None, tag_key: str | None = None, tag_values: Any = None
    ) -> List[Run]:
        """Return several other objects of this kind, whose parent this one is."""
        from .children import child_tags

        wanted = child_tags(count, tag_key, tag_values)
        say(f"Attempted to create {len(wanted)} child runs")
        return [self._child(tags=tags) for tags in wanted]

    def _child(self, name: str | None = None, tags: Mapping[str, str] | None = None) -> Run:
        child = OfflineRun(self, name)
        child._tags.update(tags or {})
        self._children.append(child)
        return child

    def _made(self) -> List[Run]:
        return list(self._children)
