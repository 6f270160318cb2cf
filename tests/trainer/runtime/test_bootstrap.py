"""Scripts run as under plain Python, and leave a report of their end."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from tests.trainer.runtime.source_folder import Folder, Result

from traindock.runtime import script_host

PYTHONS = [
    sys.executable,
    str(Path.home() / ".pyenv/versions/3.8.18/bin/python"),
    *(
        pytest.param(str(Path.home() / f".pyenv/versions/{version}/bin/python"), marks=pytest.mark.slow)
        for version in ("3.9.18", "3.10.13", "3.12.1", "3.13.0")
    ),
]


# ---------------------------------------------------------------------------------------------- as plain Python does

NAMESPACE = """
import sys
def f(): pass
class C: pass
print(sorted((k, type(v).__name__, getattr(v, "name", "")) for k, v in list(globals().items())))
print(__name__, __file__, __doc__, __spec__, __package__, f.__module__, C.__module__)
print(__loader__.name, __loader__.path, sys.modules["__main__"].__dict__ is globals())
print(sys.argv, sys.path[0], getattr(sys, "orig_argv", [0])[1:])
print([name for name in sys.modules if "traindock" in name or name == "bootstrap"])
print(sys.stdout.name, sys.stdout.mode, sys.stdout.encoding, sys.stdout.isatty(), sys.stdout.fileno())
print(sys.stderr.name, sys.stderr.mode, sys.stderr.errors, sys.stdout is sys.__stdout__)
"""


@pytest.mark.parametrize("python", PYTHONS)
def test_the_script_finds_itself_as_under_plain_python(folder: Folder, python: str) -> None:
    if not Path(python).exists():
        pytest.skip(f"{python} is not on this machine")
    folder.write("train.py", NAMESPACE)
    folder.write("sub/train.py", '"""Its text."""' + NAMESPACE)
    (folder.root / "link.py").symlink_to("sub/train.py")
    names = ["train.py", "./train.py", "sub/train.py", "./sub/../train.py", str(folder.root / "train.py"), "link.py"]
    for name in names:
        words = (name, "--epochs", "3", "two words", "")
        assert folder.ours(*words, python=python) == folder.plain(*words, python=python)


@pytest.mark.parametrize("option", ["-I", "-P", "-u", "-O", "-B"])
def test_the_interpreters_options_count(folder: Folder, option: str) -> None:
    folder.write("train.py", NAMESPACE + "print(__debug__, sys.flags)\n")
    ours = folder._run([sys.executable, option, *folder.command("train.py")[1:]])
    assert Result.of(ours).out == folder.plain(option, "train.py").out


ENDINGS = {
    "well": "print('done')",
    "empty": "",
    "only a comment": "# nothing",
    "exit 0": "import sys; sys.exit()",
    "exit 3": "import sys; sys.exit(3)",
    "exit 259": "import sys; sys.exit(259)",
    "exit with text": "import sys; sys.exit('no data')",
    "exit with an object": "import sys; sys.exit(['a', 1])",
    "exit from within": "def f():\n    raise SystemExit(5)\nf()",
    "_exit": "import os; print('x', flush=True); os._exit(9)",
    "a signal": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "interrupted": "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(9)",
    "exception": "def f(x):\n    return 1 / x\n\nf(0)",
    "no message": "class Odd(Exception): pass\nraise Odd",
    "chained": "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('no') from e",
    "during handling": "try:\n    {}['a']\nexcept KeyError:\n    int('x')",
    "suppressed": "try:\n    {}['a']\nexcept KeyError:\n    raise ValueError('no') from None",
    "group": "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])",
    "note": "e = ValueError(1); e.add_note('a hint'); raise e",
    "deep": "def f(n):\n    return f(n + 1)\nf(0)",
    "syntax": "x = 1\ndef f(:\n    pass\n",
    "indentation": "if True:\nprint(1)\n",
    "syntax of a module": "import broken",
    "a module's exception": "import failing; failing.fail()",
    "own hook": "import sys\nsys.excepthook = lambda *a: print('hook', a[0].__name__, a[2].tb_lineno)\n1/0",
    "failing hook": "import sys\ndef hook(*a): raise KeyError('in hook')\nsys.excepthook = hook\n1/0",
    "hook that exits": "import sys\nsys.excepthook = lambda *a: sys.exit(7)\n1/0",
    "at exit": "import atexit\natexit.register(print, 'bye')\nprint('end')\n1/0",
    "thread": "import threading, time\n"
    "threading.Thread(target=lambda: (time.sleep(0.2), print('later'))).start()\nprint('end')",
    "finalizer": "class C:\n    def __del__(self): print('del', C)\nc = C()",
    "last exception": "import atexit, sys, traceback\natexit.register(lambda: traceback.print_last())\n1/0",
    "unfinished line": "print('a', end=''); print('b', end='', file=__import__('sys').stderr)",
    "source line lost": "import os; os.chdir('/'); 1/0",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_end_looks_and_counts_as_under_plain_python(folder: Folder, ending: str) -> None:
    folder.write("broken.py", "x = (1,\n")
    folder.write("failing.py", "def fail():\n    raise OSError(2, 'gone', 'file')\n")
    folder.write("train.py", ENDINGS[ending])
    plain, ours = folder.plain("train.py"), folder.ours("train.py")
    if ending == "failing hook":  # Python shows the hook's own frames as well, ours is one of them
        ours.err = re.sub(r'  File "[^"]*script_host.py".*\n.*\n(    [\^~ ]+\n)?', "", ours.err)
    if ending == "deep":  # our two frames count towards the limit
        ours.err, plain.err = (re.sub(r"repeated \d+ more", "", text) for text in (ours.err, plain.err))
    assert ours == plain


@pytest.mark.parametrize("source", [b"x = 1\0", b"print('caf\xe9')\n"])
def test_a_source_that_is_no_text_is_a_syntax_error(folder: Folder, source: bytes) -> None:
    folder.write("train.py", source)
    ours, plain = folder.ours("train.py"), folder.plain("train.py")
    assert (ours.code, ours.out) == (plain.code, plain.out) == (1, "")
    assert "SyntaxError: " in ours.err
    assert "script_host" not in ours.err


@pytest.mark.parametrize("python", PYTHONS)
def test_tracebacks_are_the_scripts_own_on_every_python(folder: Folder, python: str) -> None:
    if not Path(python).exists():
        pytest.skip(f"{python} is not on this machine")
    for name in ("exception", "chained", "during handling", "syntax", "interrupted", "exit with text"):
        folder.write("train.py", ENDINGS[name])
        assert folder.ours("train.py", python=python) == folder.plain("train.py", python=python)


def test_a_script_that_is_not_there_is_said_so(folder: Folder) -> None:
    plain, ours = folder.plain("missing.py"), folder.ours("missing.py")
    assert (ours.out, ours.code) == (plain.out, plain.code) == ("", 2)
    assert ours.err.rstrip() == plain.err.rstrip()
    assert folder.report()["type"] == "FileNotFoundError"


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfprint('h\xc3\xa9')", b"# coding: latin-1\nprint(len('h\xe9'))\n"])
def test_the_sources_encoding_is_heeded(folder: Folder, content: bytes) -> None:
    folder.write("train.py", content)
    ours = folder.ours("train.py")
    assert ours == folder.plain("train.py")
    assert ours.code == 0


WORKERS = """
import multiprocessing, pickle, sys
from dataclasses import dataclass

@dataclass
class Sample:
    x: int

def square(sample):
    print("in worker", sample.x, __name__)
    return Sample(sample.x ** 2)

print("loaded as", __name__)
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    assert pickle.loads(pickle.dumps(square)) is square
    with multiprocessing.Pool(1) as pool:
        print(pool.map(square, [Sample(2), Sample(3)]), flush=True)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_finds_the_scripts_functions_and_loses_no_line_of_workers(folder: Folder, method: str) -> None:
    folder.write("train.py", WORKERS)
    ours = folder.ours("train.py", method)
    assert ours.code == 0, ours.err
    worker = "__main__" if method == "fork" else "__mp_main__"
    wanted = ["loaded as __main__", f"in worker 2 {worker}", f"in worker 3 {worker}", "[Sample(x=4), Sample(x=9)]"]
    assert set(ours.out.splitlines()) >= set(wanted)


def test_neighbours_and_data_files_are_found(folder: Folder) -> None:
    folder.write("pkg/helpers.py", "VALUE = 4")
    folder.write("data.txt", "5")
    folder.write("bootstrap.py", "VALUE = 6")
    folder.write("script_host.py", "VALUE = 7")
    folder.write("pkg/train.py", "import helpers\nprint(helpers.VALUE, open('data.txt').read())")
    folder.write("train.py", "import bootstrap, script_host\nprint(bootstrap.VALUE, script_host.VALUE)")
    assert folder.ours("pkg/train.py").out == "4 5\n"
    assert folder.ours("train.py").out == "6 7\n"


@pytest.mark.parametrize("name", ["--error", "--lost", "--", "-c"])
def test_a_script_may_be_named_like_an_option(folder: Folder, name: str) -> None:
    folder.write(name, "import sys; print(sys.argv, sys.orig_argv[1:])")
    command = folder.command("--", name, "--error", "x")
    ran = Result.of(folder._run(command))
    words = [name, "--error", "x"]
    assert ran.out == f"{words} {words}\n"


def test_a_future_statement_of_ours_does_not_leak_into_the_script(folder: Folder) -> None:
    folder.write("train.py", "def f(x: 1 + 1): pass\nprint(f.__annotations__)")
    assert folder.ours("train.py").out == "{'x': 2}\n"


# --------------------------------------------------------------------------------------------------- the report


def test_the_report_names_the_line_of_the_users_own_code(folder: Folder) -> None:
    folder.write("sub/model.py", "import json\n\ndef load(text):\n    return json.loads(text)\n")
    folder.write("train.py", "import sys; sys.path.append('sub')\nimport model\nmodel.load('{')\n")
    assert folder.ours("train.py").code == 1
    report = folder.report()
    assert report["type"] == "json.decoder.JSONDecodeError"
    assert (report["file"], report["line"], report["function"]) == ("sub/model.py", 4, "load")
    assert report["message"].startswith("Expecting property name")
    assert report["traceback"][0] == "Traceback (most recent call last):"
    assert report["traceback"][-1].startswith("json.decoder.JSONDecodeError: Expecting")
    assert "script_host" not in "".join(report["traceback"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\ndef f(:\n    pass\n", ("SyntaxError", "train.py", 2)),
        ("class Odd(Exception): pass\n\nraise Odd('x')", ("Odd", "train.py", 3)),
        ("import sys\nsys.exit('no data there')", ("SystemExit", "train.py", 2)),
        ("import os\nos.chdir('/')\n1 / 0", ("ZeroDivisionError", "train.py", 3)),
        ("class E(Exception):\n    def __str__(self): raise KeyError\nraise E", None),
    ],
)
def test_each_kind_of_end_is_reported(folder: Folder, text: str, expected: tuple[str, str, int] | None) -> None:
    folder.write("train.py", text)
    assert folder.ours("train.py").code == 1
    if expected is None:  # what cannot even be printed must not hide how the script ended
        assert not folder.error.exists()
    else:
        report = folder.report()
        assert (report["type"], report["file"], report["line"]) == expected


@pytest.mark.parametrize("text", ["print(1)", "import sys; sys.exit(3)", "import os; os._exit(1)"])
def test_no_report_where_no_exception_ended_the_script(folder: Folder, text: str) -> None:
    folder.write("train.py", text)
    folder.ours("train.py")
    assert not folder.error.exists()


def test_a_forked_childs_exception_is_not_the_scripts(folder: Folder) -> None:
    folder.write("train.py", "import os\nif os.fork() == 0: 1 / 0\nos.wait()\nraise ValueError('mine')")
    folder.ours("train.py")
    assert folder.report()["type"] == "ValueError"
    folder.error.unlink()
    folder.write("train.py", "import os\nif os.fork() == 0: 1 / 0\nos.wait()")
    assert folder.ours("train.py").code == 0
    assert not folder.error.exists()


def test_a_huge_report_is_bounded(folder: Folder) -> None:
    folder.error.write_text(" " * script_host.RESERVED)
    folder.write("train.py", "raise ValueError('\\u00e9' * 10_000_000 + '\\n' * 100_000)")
    assert folder.ours("train.py").code == 1
    assert folder.error.stat().st_size == script_host.RESERVED
    assert len(folder.report()["message"]) == script_host.MAX_MESSAGE
