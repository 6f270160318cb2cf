"""What a submit is told by options, and what these come to: for ``traindock submit``, and for cells of a notebook."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traindock.cli import parsers
from traindock.missing_packages import missing_torch

if TYPE_CHECKING:
    from traindock.submit import Request


def add_options(parser: parsers.Parser, experiment: str) -> None:
    """Have a parser understand where a run is executed, what it needs, and what it is called.

    Args:
        parser: that of a command.
        experiment: what the experiment is named after where nobody names it, such as "the source folder".
    """
    where = parser.add_argument_group("where")
    where.add_argument("--compute", metavar="NAME", default="local", help="the compute target (default: local)")
    where.add_argument("--gpu", "--gpus", type=parsers.count, metavar="N", default=0, help="how many GPUs it needs")
    where.add_argument("--max-seconds", type=float, metavar="N", help="end it after so long (default: 30 days)")
    where.add_argument("--env", action="append", type=parsers.assignment, default=[], metavar="K=V", help="a variable")
    needs = parser.add_argument_group(
        "packages it needs (default: none; on local your own Python as it is, in a container the image's)"
    )
    needs.add_argument("--pip", action="append", default=[], metavar="PKG", help="a pip requirement")
    needs.add_argument("--conda", action="append", default=[], metavar="PKG", help="a conda requirement")
    needs.add_argument("--requirements", metavar="FILE", help="a requirements.txt")
    needs.add_argument("--conda-file", metavar="FILE", help="a conda environment file")
    needs.add_argument("--framework-version", metavar="V", help="this version of PyTorch, such as 2.1")
    needs.add_argument("--image", metavar="NAME", help="the image that a container starts from")
    needs.add_argument("--dockerfile", metavar="FILE", help="a Dockerfile that makes it")
    needs.add_argument("--apt", action="append", default=[], metavar="PKG", help="a package of its Debian or Ubuntu")
    needs.add_argument("--user-managed", action="store_true", help="install nothing: the Python that is there as it is")
    needs.add_argument("--rebuild", action="store_true", help="build the environment anew, from the newest that fits")
    named = parser.add_argument_group("what it is called")
    named.add_argument(
        "--experiment",
        metavar="NAME",
        help=f"3 to 36 letters, digits, _ or - (default: the name of {experiment}, made into one)",
    )
    named.add_argument("--name", metavar="TEXT", default="", help="a name for people")
    named.add_argument("--tag", action="append", type=parsers.assignment, default=[], metavar="K=V", help="a tag")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What options ask for, in a form that experiments submit.

    Attributes:
        base: a script run or an estimator, which knows the environment.
        source: the folder to send.
        changes: fields of the request that the options say themselves.
        variables: for the job, besides the environment's own.
    """

    base: Any
    source: str
    changes: dict[str, Any]
    variables: dict[str, str]

    def to_request(self, **options: Any) -> Request:
        """Return what is to be run."""
        request: Request = self.base.to_request(**options)
        variables = {**request.environment_variables, **self.variables}
        return replace(request, environment_variables=variables, **self.changes)


def asks_for_packages(args: argparse.Namespace) -> bool:
    """Whether options of :func:`add_options` have something installed; else a Python is used as it is."""
    return any(_packages(args).values()) or args.framework_version is not None


def _packages(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "pip_packages": args.pip,
        "conda_packages": args.conda,
        "pip_requirements_file_path": args.requirements,
        "conda_dependencies_file_path": args.conda_file,
    }


def configuration(
    args: argparse.Namespace, source: str, words: list[str], script: str | None, **more: Any
) -> Configuration:
    """Return what options ask for.

    Args:
        args: with the options of :func:`add_options`.
        source: the folder to send.
        words: the script as it was named, or a command, with the arguments.
        script: path of the script, or the notebook, in the folder; None for a command.
        **more: other fields of the request.

    Raises:
        NotUnderstood: options contradict each other.
        UserErrorException: a value is not allowed.
    """
    from traindock.estimator import Estimator, PyTorch
    from traindock.script_run import MAX_RUN_DURATION_SECONDS, ScriptRunConfig

    packages = _packages(args)
    asked = asks_for_packages(args)
    if asked and args.user_managed:
        args.parser.error("--user-managed installs nothing: leave out the packages, or leave out --user-managed")
    if args.rebuild and not asked:
        args.parser.error("--rebuild has nothing to build: nothing is installed unless you name packages")
    notebook = script if script is not None and script.endswith(".ipynb") else None
    if notebook is not None and words[1:]:
        args.parser.error(f"a notebook takes no arguments: leave out {words[1]!r}")
    base: Any
    if not asked:
        base = ScriptRunConfig(source, words[0])
    else:
        common = {"compute_target": args.compute, "entry_script": words[0], **packages}
        if args.framework_version is not None:
            base = PyTorch(source, framework_version=args.framework_version, **common)
        else:
            base = Estimator(source, **common)
        base.environment.rebuild = args.rebuild
    _name_image(args, base)
    limit = MAX_RUN_DURATION_SECONDS if args.max_seconds is None else args.max_seconds
    changes = {
        "compute_target": args.compute,
        "gpus": args.gpu,
        "max_run_duration_seconds": limit,
        "script": script if notebook is None else None,
        "notebook": notebook,
        "command": () if script is not None else tuple(words),
        "arguments": tuple(words[1:]) if script is not None else (),
        **more,
    }
    return Configuration(base, source, changes, dict(args.env))


def _name_image(args: argparse.Namespace, base: Any) -> None:
    """Have a container start from what the command line names."""
    from traindock.script_run import caller_environment

    if args.image is not None and args.dockerfile is not None:
        args.parser.error("--image and --dockerfile both say what a container starts from: give one of them")
    if not (args.image or args.dockerfile or args.apt):
        return
    if base.environment is None:
        base.environment = caller_environment()
    docker = base.environment.docker
    docker.base_image, docker.apt_packages = args.image, args.apt
    docker.base_dockerfile = None if args.dockerfile is None else Path(args.dockerfile)


def torch_note(request: Request, *, is_local: bool) -> str:
    """Return a note for people where the script imports torch and the environment asked for would not have it.

    Args:
        request: what is to be run.
        is_local: whether that is a process of this machine; else a container.
    """
    missing = missing_torch(request, in_container=not is_local)
    if missing is None:
        return ""
    ask = f"add --pip {missing.module} or --framework-version"
    if missing.in_image:
        return (
            f"{missing.script} imports {missing.module}, and nothing is installed in its container unless you ask for "
            f"it: {ask}, or name an image that has it by --image"
        )
    return (
        f"{missing.script} imports {missing.module}, which the packages asked for do not include: {ask}, unless one of "
        "them brings it along"
    )
