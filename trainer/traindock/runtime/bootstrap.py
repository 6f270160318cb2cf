"""Run a Python script as ``python script.py`` would.

Usage: ``python bootstrap.py [--error PATH] [--lost PATH] [--] script.py [argument ...]``

The script runs in this process's real ``__main__``, so that multiprocessing, pickling and ``if __name__`` behave as
without Traindock; what is different is written down in the sibling ``script_host``, which does the work. This file
only gets out of the way: every name it defines is gone from ``__main__`` before the script starts, and it is short
because Python compiles it anew for each job, whereas the sibling comes from the bytecode cache.
"""


def _hand_over() -> None:
    import sys

    main = sys.modules["__main__"]
    del vars(main)["_hand_over"]
    path = __file__[: -len("bootstrap.py")] + "script_host.py"
    loader = type(vars(main)["__loader__"])("traindock.script_host", path)
    host = type(main)(loader.name)
    host.__file__ = path
    exec(loader.get_code(loader.name), vars(host))  # noqa: S102
    host.run(main, sys.argv[1:])


_hand_over()
