"""Requirements files as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from traindock.errors import UserErrorException
from traindock.images.pip_lists import parse_lines, read_requirements


def test_a_file_is_taken_apart(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "extra.txt").write_text("six==1.16.0\n-f ./wheels\n")
    file = tmp_path / "requirements.txt"
    file.write_text(
        "\ufeff# comment\n\nnumpy>=1.24,<2  # why\npillow \\\n  ==9.0.0 --hash=sha256:abc\n"
        "-i https://example.org/simple\n--extra-index-url=https://extra\n-r more/extra.txt\n--pre\n--no-cache-dir\n"
        "a @ https://example.org/a.whl#sha256=1\n",
        "utf-8",
    )
    found = read_requirements(file)
    assert found.packages == [
        "numpy>=1.24,<2",
        "pillow   ==9.0.0",
        "six==1.16.0",
        "a @ https://example.org/a.whl#sha256=1",
    ]
    assert found.index_url == "https://example.org/simple"
    assert found.options == [
        "--extra-index-url https://extra",
        f"--find-links {tmp_path / 'more' / 'wheels'}",
        "--pre",
    ]


@pytest.mark.parametrize(
    "line", ["-e .", "--editable=.", "-c constraints.txt", "--pre yes", "--find-links", "--frobnicate", "-"]
)
def test_an_option_that_is_not_supported_is_named(line: str) -> None:
    with pytest.raises(UserErrorException, match="is not supported") as caught:
        parse_lines([line])
    assert repr(line) in str(caught.value)


@pytest.mark.parametrize("line", [".", "./here", "/abs/x.whl", "x-1.0.tar.gz"])
def test_files_are_refused_with_the_way_to_name_them(line: str) -> None:
    with pytest.raises(UserErrorException, match="file:///absolute/path"):
        parse_lines([line])


def test_a_file_that_includes_itself_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "r.txt"
    file.write_text("-r r.txt\n")
    with pytest.raises(UserErrorException, match="include one another"):
        read_requirements(file)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserErrorException, match=r"none\.txt' does not exist"):
        read_requirements(tmp_path / "none.txt")
    with pytest.raises(UserErrorException, match="cannot be read"):
        read_requirements(tmp_path)
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    with pytest.raises(UserErrorException, match="no UTF-8"):
        read_requirements(tmp_path / "latin")
