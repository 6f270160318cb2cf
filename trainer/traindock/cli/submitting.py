"""``traindock submit``."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traindock.cli import endings, parsers
from traindock.cli.finding import command, notes_from_prints, open_workspace
from traindock.cli.imports import missing_torch
from traindock.cli.logs import detached
from traindock.cli.output import emit, note, say
from traindock.cli.planning import plan_lines
from traindock.cli.text import clean
from traindock.documents import run_document
from traindock.errors import Detached
from traindock.planning import plan_document

if TYPE_CHECKING:
    from traindock.run import Run
    from traindock.submit import Request


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock submit`` understands."""
    parser.teach(
        """
        Send a script to a compute target and return at once: the run goes on without this terminal. Its folder is
        sent along, apart from what .amlignore, else .gitignore, leaves out; the script is executed in a copy of it,
        and what it writes to ./outputs is kept. Options come before the script; all that follows it is the script's.
        """,
        """
        traindock submit train.py --epochs 30
        traindock submit --wait --experiment digits --tag kind=baseline train.py
        traindock submit --pip torch --pip 'numpy<2' --gpu 1 train.py
        traindock submit --framework-version 2.1 --compute gpu-box pytorch/train.py --lr 0.01
        traindock submit --source . --command -- python -m mypackage.train --epochs 30
        traindock submit --plan train.py                what would be done, without doing it
        """,
    )
    # Everything after the first word that is no option goes to the script, also what looks like an option.
    parser.mixed = False
    parser.stray = "there is no option {}: what belongs to the script comes after the script's name"
    parser.usage = "traindock submit [options] script.py [script's own arguments …]"
    where = parser.add_argument_group("what and where")
    where.add_argument("--source", metavar="DIR", help="the folder to send (default: the script's own)")
    where.add_argument("--command", action="store_true", dest="is_command", help="run a command in place of a script")
    where.add_argument("--compute", metavar="NAME", default="local", help="the compute target (default: local)")
    where.add_argument("--gpu", type=parsers.count, metavar="N", default=0, help="how many GPUs it needs")
    where.add_argument("--max-seconds", type=float, metavar="N", help="end it after so long (default: 30 days)")
    where.add_argument("--env", action="append", type=parsers.assignment, default=[], metavar="K=V", help="a variable")
    needs = parser.add_argument_group("packages it needs (default: your own Python as it is)")
    needs.add_argument("--pip", action="append", default=[], metavar="PKG", help="a pip requirement")
    needs.add_argument("--conda", action="append", default=[], metavar="PKG", help="a conda requirement")
    needs.add_argument("--requirements", metavar="FILE", help="a requirements.txt")
    needs.add_argument("--conda-file", metavar="FILE", help="a conda environment file")
    needs.add_argument("--framework-version", metavar="V", help="this version of PyTorch, such as 2.1")
    needs.add_argument("--image", metavar="NAME", help="the image that a container starts from")
    needs.add_argument("--dockerfile", metavar="FILE", help="a Dockerfile that makes it")
    needs.add_argument("--apt", action="append", default=[], metavar="PKG", help="a package of its Debian or Ubuntu")
    needs.add_argument("--user-managed", action="store_true", help="your own Python as it is, nothing installed")
    needs.add_argument("--rebuild", action="store_true", help="build the environment anew, from the newest that fits")
    named = parser.add_argument_group("what it is called")
    named.add_argument("--experiment", metavar="NAME", help="(default: the name of the source folder)")
    named.add_argument("--name", metavar="TEXT", default="", help="a name for people")
    named.add_argument("--tag", action="append", type=parsers.assignment, default=[], metavar="K=V", help="a tag")
    then = parser.add_argument_group("then")
    then.add_argument("--wait", action="store_true", help="show its output until it ends; exit with 3 if it failed")
    then.add_argument("--plan", "--dry-run", action="store_true", help="print what would be done, and do nothing")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="script.py", help="the script and its arguments")


def run(args: argparse.Namespace) -> int:
    """Submit, or say what would be."""
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not words:
        args.parser.error("name the script" if not args.is_command else "give the command")
    _warn_of_options(args, words[1:])
    if args.wait and args.plan:
        args.parser.error("--plan starts nothing that --wait could wait for")
    config = _configuration(args, words)
    name = args.experiment if args.experiment is not None else experiment_name(Path(config.source))
    workspace = open_workspace(args, tell=True)
    _warn_of_torch(args, config)
    if args.plan:
        document = plan_document(workspace, name, config.to_request())
        emit(document) if args.json else say(plan_lines(document))
        return 0
    from traindock.experiment import Experiment

    with notes_from_prints(args):
        submitted = Experiment(workspace, name).submit(config, tags=dict(args.tag), display_name=args.name)
    if args.wait:
        return _wait(args, submitted)
    if args.json:
        emit(run_document(submitted))
        return 0
    record = submitted.record
    say(f"Submitted run {record.number} of {record.experiment}: {record.id}")
    say(f"Folder: {clean(submitted.path)}")
    say(f"Follow it: {clean(command(args, 'logs', '-f', record.id))}")
    return 0


def _warn_of_options(args: argparse.Namespace, words: list[str]) -> None:
    """Say of words that look like options of this command that they are the script's."""
    own = {option for action in args.parser._actions for option in action.option_strings if len(option) > 2}
    before = takewhile(lambda word: word != "--", words)
    meant = [word for word in before if word.partition("=")[0] in own - {"--help"}]
    if meant and not args.is_command:
        told = "after the script's name goes to the script; an option of traindock submit comes before it"
        note(args, f"{', '.join(meant)} {told}")


def _warn_of_torch(args: argparse.Namespace, config: _Configuration) -> None:
    """Say so if the script imports torch and the environment asked for would not have it."""
    request = config.to_request()
    if request.script is not None:
        told = missing_torch(Path(request.source_directory, request.script), request.recipe)
        if told:
            note(args, told)


def experiment_name(folder: Path) -> str:
    """Return the name of a folder, made one that experiments may have."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", folder.resolve().name).strip("-_")[:36].rstrip("-_")
    return name if len(name) >= 3 else f"run-{name}" if name else "experiment"


@dataclass(frozen=True, slots=True)
class _Configuration:
    """What the command line asks for, in a form that experiments submit.

    Attributes:
        base: a script run or an estimator, which knows the environment.
        source: the folder to send.
        changes: fields of the request that the command line says itself.
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


def _configuration(args: argparse.Namespace, words: list[str]) -> _Configuration:
    from traindock.estimator import Estimator, PyTorch
    from traindock.script_run import MAX_RUN_DURATION_SECONDS, ScriptRunConfig

    packages = {
        "pip_packages": args.pip,
        "conda_packages": args.conda,
        "pip_requirements_file_path": args.requirements,
        "conda_dependencies_file_path": args.conda_file,
    }
    asked = any(packages.values()) or args.framework_version is not None
    if asked and args.user_managed:
        args.parser.error("--user-managed installs nothing: leave out the packages, or leave out --user-managed")
    if args.rebuild and not asked:
        args.parser.error("--rebuild has nothing to build: your own Python is used as it is unless you name packages")
    source, script = _source(args, words)
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
        "script": script,
        "command": () if script is not None else tuple(words),
        "arguments": tuple(words[1:]) if script is not None else (),
    }
    return _Configuration(base, source, changes, dict(args.env))


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


def _source(args: argparse.Namespace, words: list[str]) -> tuple[str, str | None]:
    """Return the folder to send, and the script's path in it (None for a command)."""
    if args.is_command:
        return args.source or ".", None
    script = Path(words[0]).expanduser()
    if args.source is None:
        return str(script.parent), script.name
    source = Path(args.source).expanduser()
    if not script.is_absolute() and (source / script).is_file():
        return str(source), str(script)
    # "--source . src/train.py" and "--source src src/train.py" both mean the file that the shell completed.
    try:
        return str(source), str(script.resolve().relative_to(source.resolve()))
    except ValueError:
        return str(source), words[0]


def _wait(args: argparse.Namespace, submitted: Run) -> int:
    try:
        submitted.wait_for_completion(show_output=not args.json, raise_on_error=False)
    except (Detached, KeyboardInterrupt):
        raise detached(args, submitted) from None
    record = submitted.record
    if args.json:
        emit(run_document(submitted))
    elif endings.exit_code(record.state) == endings.RUN_FAILED:
        note(args, f"traindock: {endings.next_step(submitted)}")
    return endings.exit_code(record.state)
