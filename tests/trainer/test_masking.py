"""What is left out of what people are shown."""

from __future__ import annotations

import pytest

from traindock.masking import Veil, is_secret, masked_spec, masked_variables


@pytest.mark.parametrize(
    "name",
    ["WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "PG_PASSWORD", "db_password", "TOKEN",
     "GITHUB_TOKEN_2", "MY_CREDENTIALS", "AZURE_STORAGE_CONNECTION_STRING", "BLOB_SAS"],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["TOKENIZERS_PARALLELISM", "MAX_TOKENS", "PWD", "MONKEY", "AUTHOR", "KEYS", "PATH"])
def test_names_of_what_is_no_secret(name: str) -> None:
    assert not is_secret(name)


def test_variables_are_masked_by_name_and_addresses_by_what_they_are() -> None:
    found = masked_variables({"API_KEY": "abc", "EMPTY_KEY": "", "PROXY": "http://me:pw@host:1", "LR": "0.1"})
    assert found == {"API_KEY": "***", "EMPTY_KEY": "", "PROXY": "http://***@host:1", "LR": "0.1"}


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


def test_a_veil_hides_values_wherever_they_stand_but_not_what_stands_there_by_chance() -> None:
    veil = Veil({"API_KEY": "s3cret-long", "OTHER_TOKEN": "s3cret", "SHORT_TOKEN": "a", "LR": "0.12345"})
    text = "Bad key s3cret-long (s3cret) at http://me:pw@host with lr 0.12345"
    assert veil.over({"error": [text], "code": 1}) == {
        "error": ["Bad key *** (***) at http://***@host with lr 0.12345"],
        "code": 1,
    }
