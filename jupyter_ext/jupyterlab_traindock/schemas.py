"""JSON schemas that values are checked against, with errors that name the place and what may stand there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Final, cast

from jupyterlab_traindock.errors import invalid

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError

#: By keyword about what a value holds, the one that bounds how much this may be.
_BOUNDED: Final = {
    "items": "maxItems",
    "additionalProperties": "maxProperties",
    "unevaluatedProperties": "maxProperties",
}


class Schema:
    """A schema; what checks it is made once something is checked.

    To import jsonschema takes a kernel seconds, for its first card, where nothing is checked as long as nobody asks
    the kernel by a card.

    Args:
        described: the schema as JSON has it, without references.
    """

    def __init__(self, described: Mapping[str, Any]) -> None:
        self.described = described

    @cached_property
    def _validator(self) -> Draft202012Validator:
        return _validator_type()(self.described)

    def errors(self, value: Any) -> Iterator[ValidationError]:
        """Return all that is wrong with a JSON value."""
        found: Iterator[ValidationError] = self._validator.iter_errors(value)
        return found

    def check(self, value: Any) -> None:
        """Check a JSON value.

        Raises:
            ApiError: 400; the text names the place.
        """
        errors = list(self.errors(value))
        # Where something else is wrong, what stands beside it counts as not evaluated, which would mislead.
        error = _best_match([one for one in errors if one.validator != "unevaluatedProperties"] or errors)
        if error is not None:
            # What stands there was read from JSON: jsonschema's types know of more.
            choices = cast("Sequence[Mapping[str, Any]]", error.validator_value if error.validator == "oneOf" else [])
            error = _within_choice(error, choices) or error
            place = ".".join(map(str, error.absolute_path)) or "the body"
            if error.validator == "oneOf" and choices and all("required" in choice for choice in choices):
                named = " or ".join(" and ".join(choice["required"]) for choice in choices)
                raise invalid(f"{place}: it has to have {named}, and not several of them")
            raise invalid(f"{place}: {_told(error.message)}")

    def check_named(self, name: str, value: Any) -> None:
        """Check the value of a parameter.

        Raises:
            ApiError: 400; the text begins with ``name``.
        """
        error = _best_match(self.errors(value))
        if error is not None:
            raise invalid(f"{name}: {_told(error.message)}")


@cache
def _validator_type() -> type[Draft202012Validator]:
    """Return what checks: what a megabyte of JSON may hold would take seconds to check one by one."""
    from jsonschema import Draft202012Validator, validators

    made: type[Draft202012Validator] = validators.extend(  # type: ignore[no-untyped-call]  # jsonschema has no types here
        Draft202012Validator, {keyword: _sizes_first(keyword, Draft202012Validator) for keyword in _BOUNDED}
    )
    return made


def _sizes_first(keyword: str, base: type[Draft202012Validator]) -> Any:
    """Return how a keyword is checked: not at all where the value holds too much, for which it is refused anyway."""
    check_entries, bound = base.VALIDATORS[keyword], _BOUNDED[keyword]

    def checked(validator: Any, wanted: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
        if not isinstance(value, list | dict) or len(value) <= schema.get(bound, len(value)):
            yield from check_entries(validator, wanted, value, schema) or ()

    return checked


def _best_match(errors: Iterable[ValidationError]) -> ValidationError | None:
    from jsonschema.exceptions import best_match

    found: ValidationError | None = best_match(errors)
    return found


def _within_choice(error: ValidationError, choices: Sequence[Mapping[str, Any]]) -> ValidationError | None:
    """Return what is wrong with a value that has all that one of the choices asks for; None where it has not."""
    value = error.instance
    if not isinstance(value, dict):
        return None
    meant = [
        (len(choice.get("required", ())), at)
        for at, choice in enumerate(choices)
        if choice.get("required") and set(choice["required"]) <= value.keys()
    ]
    if not meant:
        return None
    _, at = max(meant)
    return _best_match([one for one in error.context or () if one.schema_path[0] == at])


def _told(message: str) -> str:
    return message if len(message) <= 300 else f"{message[:140]} … {message[-140:]}"
