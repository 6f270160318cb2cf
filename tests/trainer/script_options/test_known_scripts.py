"""Options of well-known scripts, compared with what argparse itself says of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.trainer.script_options import known_scripts
from tests.trainer.script_options.command_lines import arguments_of, parsed_by_argparse, sample, text, values_of

from traindock.script_options.options import Option, ScriptOptions
from traindock.script_options.reading import options_of, read_script

SAMPLE = Path(__file__).parents[3] / "notebooks" / "pytorch-hymenoptera" / "pytorch_train.py"
PARSED = ["CYCLEGAN", "DETR", "IMAGENET", "MEGATRON", "MNIST", "TIMM"]


def of(name: str) -> ScriptOptions:
    return options_of(getattr(known_scripts, name).encode())


def by_name(found: ScriptOptions) -> dict[str, Option]:
    return {option.name: option for option in found.options}


def allowed(found: ScriptOptions, option: Option) -> Any:
    # Known scripts whose choices or texts are more than is read of them.
    return {"--arch": "resnet18", "--config": os.devnull}.get(option.name, sample(option))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts make their folders there."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", PARSED)
class TestAsArgparseHasThem:
    def test_what_has_to_be_given_is_enough(self, name: str) -> None:
        found = of(name)
        assert (found.parsed, found.why) == (True, "")
        needed = {option.name for option in found.options if option.required}
        needed |= {group.names[0] for group in found.exclusive if group.required}

        values = {one: allowed(found, by_name(found)[one]) for one in needed}
        result = vars(parsed_by_argparse(getattr(known_scripts, name), arguments_of(found, values)))

        for option in found.options:
            if option.name not in needed and not option.default_source and option.dest in result:
                assert plain(result[option.dest]) == option.default, option

    def test_each_value_arrives(self, name: str) -> None:
        found = of(name)
        others = {name for group in found.exclusive for name in group.names[1:]}

        values = {one.name: allowed(found, one) for one in found.options if one.name not in others}
        words = arguments_of(found, values)
        result = vars(parsed_by_argparse(getattr(known_scripts, name), words))

        for option in found.options:
            if option.name in values and option.type is not None and option.dest in result:
                wanted = values[option.name] if option.const is None or option.action != "flag" else option.const
                assert plain(result[option.dest]) == wanted, option

    def test_what_a_command_line_says_is_found_again(self, name: str) -> None:
        found = of(name)
        values = {one.name: allowed(found, one) for one in found.options}

        read = values_of(found, arguments_of(found, values))

        for option in found.options:
            value = values[option.name]
            said = value if option.action in ("flag", "count") else (
                [text(option, one) for one in value] if isinstance(value, list) else text(option, value)
            )  # fmt: skip
            assert read.get(option.name, False) == said, option


def plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def test_the_sample_of_this_repository() -> None:
    found = read_script(SAMPLE)

    assert (found.parsed, found.notes) == (True, ())
    options = by_name(found)
    assert list(options)[:3] == ["--data", "--model", "--weights"]
    assert options["--data"].default_source == "insect_data.OFFICIAL_DATA"
    assert options["--mode"].choices == ("fine-tune", "fixed-features")
    epochs = options["--num_epochs"]
    assert (epochs.type, epochs.type_source, epochs.default) == (None, "_positive", 25)


def test_what_is_computed_is_said_to_be() -> None:
    options = by_name(of("IMAGENET"))

    assert options["--arch"].choices is None
    assert options["--arch"].help == "model architecture: … (default: resnet18)"
    assert of("IMAGENET").notes == ("--arch (line 15): what it may be is computed.",)


def test_groups_and_what_excludes_each_other() -> None:
    found = of("TIMM")

    groups = {option.name: option.group for option in found.options}
    assert (groups["--config"], groups["--data-dir"], groups["--lr"]) == (
        "",
        "Dataset parameters",
        "Optimizer parameters",
    )
    assert [(one.names, one.required) for one in found.exclusive] == [(("--torchscript", "--torchcompile"), False)]
    assert found.notes == (
        "--model-kwargs (line 28): its action is not one of argparse's own.",
        "Line 49 may change defaults.",
    )


def test_yes_and_no_are_one_option() -> None:
    found = of("MNIST")

    feature = by_name(found)["--feature"]
    assert (feature.on, feature.off, feature.default) == ("--feature", "--no-feature", True)
    amp = by_name(found)["--amp"]
    assert (amp.flags, amp.on, amp.off) == (("--amp", "--no-amp"), "--amp", "--no-amp")
    assert [(one.names, one.required) for one in found.exclusive] == [(("--feature",), True)]


def test_variables_that_nanogpt_has_overridden() -> None:
    found = of("NANOGPT")

    assert (found.parsed, "configurator.py" in found.why) == (False, True)
    assert {option.dest: option.default for option in found.options} == {
        "out_dir": "out", "eval_interval": 2000, "eval_only": False, "wandb_run_name": "gpt2",
        "gradient_accumulation_steps": 40, "learning_rate": 6e-4, "device": "cuda", "dtype": None,
    }  # fmt: skip
    assert by_name(found)["--eval_only"].choices == (True, False)
