"""How to change a compute target is told in Python and as a command, and both can be used as they are."""

from __future__ import annotations

import argparse
import shlex

from traindock import LocalCompute
from traindock.cli.compute_options import add_settings, given_settings
from traindock.compute.changing import how_to_change, how_to_make


def command_of(text: str) -> list[str]:
    return shlex.split(text.partition("`")[2].partition("`")[0])


def test_both_say_the_same() -> None:
    text = how_to_change("box", mounts=["/my data:/data:ro", "/b:/b"], gpus_per_node=2, gpu="optional")
    assert text.startswith("update(mounts=['/my data:/data:ro', '/b:/b'], gpus_per_node=2, gpu='optional') in Python, ")
    words = command_of(text)
    assert words[:4] == ["traindock", "computes", "update", "box"]
    parser = argparse.ArgumentParser()
    add_settings(parser)
    assert given_settings(parser.parse_args(words[4:])) == {
        "mounts": ["/my data:/data:ro", "/b:/b"],
        "gpus_per_node": 2,
        "gpu": "optional",
    }


def test_what_only_the_user_knows_is_left_open() -> None:
    assert how_to_change("box", mounts=...) == (
        "update(mounts=…) in Python, `traindock computes update box --mount …` at a terminal"
    )


def test_another_one_is_made_in_both_ways() -> None:
    text = how_to_make("local", gpu="optional")
    assert text.startswith(f"{LocalCompute.__name__}.provisioning_configuration(gpu='optional') in Python, ")
    assert command_of(text) == shlex.split("traindock computes create NAME --kind local --gpu optional")
    assert "`traindock computes create NAME --gpu optional`" in how_to_make("docker", gpu="optional")
