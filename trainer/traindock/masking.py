"""What is left out of records and of what people are shown: passwords in addresses, and what a variable keeps secret.

The run's signed request (``run.json``) and what its launcher reads have the true values: without them no job could be
started. Both are readable by their owner alone. What a script prints is kept as it is, also while it is followed; the
last lines that errors and details show are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from traindock.images.uv import mask, masked

if TYPE_CHECKING:
    from traindock.spec import RunSpec

_MASK: Final = "***"
#: Words of a variable's name that say that its value is to be kept secret; TOKENIZERS_PARALLELISM has none, nor have
#: MAX_TOKENS and PWD, the working directory. The first ones also stand within a word: dbPassword, PGPASSWORD.
_SECRET: Final = re.compile(
    r"(?:PASSWORDS?|PASSWD|PASSPHRASE|SECRETS?|CREDENTIALS?|CONNECTION_?STRING|(?:API|ACCESS|ACCOUNT|PRIVATE)_?KEY"
    r"|(?:SSH|DB)PASS|(?:^|_)(?:PASS|TOKEN|KEY|AUTH|SAS|PAT)|_PWD)(?:$|_|\d)",
    re.IGNORECASE,
)
#: The same of an option: "--pad_token" and "--max-tokens" of a training script are no secrets.
_SECRET_OPTION: Final = re.compile(
    r"(?:password|passwd|passphrase|secret|credentials?|api_?key|access_?key|account_?key|private_?key"
    r"|(?:^|_)(?:api|access|auth|bearer|hub|hf|refresh|git(?:hub|lab))_?token|^(?:token|pass|pwd|pat|key))$",
    re.IGNORECASE,
)
#: Values that are shorter may stand in any text by chance.
_SHORTEST: Final = 6


def is_secret(name: str) -> bool:
    """Whether a variable's value is to be kept secret, by its name, such as ``WANDB_API_KEY``."""
    return _SECRET.search(name) is not None


def masked_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables as people may see them."""
    return {name: _MASK if value and is_secret(name) else mask(value) for name, value in variables.items()}


def masked_arguments(arguments: Sequence[str]) -> list[str]:
    """Return a command line's words as people may see them: without passwords in addresses, and after such options."""
    return [f"{shown}{_MASK}" if secret else mask(shown) for shown, secret in _words(arguments)]


def _words(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each word of a command line in two parts: what may be seen, and what such an option keeps secret."""
    after_secret = False
    for word in map(str, arguments):
        option, equals, value = word.partition("=")
        is_option = option.startswith("-")
        secret = is_option and _SECRET_OPTION.search(option.lstrip("-").replace("-", "_")) is not None
        if secret and equals:
            yield f"{option}=", value
        else:
            yield ("", word) if after_secret and not is_option else (word, "")
        after_secret = secret and not equals


def masked_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's request (``RunSpec.to_json()``) as people may see it."""
    environment = dict(masked(spec.get("environment") or {}))
    if environment.get("environment_variables"):
        environment["environment_variables"] = masked_variables(environment["environment_variables"])
    return {
        **spec,
        **{name: masked_arguments(spec[name]) for name in ("command", "arguments") if spec.get(name)},
        "environment": environment,
        "environment_variables": masked_variables(spec.get("environment_variables") or {}),
    }


class Veil:
    """Hides what a job's variables and command line keep secret in texts about it, such as the last lines of its log.

    Args:
        variables: the job's, with their true values.
        arguments: words of its command line, likewise.
    """

    def __init__(self, variables: Mapping[str, str], arguments: Sequence[str] = ()) -> None:
        secrets = {value for name, value in variables.items() if is_secret(name)}
        secrets |= {secret for _, secret in _words(arguments)}
        self._secrets = sorted((each for each in secrets if len(each) >= _SHORTEST), key=len, reverse=True)

    @classmethod
    def of_run(cls, spec: RunSpec, submitted: Mapping[str, str] = MappingProxyType({})) -> Veil:
        """Return that of a run.

        Args:
            spec: what was asked for.
            submitted: variables of its submitter, which a job on this machine has, too. Leave them out of what programs
                read again: by their names alone, many would hide a path.
        """
        return cls({**submitted, **spec.environment_variables}, (*spec.command, *spec.arguments))

    def over(self, value: Any) -> Any:
        """Return a JSON value without the secrets, and without the passwords of its addresses."""
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, _MASK)
            return mask(value)
        if isinstance(value, Mapping):
            return {key: self.over(item) for key, item in value.items()}
        return [self.over(item) for item in value] if isinstance(value, list | tuple) else value
