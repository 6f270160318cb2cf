"""The training script as a user runs it."""

from __future__ import annotations

import dataclasses
import functools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPT = Path(__file__).parents[2] / "notebooks" / "pytorch-hymenoptera" / "pytorch_train.py"

Call = Callable[..., str]


@pytest.fixture
def call(
    tutorial: SimpleNamespace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """Call the script in this process, which has torch at hand already; what it prints comes back."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
        tutorial.pytorch_train.main()
        return capsys.readouterr().out

    return call


@pytest.fixture
def few(tutorial: SimpleNamespace, tmp_path: Path) -> str:
    """A folder of few pictures, for what does not depend on how many there are."""
    tutorial.drawn_insects.write_set(tmp_path / "few", train=4, val=2)
    return str(tmp_path / "few")


@pytest.mark.soak
def test_a_small_network_learns_the_drawn_insects_from_random_weights(
    tutorial: SimpleNamespace, tmp_path: Path
) -> None:
    before = os.times()
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--data", "drawn", "--model", "tiny", "--num_epochs", "8"],
        cwd=tmp_path,
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path / "matplotlib")},
        capture_output=True,
        text=True,
    )
    after = os.times()
    assert done.returncode == 0, done.stderr
    # Two minutes on two cores, measured in the work of the processor: that is the same on a busy machine.
    assert after.children_user + after.children_system - before.children_user - before.children_system < 2 * 120
    assert "400 pictures to train with, 160 to validate with: drawn here, seed 0" in done.stdout
    assert sorted(os.listdir(tmp_path / "outputs")) == ["curves.png", "model.pt", "predictions.png"]
    classifier = tutorial.insect_models.load_model(tmp_path / "outputs" / "model.pt")
    assert classifier.facts["val_acc"] > 0.9
    about = tutorial.figures.about
    assert about(classifier.facts) == "tiny, trained from random weights, on drawn ants and bees"
    facts = {**classifier.facts, "architecture": "resnet18", "mode": "fixed-features", "start": "pretrained"}
    photographs = {**facts, "data": tutorial.insect_data.OFFICIAL_DATA}
    assert about(photographs) == "resnet18, last layer trained, on photographs of ants and bees"
    assert (
        about({**facts, "data": "/pictures/mine.zip"}) == "resnet18, last layer trained, on ants and bees from mine.zip"
    )
    pictures = tutorial.insect_data.load_pictures("drawn").val
    shown = [dataclasses.replace(picture, label=1 - picture.label) for picture in pictures[:2]] + pictures[2:8]
    figure = tutorial.figures.predictions(classifier, shown, "tiny")
    assert sum("(is: " in axes.get_title() for axes in figure.axes) >= 2
    assert "right; red: wrong" in figure.get_suptitle()
    answers = classifier.predict([picture.image for picture in pictures])
    pairs = zip(answers, pictures, strict=True)
    right = sum(label == classifier.classes[picture.label] for (label, _), picture in pairs)
    assert right / len(pictures) == pytest.approx(classifier.facts["val_acc"], abs=0.01)


@pytest.mark.slow
def test_without_a_network_it_trains_all_the_same_and_says_what_on(
    tutorial: SimpleNamespace, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_of_them = tutorial.drawn_insects.drawn_pictures
    monkeypatch.setattr(tutorial.drawn_insects, "drawn_pictures", functools.partial(all_of_them, train=8, val=4))
    gone = "http://127.0.0.1:9"  # nobody listens there
    printed = call(
        *("--data", f"{gone}/insects.zip", "--model", "squeezenet1_1", "--weights", f"{gone}/weights.pth"),
        *("--num_epochs", "1", "--batch_size", "32", "--mode", "fixed-features"),
    )
    notes = "\n".join(line for line in printed.splitlines() if line.startswith("NOTE: "))
    for word in ("insects.zip", "DRAWN", "weights.pth", "RANDOM", "learns very little"):
        assert word in notes
    assert "squeezenet1_1, random weights, fixed-features, 64 pixels" in printed


@pytest.mark.slow
def test_with_fixed_features_the_last_layer_alone_learns(
    tutorial: SimpleNamespace, tmp_path: Path, call: Call, few: str
) -> None:
    import torch

    call(
        *("--data", few, "--model", "shufflenet_v2_x0_5", "--weights", "none", "--mode", "fixed-features"),
        *("--num_epochs", "1", "--seed", "5"),
    )
    trained = tutorial.insect_models.load_model(tmp_path / "outputs" / "model.pt").model.state_dict()
    torch.manual_seed(5)
    untrained = tutorial.insect_models.build_model("shufflenet_v2_x0_5", 2).state_dict()
    changed = {name for name in trained if not torch.equal(trained[name], untrained[name])}
    assert changed == {"fc.weight", "fc.bias"}


def test_without_matplotlib_there_are_no_figures_but_there_is_a_model(
    tmp_path: Path, call: Call, few: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "figures", None)
    printed = call("--data", few, "--model", "tiny", "--num_epochs", "1")
    assert "NOTE: No figures are drawn" in printed
    assert os.listdir(tmp_path / "outputs") == ["model.pt"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--model", "resnet-18"], "did you mean resnet18"),
        (["--data", "no/such/folder"], "no such folder or zip file"),
        (["--data", "few", "--weights", "none.pth"], "no such file of weights"),
        pytest.param(
            ["--data", "few", "--model", "vit_b_32", "--weights", "none", "--image_size", "64"],
            "use 224",
            marks=pytest.mark.slow,
        ),
        (["--num_epochs", "0"], "0 is less than 1"),
        (["--num_epochs", "two"], "'two' is not a whole number"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    call: Call, few: str, capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        call(*arguments)
    assert caught.value.code not in (0, None)
    said = f"{caught.value.code} {capsys.readouterr().err}"
    assert text in said
    assert len(said.splitlines()[-1]) < 200
