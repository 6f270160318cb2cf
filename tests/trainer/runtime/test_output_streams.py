"""What a script prints is in the file when it should be, whole and in order, also when the disk is full."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.conftest import wait_for
from tests.trainer.runtime.source_folder import Folder


@contextmanager
def running(folder: Folder, out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """train.py while it runs, with both streams in the file ``out``; it may wait for its standard input to end."""
    with open(out, "ab") as file:
        script = subprocess.Popen(
            folder.command("train.py"), cwd=folder.root, stdin=subprocess.PIPE, stdout=file, stderr=file
        )
    try:
        yield script
    finally:
        script.kill()
        script.communicate(timeout=20)


def run_to_end(folder: Folder, out: Path) -> str:
    """Run train.py, with both streams in the file ``out``, and return what is in there."""
    with open(out, "ab") as file:
        subprocess.run(folder.command("train.py"), cwd=folder.root, stdout=file, stderr=file, timeout=60, check=True)
    return out.read_text()


def killed_when_it_has_printed(folder: Folder, out: Path) -> str:
    """Kill train.py once it says by a folder ``printed`` that it has, and return what is in the file ``out`` then."""
    with running(folder, out) as script:
        wait_for((folder.root / "printed").exists, "the script")
        script.kill()
        script.wait(20)
    return out.read_text()


def lines(count: int) -> str:
    return "".join(f"line {n}\n" for n in range(count))


def test_a_line_is_in_the_file_when_print_returns(folder: Folder, tmp_path: Path) -> None:
    folder.write(
        "train.py",
        """
        import os, sys
        for n in range(50):
            print("line", n)
        os.mkdir("printed")
        sys.stdin.read()
        """,
    )
    assert killed_when_it_has_printed(folder, tmp_path / "out") == lines(50)


def test_a_part_of_a_line_is_in_the_file_after_a_flush_or_a_carriage_return(folder: Folder, tmp_path: Path) -> None:
    folder.write(
        "train.py",
        """
        import os, signal, sys
        print("10%", end="\\r", file=sys.stderr)
        print("20%", end="\\r")
        print("flushed", end="", flush=True)
        print("not flushed", end="")
        os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    with running(folder, tmp_path / "out") as script:
        script.wait(20)
    assert (tmp_path / "out").read_bytes() == b"10%\r20%\rflushed"


class TestAFlood:
    """More than a thousand lines in a second."""

    def test_is_written_in_blocks(self, folder: Folder, tmp_path: Path) -> None:
        folder.write(
            "train.py",
            """
            def written():
                return next(int(line.split()[1]) for line in open("/proc/self/io") if line.startswith("syscw"))
            before = written()
            for n in range(100_000):
                print("line", n)
            open("calls", "w").write(str(written() - before))
            """,
        )
        assert run_to_end(folder, tmp_path / "out") == lines(100_000)
        assert int((folder.root / "calls").read_text()) < 10_000

    def test_is_in_the_file_soon_after_it_ends(self, folder: Folder, tmp_path: Path) -> None:
        folder.write("train.py", "import sys\nfor n in range(10_000): print('line', n)\nsys.stdin.read()")
        with running(folder, tmp_path / "out"):
            wait_for(lambda: (tmp_path / "out").read_text() == lines(10_000), "all that was printed")

    def test_and_then_each_line_is_in_the_file_at_once_again(self, folder: Folder, tmp_path: Path) -> None:
        folder.write(
            "train.py",
            """
            import os, sys, time
            for n in range(10_000): print("line", n)
            while not sys.stdout.line_buffering: time.sleep(0.01)
            print("line", 10_000)
            os.mkdir("printed")
            sys.stdin.read()
            """,
        )
        assert killed_when_it_has_printed(folder, tmp_path / "out") == lines(10_001)

    def test_has_no_gap_where_the_script_is_killed(self, folder: Folder, tmp_path: Path) -> None:
        folder.write("train.py", "n = 0\nwhile True:\n    print('line', n)\n    n += 1")
        out = tmp_path / "out"
        with running(folder, out) as script:
            wait_for(lambda: out.stat().st_size > 1_000_000, "a flood")
            script.kill()
            script.wait(20)
        text = out.read_text()
        # Linux breaks off even a write of the process that it kills, at the end of a page of memory.
        assert lines(text.count("\n") + 1).startswith(text)

    def test_keeps_its_order_with_standard_error(self, folder: Folder, tmp_path: Path) -> None:
        folder.write(
            "train.py",
            """
            import sys
            for n in range(20_000): print("line", n, file=sys.stderr if n % 300 == 299 else sys.stdout)
            """,
        )
        assert run_to_end(folder, tmp_path / "out") == lines(20_000)

    @pytest.mark.parametrize(
        "leave",
        [
            "subprocess.run(['echo', 'line 5000'])",
            "os.system('echo line 5000')",
            "os.execvp('echo', ['echo', 'line 5000'])",
            "print('line', 5000); os._exit(0)",
            "print('line', 5000); os.kill(os.getpid(), signal.SIGKILL)",
            "print('line', 5000); atexit.register(print, 'line', 5001)",
            "atexit.register(os.write, 1, b'line 5000\\n')",
            "os.fork() or print('line', 5000) or os._exit(0); os.wait()",
            "os.fork() and os.wait() and os._exit(0); print('line', 5000)",
            "multiprocessing.get_context('fork').Process(target=print, args=('line', 5000)).start()",
            "threading.Thread(target=print, args=('line', 5000)).start()",
            "sys.stdout.buffer.write(b'line 5000\\n')",
            "os.posix_spawnp('echo', ['echo', 'line 5000'], os.environ); os.wait()",
            "sys.stdout = None",
            "raise SystemExit",
            "sys.stdout.close()",
        ],
    )
    def test_is_in_the_file_before_whatever_the_script_does_next(
        self, folder: Folder, tmp_path: Path, leave: str
    ) -> None:
        folder.write(
            "train.py",
            f"""
            import atexit, multiprocessing, os, signal, subprocess, sys, threading
            for n in range(5000): print("line", n)
            {leave}
            """,
        )
        with running(folder, tmp_path / "out") as script:
            script.wait(20)
        assert (tmp_path / "out").read_text() == lines(5000 + leave.count("line"))

    def test_of_several_processes_tears_no_line(self, folder: Folder, tmp_path: Path) -> None:
        folder.write(
            "train.py",
            """
            import os
            def work(who):
                for n in range(20_000): print(who, n, "x" * 40)
            for who in "ab":
                if os.fork() == 0:
                    work(who)
                    os._exit(0)
            work("c")
            os.wait(), os.wait()
            """,
        )
        found = run_to_end(folder, tmp_path / "out").splitlines()
        for who in "abc":
            assert [line for line in found if line[0] == who] == [f"{who} {n} " + "x" * 40 for n in range(20_000)]

    def test_of_a_thread_is_not_repeated_by_children_that_others_fork_meanwhile(
        self, folder: Folder, tmp_path: Path
    ) -> None:
        folder.write(
            "train.py",
            """
            import os, threading
            ended = []
            def work():
                for n in range(200_000): print(f"line {n}")
                ended.append(n)
            thread = threading.Thread(target=work)
            thread.start()
            while not ended:
                if os.fork() == 0:
                    print("child")
                    os._exit(0)
                os.wait()
            thread.join()
            """,
        )
        text = run_to_end(folder, tmp_path / "out")
        assert text.replace("child\n", "") == lines(200_000)
        assert "child\n" in text

    def test_of_several_threads_keeps_the_order_of_each(self, folder: Folder, tmp_path: Path) -> None:
        folder.write(
            "train.py",
            """
            import sys, threading
            def work(who):
                for n in range(20_000): sys.stdout.write(f"{who} {n}\\n")
            threads = [threading.Thread(target=work, args=(who,)) for who in "abc"]
            [t.start() for t in threads]; [t.join() for t in threads]
            """,
        )
        found = run_to_end(folder, tmp_path / "out").splitlines()
        for who in "abc":
            assert [line for line in found if line[0] == who] == [f"{who} {n}" for n in range(20_000)]

    def test_may_be_interrupted_by_signals_whose_handlers_print(self, folder: Folder, tmp_path: Path) -> None:
        folder.write(
            "train.py",
            """
            import signal
            told = 0
            def tell(*_):
                global told
                told += 1
                print("signal", flush=True)
            signal.signal(signal.SIGALRM, tell)
            signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
            for n in range(100_000): print(f"line {n}")
            signal.setitimer(signal.ITIMER_REAL, 0)
            print("told", told)
            """,
        )
        text = run_to_end(folder, tmp_path / "out")
        *_, told = text.split()
        assert int(told) == text.count("signal") > 0
        assert re.sub("signal\n", "", text) == lines(100_000) + f"told {told}\n"

    def test_leaves_a_stream_alone_that_the_script_has_told_to_gather(self, folder: Folder, tmp_path: Path) -> None:
        folder.write(
            "train.py",
            """
            import sys
            sys.stdout.reconfigure(line_buffering=False)
            for n in range(200_000): print("line", n)
            assert not sys.stdout.line_buffering
            assert len(sys._current_frames()) == 1, "a thread to write what has gathered"
            """,
        )
        assert run_to_end(folder, tmp_path / "out") == lines(200_000)

    def test_into_what_refuses_it_is_lost_and_the_next_line_is_refused(self, folder: Folder, tmp_path: Path) -> None:
        folder.write(
            "train.py",
            """
            import os, subprocess, sys, time
            for n in range(5000): print("line", n)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 1)
            print("line", n + 1)
            subprocess.run(["true"], stdout=subprocess.DEVNULL, check=True)
            print("goes on", file=sys.stderr)
            while not sys.stdout.line_buffering: time.sleep(0.01)
            try: print("refused")
            except OSError as error: os.write(2, str(error).encode())
            """,
        )
        assert re.fullmatch(
            r"(line \d+\n)+goes on\n\[Errno 9\] Bad file descriptor", run_to_end(folder, tmp_path / "out")
        )

    def test_is_written_where_no_thread_can_be_started(self, folder: Folder, tmp_path: Path) -> None:
        folder.write(
            "train.py",
            """
            import _thread
            def refuse(*_): raise RuntimeError("can't start new thread")
            _thread.start_new_thread = refuse
            for n in range(10_000): print("line", n)
            """,
        )
        assert run_to_end(folder, tmp_path / "out") == lines(10_000)


def test_lines_of_many_threads_and_processes_stay_whole(folder: Folder, tmp_path: Path) -> None:
    folder.write(
        "train.py",
        """
        import os, threading
        def work(who):
            for n in range(300): print(f"{who} {n} " + "x" * 100)
        children = [os.fork() or (work(f"process{p}"), os._exit(0)) for p in range(3)]
        threads = [threading.Thread(target=work, args=(f"thread{t}",)) for t in range(3)]
        [t.start() for t in threads]; [t.join() for t in threads]
        [os.waitpid(c, 0) for c in children]
        """,
    )
    with open(tmp_path / "out", "ab") as out:
        subprocess.run(folder.command("train.py"), cwd=folder.root, stdout=out, timeout=60, check=True)
    text = (tmp_path / "out").read_text()
    for p in range(3):
        wanted = [f"process{p} {n} " + "x" * 100 for n in range(300)]
        assert [line for line in text.splitlines() if line.startswith(f"process{p} ")] == wanted
    assert sum(text.count(f"thread{t} ") for t in range(3)) == 900


@pytest.mark.slow
def test_a_line_of_100_mb_arrives_whole(folder: Folder, tmp_path: Path) -> None:
    folder.write("train.py", "print('x' * 100_000_000)\nprint('after')")
    with open(tmp_path / "out", "wb") as out:
        subprocess.run(folder.command("train.py"), cwd=folder.root, stdout=out, timeout=60, check=True)
    assert (tmp_path / "out").stat().st_size == 100_000_001 + 6
    with open(tmp_path / "out", "rb") as out:
        out.seek(-8, os.SEEK_END)
        assert out.read() == b"x\nafter\n"


@pytest.mark.parametrize("locale", [{"LANG": "C", "LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"}])
def test_any_text_can_be_printed_under_any_locale(folder: Folder, locale: dict[str, str]) -> None:
    folder.write(
        "train.py",
        "import sys\nprint('é\U0001f600', '\\udcff')\nprint('é', '\\udcff', file=sys.stderr)\nprint(sys.argv[1])",
    )
    ours = folder._run(folder.command("train.py", "é"), env=locale)
    assert ours.stdout == "é\U0001f600 ".encode() + b"\xff\n" + "é\n".encode()
    assert ours.stderr == "é \\udcff\n".encode()


def test_what_libraries_do_with_the_streams_works(folder: Folder) -> None:
    folder.write(
        "train.py",
        """
        import contextlib, faulthandler, io, logging, os, subprocess, sys
        sys.stdout.write("text "); sys.stdout.flush(); sys.stdout.buffer.write(b"bytes\\n"); sys.stdout.flush()
        sys.stdout.buffer.write(memoryview(bytearray(b"view\\n")))
        sys.stdout.buffer.write(__import__("array").array("H", [0x4141, 0x0a42]))
        sys.stdout.writelines(["a", "b\\n"])
        os.write(sys.stdout.fileno(), b"raw\\n")
        subprocess.run(["echo", "child"], stdout=sys.stdout, check=True)
        with contextlib.redirect_stdout(io.StringIO()) as caught: print("hidden")
        logging.basicConfig(stream=sys.stdout); logging.warning("logged")
        sys.stdout.reconfigure(line_buffering=False); print("late"); sys.stdout.flush()
        print(sys.stdout.isatty(), sys.stdout.writable(), sys.stdout.closed, sys.stdout.newlines, flush=True)
        faulthandler.enable(); faulthandler.dump_traceback()
        duplicate = os.fdopen(os.dup(1), "w"); print("dup", file=duplicate); duplicate.close()
        sys.stdout.close()
        """,
    )
    ours = folder.ours("train.py")
    assert ours.code == 0, ours.err
    assert ours.out == (
        "text bytes\nview\nAAB\nab\nraw\nchild\nWARNING:root:logged\nlate\nFalse True False None\ndup\n"
    )
    assert "train.py" in ours.err


def test_a_script_started_without_stdout_runs(folder: Folder) -> None:
    folder.write("train.py", "import sys; print('x'); open('done', 'w').write(str(sys.stdout))")
    subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *folder.command("train.py")], cwd=folder.root, timeout=60, check=True
    )
    assert (folder.root / "done").read_text() == "None"
