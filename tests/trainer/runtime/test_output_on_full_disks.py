"""What a script prints onto a full disk is counted, and nothing else is lost for it."""

from __future__ import annotations

import re
import resource
import subprocess
from pathlib import Path
from typing import Any

from tests.trainer.runtime.source_folder import Folder

from traindock.runtime import script_host


def limited(size: int) -> Any:
    """No file may grow beyond ``size``: to a writer that is the same as a full disk."""

    def apply() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    return apply


def run_into(folder: Folder, out: Path, **options: Any) -> tuple[int, bytes, int]:
    """Run train.py with its output in a file: (exit code, what is in the file, bytes counted as lost)."""
    folder.lost.write_bytes(bytes(8))
    with open(out, "ab") as file:
        command = folder.command("train.py")
        done = subprocess.run(command, cwd=folder.root, stdout=file, stderr=file, timeout=60, **options)
    return done.returncode, out.read_bytes(), int.from_bytes(folder.lost.read_bytes(), "little")


def test_a_script_whose_output_finds_no_room_runs_on_and_the_loss_is_counted(folder: Folder, tmp_path: Path) -> None:
    folder.write("train.py", "for n in range(1000): print(f'line {n:04}')\nopen('done', 'w').close()")
    code, text, lost = run_into(folder, tmp_path / "out", preexec_fn=limited(4096))
    assert code == 0
    assert (folder.root / "done").exists()
    assert text == b"".join(b"line %04d\n" % n for n in range(1000))[:4096]
    assert lost == 10_000 - 4096


def test_forked_children_and_threads_lose_nothing_uncounted(folder: Folder, tmp_path: Path) -> None:
    folder.write(
        "train.py",
        """
        import os, sys, threading
        def work():
            for n in range(500): print("x" * 19); print("y" * 19, file=sys.stderr)
        children = [os.fork() or (work(), os._exit(0)) for _ in range(3)]
        threads = [threading.Thread(target=work) for _ in range(2)]
        [t.start() for t in threads]; [t.join() for t in threads]
        sys.exit(sum(os.waitpid(c, 0)[1] for c in children))
        """,
    )
    code, text, lost = run_into(folder, tmp_path / "out", preexec_fn=limited(4096))
    assert code == 0
    torn = text.count(b"\n\n")
    assert len(text) + lost == 5 * 500 * 2 * 20 + torn


def test_the_first_line_after_space_returns_is_a_line_of_its_own(folder: Folder, tmp_path: Path) -> None:
    folder.write(
        "train.py",
        """
        import resource
        for n in range(6): print(f"line {n} " + "x" * 992)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print("after"); print("again")
        """,
    )
    code, text, lost = run_into(folder, tmp_path / "out", preexec_fn=limited(4096))
    lines = text.decode().splitlines()
    assert code == 0
    assert lines[:4] == [f"line {n} " + "x" * 992 for n in range(4)]
    assert lines[-2:] == ["after", "again"]
    assert lost == 6 * 1000 - 4096


def test_the_reason_of_a_crash_on_a_full_disk_is_still_reported(folder: Folder, tmp_path: Path) -> None:
    folder.error.write_text(" " * script_host.RESERVED)
    folder.write("train.py", "print('x' * 30_000)\nraise OSError(28, 'No space left on device')")
    code, _, lost = run_into(folder, tmp_path / "out", preexec_fn=limited(script_host.RESERVED))
    assert code == 1
    assert lost > 30_000 - script_host.RESERVED
    assert folder.report()["type"] == "OSError"


def test_other_errors_of_the_output_are_raised_as_ever(folder: Folder) -> None:
    folder.write(
        "train.py", "import os\nos.close(1)\ntry: print('x')\nexcept OSError as e: open('e', 'w').write(str(e))"
    )
    folder.ours("train.py")
    assert "Bad file descriptor" in (folder.root / "e").read_text()


def test_a_really_full_disk_is_survived_too(small_disk: Path) -> None:
    folder = Folder(small_disk / "source")
    folder.write(
        "train.py",
        """
        import os
        with open("zeros", "wb", buffering=0) as zeros:
            try:
                while True: zeros.write(bytes(4096))
            except OSError: pass
        for n in range(2000): print(f"line {n:04}")
        os.unlink("zeros")
        print("after")
        """,
    )
    code, text, lost = run_into(folder, small_disk / "out")
    kept = text.decode().splitlines()
    assert code == 0
    assert kept[-1] == "after"
    assert lost > 0
    whole = [line for line in kept if re.fullmatch(r"line \d{4}", line)]
    assert whole == sorted(set(whole))
    before = text[: -len(b"after\n")]
    assert len(before) + lost in (20_000, 20_001)  # with the end of a line that was cut short
