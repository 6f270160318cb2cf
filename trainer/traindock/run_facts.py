"""What a run is: its identity, its state, and what is said about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traindock import run_details
from traindock.errors import UserErrorException
from traindock.names import check_strings, check_text
from traindock.states import Reason
from traindock.store.metrics import MetricReader
from traindock.store.run_records import RunFolder, RunRecord
from traindock.store.signing import Signature

if TYPE_CHECKING:
    from traindock.experiment import Experiment
    from traindock.workspace import Workspace


class RunFacts:
    """The part of :class:`traindock.Run` that reads the run's record, and adds what people say about the run.

    Every property is read from the run's folder when it is asked for, so none is ever out of date.
    """

    experiment: Experiment
    _folder: RunFolder

    @property
    def id(self) -> str:
        """``<experiment>_<unix time>_<8 hex digits>``."""
        return self._folder.id

    @property
    def workspace(self) -> Workspace:
        """Where the run is."""
        return self.experiment.workspace

    @property
    def record(self) -> RunRecord:
        """Everything the run's folder says, read now."""
        return self._folder.load()

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self._folder.layout.root

    @property
    def number(self) -> int:
        """1 for the first run of the experiment."""
        return self.record.number

    @property
    def type(self) -> str:
        """What kind of run."""
        return self.record.spec.type

    @property
    def display_name(self) -> str:
        """A name for people; the id until it is set."""
        return self.record.display_name or self.id

    @display_name.setter
    def display_name(self, value: str) -> None:
        self._folder.append({"type": "display_name", "value": check_text("display_name", value, 256)})

    @property
    def name(self) -> str:
        """The same as :attr:`display_name`."""
        return self.display_name

    @property
    def description(self) -> str:
        """Free text."""
        return self.record.description

    @description.setter
    def description(self, value: str) -> None:
        self._folder.append({"type": "description", "value": check_text("description", value, 5000)})

    @property
    def tags(self) -> dict[str, str]:
        """Free strings that may change."""
        return self.record.tags

    @property
    def properties(self) -> dict[str, str]:
        """Strings that never change once they are there."""
        return self.record.properties

    @property
    def signed(self) -> bool:
        """Whether you submitted this run; one that you did not is shown, but never launched or changed."""
        return self.record.signature is not Signature.INVALID

    @property
    def status(self) -> str:
        """The same as :meth:`get_status`."""
        return self.get_status()

    @property
    def reason(self) -> Reason | None:
        """Why the run ended; None while it has not."""
        return self.record.reason

    def get_status(self) -> str:
        """Return the state's name, for example "Running"."""
        return self.record.state.value

    def get_detailed_status(self) -> dict[str, str | None]:
        """Return the state, its reason, and a sentence that says more, such as what the run waits for."""
        record = self.record
        reason = record.reason.value if record.reason else None
        return {"status": record.state.value, "reason": reason, "details": record.detail or None}

    @property
    def resources(self) -> MetricReader:
        """What the run's job has used, every few seconds, to read as :attr:`metrics` are.

        "cpu" is in processors, "memory" in bytes, and of the n-th GPU that the job got "gpu/<n>/busy" in percent of the
        time and "gpu/<n>/memory" in bytes. Empty for a run that was over at once, that no compute target executed, or
        whose target cannot tell.
        """
        return MetricReader(self._folder.layout.resources)

    def get_resources(self) -> dict[str, dict[str, Any]]:
        """Return what the run's job uses, or has used, by the names that :attr:`resources` has.

        Of each there is the "unit", the value looked at "last", the "peak" of all looks, the "limit" with whose that is
        in "limit_of" (such as "machine" or "container"; None where it is not known), and of GPUs the "device" (UUID).
        """
        seen = self.resources.summary()
        return {
            name: {**fact, "last": seen[name].last, "peak": seen[name].max}
            for name, fact in self.record.resources.items()
            if name in seen
        }

    def get_portal_url(self) -> str:
        """Return the URL of the run's folder on this machine."""
        return self.path.as_uri()

    def get_details(self) -> dict[str, Any]:
        """Return what is known about the run, under Azure ML's keys; log files by name and path."""
        return run_details.details(self)

    def get_details_with_logs(self) -> dict[str, Any]:
        """Return :meth:`get_details` with the logs' content (the last 1 MB of each) in place of their paths."""
        return run_details.details(self, with_logs=True)

    def get_tags(self) -> dict[str, str]:
        """Return the tags."""
        return self.tags

    def get_properties(self) -> dict[str, str]:
        """Return the properties."""
        return self.properties

    def tag(self, key: str, value: str | None = None) -> None:
        """Add a tag, or replace its value."""
        self.set_tags({key: "" if value is None else value})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Add tags, or replace their values.

        Raises:
            UserErrorException: a name is empty or too long.
        """
        self._folder.append({"type": "tags", "set": check_strings("tag", tags)})

    def remove_tags(self, tags: Sequence[str]) -> None:
        """Remove the tags of these names; names that are not there do not matter."""
        names = [tags] if isinstance(tags, str) else [str(name) for name in tags]
        self._folder.append({"type": "tags", "remove": names})

    def add_properties(self, properties: Mapping[str, str]) -> None:
        """Add properties, which can never be changed or removed.

        Raises:
            UserErrorException: one is there already with another value; nothing is added then.
        """
        new = check_strings("property", properties)

        def decide(record: RunRecord) -> list[dict[str, Any]]:
            for name, value in new.items():
                if record.properties.get(name, value) != value:
                    raise UserErrorException(
                        f"property {name!r} of run {self.id} is {record.properties[name]!r} and can never be "
                        f"changed to {value!r}: use a tag for what may change"
                    )
            return [{"type": "properties", "add": new}]

        self._folder.transact(decide)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunFacts) and (self.workspace.id, self.id) == (other.workspace.id, other.id)

    def __hash__(self) -> int:
        return hash((self.workspace.id, self.id))

    def __repr__(self) -> str:
        record = self.record
        return (
            f"Run(Experiment: {self.experiment.name},\nId: {self.id},\n"
            f"Type: {record.spec.type},\nStatus: {record.state.value}{run_details.signature_note(record)})"
        )

    def _ipython_display_(self) -> None:
        """Show the run's card, where that can be; IPython's own convention says how to decline."""
        from traindock import notebook

        cards = notebook.cards()
        if cards is None:
            raise NotImplementedError
        cards.show(self)

    def _repr_html_(self) -> str:
        return run_details.table(self)
