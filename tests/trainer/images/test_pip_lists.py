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
        "\ufeff# comment\n\nnumpy>=1.24,<2  # why\npillow \\\n  ==9.0.0 --hash=sha256:abc --hash sha384:12\n"
        "-i https://example.org/simple\n--extra-index-url=https://extra\n-r more/extra.txt\n--pre\n--no-cache-dir\n"
        "a @ https://example.org/a.whl#sha256=1\n",
        "utf-8",
    )
    found = read_requirements(file)
    assert found.packages == [
        "numpy>=1.24,<2",
        "pillow   ==9.0.0 --hash=sha256:abc --hash sha384:12",
        "six==1.16.0",
        "a @ https://example.org/a.whl#sha256=1",
    ]
    assert found.index_url == "https://example.org/simple"
    assert found.options == [
        "--extra-index-url https://extra",
        f"--find-links {tmp_path / 'more' / 'wheels'}",
        "--pre",
    ]


@pytest.mark.parametrize("line", ["-c constraints.txt", "--pre yes", "--find-links", "--frobnicate", "-"])
def test_an_option_that_is_not_supported_is_named(line: str) -> None:
    with pytest.raises(UserErrorException, match="is not supported") as caught:
        parse_lines([line])
    assert repr(line) in str(caught.value)


@pytest.mark.parametrize("line", [".", "./here", "/abs/x.whl", "x-1.0.tar.gz"])
def test_files_are_refused_with_the_way_to_name_them(line: str) -> None:
    with pytest.raises(UserErrorException, match="file:///absolute/path"):
        parse_lines([line])


@pytest.mark.parametrize("line", ["-e .", "--editable=.", "-e git+https://example.org/a.git#egg=a"])
def test_editable_installs_are_refused_with_the_reason(line: str) -> None:
    with pytest.raises(UserErrorException, match="is an editable install, and an environment is built once"):
        parse_lines([line])


def test_files_are_included_from_beside_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "bounds.txt").write_text("numpy<2\n-c a/more.txt\n")
    (tmp_path / "a" / "more.txt").write_text("six<1.17\n")
    (tmp_path / "a" / "base.txt").write_text("pandas\n-r b/deep.txt\n")
    (tmp_path / "a" / "b" / "deep.txt").write_text("rich\n-c ../../bounds.txt\n")
    (tmp_path / "a" / "r.txt").write_text("-r base.txt\ntqdm\n")
    found = read_requirements(tmp_path / "a" / "r.txt")
    assert found.packages == ["pandas", "rich", "tqdm"]
    assert found.constraints == ["six<1.17", "numpy<2"]
    with pytest.raises(UserErrorException, match="is an address: download it"):
        parse_lines(["-c https://example.org/c.txt"], tmp_path / "r.txt")


def test_variables_are_expanded_as_pip_does_and_never_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_1", "SECRET")
    found = parse_lines(["-i https://${TOKEN_1}@example.org/simple  # ${NOT_THERE}", "six"])
    assert found.index_url == "https://SECRET@example.org/simple"
    with pytest.raises(UserErrorException, match="environment variable NOT_THERE, which is not set"):
        parse_lines(["-i https://${NOT_THERE}@example.org"])
    with pytest.raises(UserErrorException, match="of capitals") as caught:
        parse_lines(["-i https://${TOKEN_1}@example.org/${lower}"])
    assert "SECRET" not in str(caught.value)


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
