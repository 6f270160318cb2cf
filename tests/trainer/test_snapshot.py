"""Snapshots: a source folder kept as it was, quickly, without what does not belong to it."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import stat
import subprocess
from pathlib import Path

import pytest

import traindock.snapshot as module
from traindock.errors import SnapshotException, StoreException
from traindock.settings import SnapshotSettings
from traindock.snapshot import Snapshot, load, materialise, take
from traindock.source_tree import Scanner
from traindock.store.blobs import BlobStore
from traindock.store.layout import WorkspaceLayout


@pytest.fixture
def layout(tmp_path: Path) -> WorkspaceLayout:
    (tmp_path / "workspace").mkdir()
    return WorkspaceLayout(tmp_path / "workspace")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return tmp_path / "source"


def fill(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}" if name.isprintable() and name.isascii() else "odd")


def blob_count(layout: WorkspaceLayout) -> int:
    return sum(1 for path in layout.blobs.rglob("*") if path.is_file())


def warned(snapshot: Snapshot) -> str:
    return "\n".join(snapshot.warnings)


class TestContent:
    def test_a_copy_has_the_same_files_modes_links_and_empty_folders(self, source, layout, tmp_path):
        fill(source, "train.py", "pkg/deep/net.py", "run.sh")
        (source / "run.sh").chmod(0o750)
        (source / "pkg/deep/net.py").chmod(0o444)
        (source / "empty/inner").mkdir(parents=True)
        (source / "latest").symlink_to("pkg/deep/net.py")
        snapshot = take(source, layout=layout)
        assert not snapshot.warnings
        materialise(snapshot.id, tmp_path / "work", layout)
        work = tmp_path / "work"
        assert (work / "pkg/deep/net.py").read_text() == "content of pkg/deep/net.py"
        assert os.access(work / "run.sh", os.X_OK)
        assert stat.S_IMODE((work / "pkg/deep/net.py").stat().st_mode) & 0o600 == 0o600
        assert (work / "latest").readlink() == Path("pkg/deep/net.py")
        assert (work / "empty/inner").is_dir()
        found = {str(p.relative_to(work)) for p in work.rglob("*") if not p.is_dir()}
        assert found == {"train.py", "pkg/deep/net.py", "run.sh", "latest"}

    def test_files_are_added_whatever_is_ignored_and_whatever_had_their_name(self, source, layout, tmp_path):
        fill(source, "net.py", "cell.py")
        (source / ".gitignore").write_text("*.pkl\n")
        (source / "linked.py").symlink_to("net.py")
        fill(tmp_path / "made", "cell.py", "values.pkl", "linked.py")
        (tmp_path / "made" / "cell.py").write_text("another, and longer than what it replaces")
        added = {path.name: path for path in (tmp_path / "made").iterdir()}

        snapshot = take(source, layout=layout, added=added)

        materialise(snapshot.id, tmp_path / "work", layout)
        work = {path.name: path for path in (tmp_path / "work").iterdir()}
        assert set(work) == {"net.py", "cell.py", "values.pkl", "linked.py", ".gitignore"}
        assert all(work[name].read_text() == path.read_text() for name, path in added.items())
        assert not work["linked.py"].is_symlink()
        assert snapshot.total_bytes == sum(path.stat().st_size for path in work.values())

    def test_added_files_count(self, source, layout, tmp_path):
        fill(tmp_path, "values.pkl")
        with pytest.raises(SnapshotException, match=r"The biggest: values\.pkl"):
            take(
                source,
                layout=layout,
                limits=SnapshotSettings(max_bytes=5),
                added={"values.pkl": tmp_path / "values.pkl"},
            )

    def test_writing_in_the_copy_leaves_the_snapshot_alone(self, source, layout, tmp_path):
        fill(source, "train.py")
        snapshot = take(source, layout=layout)
        materialise(snapshot.id, tmp_path / "one", layout)
        (tmp_path / "one/train.py").write_text("changed")
        materialise(snapshot.id, tmp_path / "two", layout)
        assert (tmp_path / "two/train.py").read_text() == "content of train.py"

    def test_equal_folders_have_equal_ids_wherever_they_are(self, source, layout, tmp_path):
        for folder in (source, tmp_path / "other"):
            fill(folder, "train.py", "pkg/net.py")
        other = WorkspaceLayout(tmp_path / "second")
        other.root.mkdir()
        first = take(source, layout=layout).id
        assert first == take(tmp_path / "other", layout=other).id
        (source / "train.py").chmod(0o755)
        assert take(source, layout=layout).id != first

    def test_only_changed_files_are_stored(self, source, layout):
        fill(source, *(f"m{i}.py" for i in range(20)))
        take(source, layout=layout)
        before = blob_count(layout)
        (source / "m3.py").write_text("changed")
        take(source, layout=layout)
        assert blob_count(layout) == before + 1

    def test_it_can_be_loaded_again(self, source, layout):
        fill(source, "train.py", "a/b.py")
        (source / "link").symlink_to("a")
        taken = take(source, layout=layout)
        assert load(taken.id, layout) == taken

    def test_an_empty_folder_and_an_empty_file(self, source, layout, tmp_path):
        assert take(source, layout=layout).files == {}
        (source / "train.py").touch()
        snapshot = take(source, layout=layout)
        assert (len(snapshot.files), snapshot.total_bytes) == (1, 0)
        materialise(snapshot.id, tmp_path / "work", layout)
        assert (tmp_path / "work/train.py").read_bytes() == b""

    ODD = (
        "new\nline.py",
        "qu'o\"te.py",
        "sp ace.py",
        "ünïcode 🐜.py",
        "back\\slash.py",
        "-rf",
        "*",
        "A.py",
        "a.py",
    )

    @pytest.mark.parametrize("name", [*ODD, os.fsdecode(b"latin-\xff.py")])
    def test_odd_names(self, source, layout, tmp_path, name):
        fill(source, name, f"{name} folder/{name}")
        snapshot = take(source, layout=layout)
        materialise(snapshot.id, tmp_path / "work", layout)
        assert set(os.listdir(tmp_path / "work")) >= {name, f"{name} folder"}


class TestLeftOut:
    def names(self, source: Path, layout: WorkspaceLayout) -> set[str]:
        return set(take(source, layout=layout).files)

    def test_defaults(self, source, layout):
        fill(
            source,
            "train.py",
            ".git/HEAD",
            "pkg/.git",
            "env/pyvenv.cfg",
            "env/lib/x.py",
            "conda/conda-meta/history",
        )
        fill(source, "__pycache__/a.pyc", "pkg/__pycache__/a.pyc", ".ipynb_checkpoints/a.ipynb", ".cache/x")
        fill(source, ".mypy_cache/x", ".pytest_cache/x", ".ruff_cache/x", "node_modules/x/y.js", "c/CACHEDIR.TAG")
        fill(source, "outputs/model.pt", "logs/events", "pkg/outputs/kept.py", "pkg/logs/kept.py", ".hidden")
        assert self.names(source, layout) == {"train.py", "pkg/outputs/kept.py", "pkg/logs/kept.py", ".hidden"}

    def test_saved_weights_are_left_out_and_it_is_said_but_a_package_is_sent(self, source, layout):
        fill(source, "train.py", "checkpoints/epoch_1.pt", "pkg/checkpoints/__init__.py")
        snapshot = take(source, layout=layout)
        assert set(snapshot.files) == {"train.py", "pkg/checkpoints/__init__.py"}
        assert "!checkpoints/" in warned(snapshot)
        (source / ".amlignore").write_text("!checkpoints/\n")
        assert "checkpoints/epoch_1.pt" in self.names(source, layout)

    def test_gitignore_counts_and_nested_ones_too(self, source, layout):
        fill(source, "train.py", "data/a.jpg", "data/keep.jpg", "pkg/big.bin", "pkg/sub/big.bin", "big.bin", "x.log")
        (source / ".gitignore").write_text("*.jpg\n!keep.jpg\n*.log\n# a comment\n\n")
        (source / "pkg/.gitignore").write_text("/big.bin\r\n")
        found = self.names(source, layout)
        assert found == {
            *(".gitignore", "pkg/.gitignore", "train.py", "data/keep.jpg", "big.bin", "pkg/sub/big.bin"),
        }

    def test_with_an_amlignore_no_gitignore_counts(self, source, layout):
        fill(source, "train.py", "a.jpg", "b.log", "pkg/c.log")
        (source / ".gitignore").write_text("*.jpg\n")
        (source / "pkg/.gitignore").write_text("*\n")
        (source / ".amlignore").write_text("*.log\n")
        assert self.names(source, layout) >= {"train.py", "a.jpg", "pkg/.gitignore"}
        assert not any(name.endswith(".log") for name in self.names(source, layout))

    def test_an_amlignore_brings_a_default_back_by_name_only(self, source, layout):
        fill(source, "train.py", "outputs/resume.pt", ".cache/x", "env/pyvenv.cfg", "env/x.py")
        (source / ".amlignore").write_text("*\n!*/\n!*.py\n!/outputs/\n!/outputs/*\n")
        assert self.names(source, layout) == {"train.py", "outputs/resume.pt"}

    def test_a_gitignore_does_not_bring_defaults_back(self, source, layout):
        fill(source, "train.py", "outputs/resume.pt")
        (source / ".gitignore").write_text("!outputs/\n")
        assert self.names(source, layout) == {".gitignore", "train.py"}

    def test_a_changed_ignore_file_takes_effect_at_once(self, source, layout):
        fill(source, "train.py", "a.log")
        (source / ".gitignore").write_text("*.tmp\n")
        assert "a.log" in self.names(source, layout)
        (source / ".gitignore").write_text("*.log\n")
        assert "a.log" not in self.names(source, layout)

    def test_a_line_that_is_no_pattern_is_passed_over(self, source, layout):
        fill(source, "train.py", "a.log")
        (source / ".gitignore").write_bytes(b"\xef\xbb\xbf*.log\n!\n\xff\xfe\n")
        assert self.names(source, layout) == {".gitignore", "train.py"}

    def test_a_workspace_in_the_source_folder_is_never_part_of_it(self, source):
        fill(source, "train.py", "other/blobs/ab/x", "other/runs/r/run.json", "notours/workspace.json")
        (source / "other/workspace.json").write_text('{"format": 1, "id": "x"}')
        inside = WorkspaceLayout(source / ".traindock")
        inside.root.mkdir()
        inside.workspace_json.write_text("damaged")
        (source / ".amlignore").write_text("!.traindock/\n!other/\n")
        for _ in range(3):
            assert self.names(source, inside) == {".amlignore", "train.py", "notours/workspace.json"}

    def test_the_workspace_itself_is_no_source_folder(self, layout):
        layout.workspace_json.write_text('{"format": 1}')
        with pytest.raises(SnapshotException, match="is a Traindock workspace"):
            take(layout.root, layout=layout)


PATTERNS = [
    *("*.log", "/a", "a/", "a", "b/*", "!b/c", "**/c", "a/**", "a/**/c", "*", "!*/", "!*.py", "[ab]", "?", "\\!x"),
    *("!a", "c/", "/b/c", "b/c/", "!b/", "a*", "*c", "x.py", "!x.py", "/*", "!/b", "b/**", " a", "a ", "\\ a", "#a"),
    *("[!a]", "[^x]*", "[a-c]", "[z-a]", "[!z-a]", "[]ab]", "[a", "[a-", "[[:alpha:]]", "[[:punct:]]x", "[[:no:]]"),
    *("[\\]a]", "[a\\-c]*", "[+--]", "a**b", "**a", "***", "**", "/**/c", "a//c", "!", "/", "//", "\\#a", "a\\", "\\*"),
    *(" a.txt ", " a.txt\\ ", "[/]", "b[/]c", "b?c", "*/c", "*/*/c", "!**/x.py", "a\t", "ab/", "!ab", "x*y", "."),
]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
class TestAsGit:
    """The ignore files are read as git itself reads them."""

    @pytest.mark.parametrize("seed", range(8))
    def test_against_git(self, source, layout, seed):
        chance = random.Random(seed)
        folders = ["", "a/", "b/", "c/", "b/c/", "a/b/", "b/a/c/"]
        names = ("x.py", "y.log", "!x", " a.txt", " a.txt ", "#a", "ab", "-", "]", "*")
        fill(source, *(f + n for f in folders for n in names))
        subprocess.run(["git", "init", "-q"], cwd=source, check=True)
        for _ in range(20):
            rules = {f: "\n".join(chance.choices(PATTERNS, k=chance.randint(0, 5))) for f in ("", "b/", "b/c/")}
            for folder, text in rules.items():
                (source / folder / ".gitignore").write_text(text)
            listed = subprocess.run(
                ["git", "ls-files", "-z", "--others", "--exclude-standard"], cwd=source, check=True, stdout=-1
            )
            expected = set(os.fsdecode(listed.stdout).split("\0")) - {""}
            assert set(Scanner(source, layout.root, 1_000, {}).scan().files) == expected, rules


class TestLinks:
    def test_one_that_leads_out_to_a_file_is_stored_as_that_file(self, source, layout, tmp_path):
        fill(tmp_path, "shared.yml")
        (source / "config.yml").symlink_to(tmp_path / "shared.yml")
        snapshot = take(source, layout=layout)
        assert snapshot.links == {}
        materialise(snapshot.id, tmp_path / "work", layout)
        assert (tmp_path / "work/config.yml").read_text() == "content of shared.yml"
        assert not (tmp_path / "work/config.yml").is_symlink()

    def test_absolute_and_roundabout_ones_inside_become_relative(self, source, layout):
        fill(source, "a/b/x.py")
        (source / "a/abs").symlink_to(source / "a/b/x.py")
        (source / "round").symlink_to(f"../{source.name}/a/b")
        (source / "a/self").symlink_to(source)
        assert take(source, layout=layout).links == {"a/abs": "b/x.py", "round": "a/b", "a/self": ".."}

    def test_one_to_a_folder_outside_or_to_nowhere_is_left_out_and_named(self, source, layout, tmp_path):
        fill(source, "train.py")
        (source / "data").symlink_to(tmp_path)
        (source / "gone").symlink_to("nothing")
        (source / "loop").symlink_to("loop")
        snapshot = take(source, layout=layout)
        assert set(snapshot.files) == {"train.py"}
        assert not snapshot.links
        assert "'data' is a link to a folder" in warned(snapshot)
        assert "'gone' is a link to nowhere" in warned(snapshot)
        assert "'loop' is a link to nowhere" in warned(snapshot)

    def test_one_to_a_file_that_is_left_out_is_stored_as_that_file(self, source, layout):
        fill(source, "outputs/best.pt")
        (source / "start.pt").symlink_to("outputs/best.pt")
        snapshot = take(source, layout=layout)
        assert set(snapshot.files) == {"start.pt"}


class TestSpecialFiles:
    def test_fifo_socket_and_links_to_devices_are_named_and_never_opened(self, source, layout, monkeypatch):
        fill(source, "train.py")
        os.mkfifo(source / "pipe")
        (source / "null").symlink_to("/dev/null")
        (source / "pipelink").symlink_to("pipe")
        monkeypatch.chdir(source)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("listener")
            snapshot = take(source, layout=layout)
        assert set(snapshot.files) == {"train.py"}
        for text in ("'pipe' is a FIFO", "'listener' is a socket", "'null' is a device", "'pipelink' is a FIFO"):
            assert text in warned(snapshot)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    @pytest.mark.parametrize("name", ["secret.txt", "secret"])
    def test_what_may_not_be_read_is_named(self, source, layout, name):
        fill(source, "train.py", "secret.txt", "secret/x")
        (source / name).chmod(0)
        with pytest.raises(SnapshotException, match=f"{name}.*Permission denied.*amlignore"):
            take(source, layout=layout)
        (source / name).chmod(0o700)

    def test_a_refused_read_is_named(self, source, layout, monkeypatch):
        fill(source, "train.py", "secret.txt")
        real = module.open_regular

        def refuse(path, **options):
            if path.endswith("secret.txt"):
                raise PermissionError(13, "Permission denied", path)
            return real(path, **options)

        monkeypatch.setattr(module, "open_regular", refuse)
        with pytest.raises(SnapshotException, match=r"secret\.txt.*Permission denied.*amlignore"):
            take(source, layout=layout)

    def test_a_source_folder_that_is_not_there(self, layout, tmp_path):
        with pytest.raises(SnapshotException, match="does not exist"):
            take(tmp_path / "nothing", layout=layout)
        fill(tmp_path, "file")
        with pytest.raises(SnapshotException, match="cannot be read"):
            take(tmp_path / "file", layout=layout)


class TestChangesWhileReading:
    def meddle(self, monkeypatch, action):
        real = module.BlobStore.put_descriptor

        def put(store, descriptor, **options):
            result = real(store, descriptor, **options)
            action()
            return result

        monkeypatch.setattr(module.BlobStore, "put_descriptor", put)

    def test_a_file_that_settles_is_read_again(self, source, layout, monkeypatch):
        fill(source, "train.py")
        left = [2]

        def append():
            if left[0]:
                left[0] -= 1
                with open(source / "train.py", "a") as file:
                    file.write("+")

        self.meddle(monkeypatch, append)
        snapshot = take(source, layout=layout)
        assert snapshot.files["train.py"].size == len("content of train.py++")
        assert not snapshot.warnings

    def test_a_file_that_never_settles_is_stored_with_a_warning(self, source, layout, monkeypatch):
        fill(source, "train.py")

        def append():
            with open(source / "train.py", "a") as file:
                file.write("+")

        self.meddle(monkeypatch, append)
        snapshot = take(source, layout=layout)
        assert "'train.py' changed while it was read" in warned(snapshot)
        assert BlobStore(layout.blobs).holds(snapshot.files["train.py"].sha256, snapshot.files["train.py"].size)

    def test_a_file_that_vanishes_is_left_out_with_a_warning(self, source, layout, monkeypatch):
        fill(source, "a.py", "b.py")
        self.meddle(monkeypatch, lambda: (source / "b.py").unlink(missing_ok=True))
        snapshot = take(source, layout=layout)
        assert set(snapshot.files) == {"a.py"}
        assert "'b.py' vanished" in warned(snapshot)


class TestSize:
    def test_over_the_limit_nothing_is_copied_and_the_biggest_are_named(self, source, layout):
        fill(source, "train.py", "data/small.bin", "data/big.bin")
        os.truncate(source / "data/big.bin", 3_000_000_000)
        with pytest.raises(SnapshotException, match=r"3\.00 GB.*2\.00 GB.*data/big\.bin \(3\.00 GB\).*max_bytes"):
            take(source, layout=layout)
        assert not layout.blobs.exists()
        assert not layout.snapshots.exists()

    def test_too_many_files(self, source, layout):
        fill(source, "train.py", *(f"images/{i}.jpg" for i in range(30)))
        with pytest.raises(SnapshotException, match=r"more than the 20 files .*images/ \(\d\d files\).*max_files"):
            take(source, layout=layout, limits=SnapshotSettings(max_files=20))
        assert not layout.blobs.exists()
        assert take(source, layout=layout, limits=SnapshotSettings(max_files=31)).files

    @pytest.mark.parametrize("name", ["{0}/{1}", "{0}{1}", "{1}/{0}"])
    def test_a_folder_of_too_many_files_is_not_gone_through_to_its_end(self, source, layout, name):
        fill(source, *(name.format(i, j) for i in range(30) for j in range(5)))
        assert len(Scanner(source, layout.root, 12, {}).scan().files) == 13
        with pytest.raises(SnapshotException, match="more than the 12 files that are allowed"):
            take(source, layout=layout, limits=SnapshotSettings(max_files=12))

    def test_unusual_sizes_are_warned_of(self, source, layout, monkeypatch):
        monkeypatch.setattr(module, "WARN_BYTES", 1_000)
        monkeypatch.setattr(module, "WARN_FILES", 10)
        fill(source, "train.py", *(f"images/{i}.jpg" for i in range(12)))
        (source / "weights.bin").write_bytes(bytes(5_000))
        text = warned(take(source, layout=layout))
        assert "14 files; most lie in images/ (12 files)" in text
        assert "the biggest: weights.bin (5.0 kB)" in text


class TestSecondTime:
    @pytest.fixture
    def settled(self, monkeypatch):
        """Take files for old enough to be remembered; a real wait would take seconds."""
        monkeypatch.setattr(module, "_RACY_NS", -1_000_000_000)

    def test_unchanged_files_are_not_read(self, source, layout, settled, monkeypatch):
        fill(source, "train.py", "pkg/net.py")
        first = take(source, layout=layout)
        monkeypatch.setattr(module, "open_regular", None)
        assert take(source, layout=layout) == first

    def test_a_file_changed_just_now_is_read_again_though_size_and_time_are_the_same(self, source, layout, monkeypatch):
        # As on a file system whose clock ticks so seldom that both changes get the same times.
        monkeypatch.setattr(module, "_stamp", lambda status: [status.st_size, status.st_mtime_ns])
        fill(source, "train.py")
        first = take(source, layout=layout)
        before = (source / "train.py").stat()
        (source / "train.py").write_text("CONTENT of train.py")
        os.utime(source / "train.py", ns=(before.st_atime_ns, before.st_mtime_ns))
        assert take(source, layout=layout).id != first.id

    def test_an_old_time_does_not_hide_a_change(self, source, layout, settled):
        fill(source, "train.py")
        first = take(source, layout=layout)
        before = (source / "train.py").stat()
        (source / "train.py").write_text("CONTENT of train.py")
        os.utime(source / "train.py", ns=(before.st_atime_ns, before.st_mtime_ns))
        assert take(source, layout=layout).id != first.id

    def test_a_content_that_is_gone_from_the_store_is_stored_again(self, source, layout, settled):
        fill(source, "train.py")
        snapshot = take(source, layout=layout)
        BlobStore(layout.blobs).path(snapshot.files["train.py"].sha256).unlink()
        assert take(source, layout=layout) == snapshot
        assert blob_count(layout) == 1

    @pytest.mark.parametrize("damage", [b"", b"{", b"x" * 100, b"\xff\n{}"])
    def test_a_damaged_memory_is_an_empty_one(self, source, layout, settled, damage):
        fill(source, "train.py")
        first = take(source, layout=layout)
        (memory,) = (layout.root / "cache/snapshots").iterdir()
        memory.write_bytes(damage)
        assert take(source, layout=layout) == first


class TestDamage:
    @pytest.fixture
    def snapshot(self, source, layout):
        fill(source, "train.py", "net.py")
        return take(source, layout=layout)

    def test_a_changed_list_is_refused(self, snapshot, layout):
        path = layout.snapshots / f"{snapshot.id}.json"
        path.write_bytes(path.read_bytes().replace(b"train.py", b"trainX.py"))
        with pytest.raises(StoreException, match=f"snapshot {snapshot.id} is damaged"):
            load(snapshot.id, layout)

    def test_an_unknown_id(self, layout):
        with pytest.raises(SnapshotException, match="no snapshot"):
            load("0" * 64, layout)
        with pytest.raises(SnapshotException, match="no snapshot id"):
            load("../../etc/passwd", layout)

    def test_a_damaged_content_leaves_no_half_made_folder(self, snapshot, layout, tmp_path):
        blob = BlobStore(layout.blobs).path(snapshot.files["train.py"].sha256)
        blob.chmod(0o644)
        blob.write_bytes(b"CONTENT of train.py")
        with pytest.raises(StoreException, match="damaged"):
            materialise(snapshot.id, tmp_path / "work", layout)
        assert not (tmp_path / "work").exists()
        assert not list(tmp_path.glob(".work*"))

    def test_a_folder_that_holds_something_is_not_overwritten(self, snapshot, layout, tmp_path):
        fill(tmp_path / "work", "mine")
        with pytest.raises(StoreException, match="working folder"):
            materialise(snapshot.id, tmp_path / "work", layout)
        assert os.listdir(tmp_path / "work") == ["mine"]

    def test_what_a_killed_attempt_left_is_cleared(self, snapshot, layout, tmp_path):
        fill(tmp_path / ".work.new", "half")
        materialise(snapshot.id, tmp_path / "work", layout)
        assert sorted(os.listdir(tmp_path / "work")) == ["net.py", "train.py"]

    @pytest.mark.parametrize(
        "change",
        [
            {"files": {"../x": {"sha256": "0" * 64, "size": 0, "mode": 420}}},
            {"files": {"/x": {"sha256": "0" * 64, "size": 0, "mode": 420}}},
            {"links": {"x": "/etc"}},
            {"links": {"a/x": "../../etc"}},
            {"folders": [".."]},
            {"format": 2},
        ],
    )
    def test_a_forged_list_cannot_lead_out(self, layout, change):
        import hashlib

        document = {"format": 1, "files": {}, "links": {}, "folders": []} | change
        content = json.dumps(document).encode()
        layout.snapshots.mkdir()
        name = hashlib.sha256(content).hexdigest()
        (layout.snapshots / f"{name}.json").write_bytes(content)
        with pytest.raises(StoreException, match="cannot be used"):
            load(name, layout)
