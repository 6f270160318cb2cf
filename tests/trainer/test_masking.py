"""What is left out of what people are shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from traindock.masking import Veil, is_secret, masked_arguments, masked_spec, masked_variables
from traindock.spec import RunSpec

#: What is hidden, and what is not; the tests of the page's forms, which hide the same, read it as well.
CASES: dict[str, Any] = json.loads((Path(__file__).parents[1] / "masking_cases.json").read_text())


@pytest.mark.parametrize("name", CASES["variables"]["secret"])
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", CASES["variables"]["open"])
def test_names_of_what_is_no_secret(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize("name", CASES["options"]["secret"])
def test_options_whose_values_are_secrets(name: str) -> None:
    assert masked_arguments([name, "abc"]) == [name, "***"]


@pytest.mark.parametrize("name", CASES["options"]["open"])
def test_options_whose_values_are_none(name: str) -> None:
    assert masked_arguments([name, "abc"]) == [name, "abc"]


@pytest.mark.parametrize("case", CASES["command_lines"], ids=lambda case: " ".join(case["words"]))
def test_a_command_line_is_masked_after_options_that_say_so_and_in_addresses(case: dict[str, list[str]]) -> None:
    assert masked_arguments(case["words"]) == case["shown"]
    assert masked_spec({"arguments": case["words"]})["arguments"] == case["shown"]


def test_variables_are_masked_by_name_and_addresses_by_what_they_are() -> None:
    found = masked_variables({"API_KEY": "abc", "EMPTY_KEY": "", "PROXY": "http://me:pw@host:1", "LR": "0.1"})
    assert found == {"API_KEY": "***", "EMPTY_KEY": "", "PROXY": "http://***@host:1", "LR": "0.1"}


def test_a_password_with_a_sign_of_addresses_is_hidden_whole() -> None:
    assert masked_variables({"PROXY": "http://u:p@ss@h:1/x"}) == {"PROXY": "http://***@h:1/x"}


def test_a_request_is_masked_in_both_places_that_have_variables() -> None:
    spec = {
        "script": "train.py",
        "environment_variables": {"API_KEY": "abc"},
        "environment": {"environment_variables": {"API_KEY": "abc"}, "index_url": "https://me:pw@host/simple"},
    }
    found = masked_spec(spec)
    assert "abc" not in str(found)
    assert "pw" not in str(found)
    assert found["script"] == "train.py"
    assert "abc" in str(spec)


def test_a_veil_of_a_run_hides_what_its_submitter_and_its_command_line_keep_secret() -> None:
    spec = RunSpec(
        snapshot="",
        compute_target="local",
        environment={},
        interpreter="python",
        arguments=("--api-key", "argument-1", "--token=argument-2", "--epochs", "300000", "--secret=x"),
        environment_variables={"API_KEY": "variable-1", "HF_TOKEN": "own-token"},
    )
    veil = Veil.of_run(spec, {"HF_TOKEN": "submitters-token", "WANDB_API_KEY": "variable-2", "HOME": "/home/ann"})
    text = "argument-1 argument-2 300000 variable-1 variable-2 own-token submitters-token /home/ann x"
    assert veil.over(text) == "*** *** 300000 *** *** *** submitters-token /home/ann x"  # the job has its own HF_TOKEN


def test_a_veil_hides_values_wherever_they_stand_but_not_what_stands_there_by_chance() -> None:
    veil = Veil({"API_KEY": "s3cret-long", "OTHER_TOKEN": "s3cret", "SHORT_TOKEN": "a", "LR": "0.12345"})
    text = "Bad key s3cret-long (s3cret) at http://me:pw@host with lr 0.12345"
    assert veil.over({"error": [text], "code": 1}) == {
        "error": ["Bad key *** (***) at http://***@host with lr 0.12345"],
        "code": 1,
    }
