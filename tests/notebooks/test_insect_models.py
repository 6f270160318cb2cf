"""Any classifier of torchvision can be built, filled with weights, trained in its head alone, saved and loaded.

torch is imported where it is used: that takes seconds, and each process that runs tests reads this file.
"""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

#: One of each family, with the layer that gives the scores.
HEADS = {
    "alexnet": "classifier.6",
    "convnext_tiny": "classifier.2",
    "densenet121": "classifier",
    "efficientnet_b0": "classifier.1",
    "googlenet": "fc",
    "maxvit_t": "classifier.5",
    "mnasnet0_5": "classifier.1",
    "mobilenet_v3_small": "classifier.3",
    "regnet_y_400mf": "fc",
    "resnet18": "fc",
    "shufflenet_v2_x0_5": "fc",
    "squeezenet1_0": "classifier.1",
    "squeezenet1_1": "classifier.1",
    "swin_t": "head",
    "tiny": "classifier.2",
    "vgg11_bn": "classifier.6",
    "vit_b_32": "heads.head",
}


#: Those that are built in a tenth of a second.
LIGHT = {"mnasnet0_5", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_0", "squeezenet1_1", "tiny"}


def heavy(*names: str) -> list[Any]:
    """Parameters of which those that take long are left out of quick runs."""
    return [name if name in LIGHT else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", heavy(*HEADS))
def test_the_head_of_each_family(tutorial: SimpleNamespace, name: str) -> None:
    model = tutorial.insect_models.build_model(name, 3)
    found = tutorial.insect_models.head_parameters(model, 3)
    assert {parameter.rpartition(".")[0] for parameter in found} == {HEADS[name]}
    assert dict(model.named_parameters())[found[0]].shape[0] == 3


def test_an_unknown_name_brings_up_the_nearest_ones(tutorial: SimpleNamespace) -> None:
    with pytest.raises(tutorial.insect_models.ModelError, match="did you mean resnet18 or"):
        tutorial.insect_models.build_model("resnet-18", 2)
    with pytest.raises(tutorial.insect_models.ModelError, match=r"such as resnet18\. There are \d+: tiny, and"):
        tutorial.insect_models.build_model("quetzalcoatl", 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", heavy("resnet18", "squeezenet1_1", "googlenet", "densenet121"))
def test_weights_for_other_classes_fill_all_but_the_head(tutorial: SimpleNamespace, tmp_path: Path, name: str) -> None:
    import torch
    import torchvision

    models = tutorial.insect_models
    extra = {"init_weights": False} if name == "googlenet" else {}
    state = torchvision.models.get_model(name, weights=None, **extra).state_dict()  # side exits included
    if name == "densenet121":  # as in the file that torchvision offers
        state = {key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): state[key] for key in state}
    torch.save(state, tmp_path / "weights.pth")
    model = models.build_model(name, 2)
    head = set(models.head_parameters(model, 2))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert models.load_weights(model, name, str(tmp_path / "weights.pth"), 2) == ""
    after = model.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in head)
    for key, value in after.items():
        old = key
        if name == "densenet121":
            old = key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2.")
        assert key in head or torch.equal(value, state[old]), key


def test_weights_of_another_network_are_refused(tutorial: SimpleNamespace, tmp_path: Path) -> None:
    import torch

    models = tutorial.insect_models
    torch.save(models.build_model("squeezenet1_1", 1000).state_dict(), tmp_path / "weights.pth")
    with pytest.raises(models.ModelError, match="does not hold weights of resnet18"):
        models.load_weights(models.build_model("resnet18", 2), "resnet18", str(tmp_path / "weights.pth"), 2)


def test_weights_that_cannot_be_downloaded_are_random_and_a_note_says_so(
    tutorial: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tutorial.insect_models

    def unreachable(url: str, *_: object, **__: object) -> Path:
        raise tutorial.fetching.DownloadError(f"{url} could not be downloaded: no route to host")

    monkeypatch.setattr(models, "fetch", unreachable)
    note = models.load_weights(models.build_model("squeezenet1_1", 2), "squeezenet1_1", "default", 2)
    assert "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth" in note
    assert "RANDOM" in note


def test_a_path_that_is_not_there_is_an_error(tutorial: SimpleNamespace, tmp_path: Path) -> None:
    models = tutorial.insect_models
    with pytest.raises(models.ModelError, match="no such file of weights"):
        models.load_weights(models.TinyNet(2), "tiny", str(tmp_path / "none.pth"), 2)


def test_a_saved_model_gives_the_same_answers_when_loaded(tutorial: SimpleNamespace, tmp_path: Path) -> None:
    import torch

    models = tutorial.insect_models
    model = models.build_model("tiny", 2).eval()
    facts = {"image_size": 64, "resize": 64, "mean": [0.5] * 3, "std": [0.2] * 3, "val_acc": 0.9}
    models.save_model(tmp_path / "model.pt", model, architecture="tiny", classes=["ants", "bees"], **facts)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["model.pt"]
    classifier = models.load_model(tmp_path / "model.pt")
    assert classifier.classes == ("ants", "bees")
    assert classifier.facts["val_acc"] == 0.9
    images = [image for *_, image in tutorial.drawn_insects.drawn_pictures(1, train=2, val=1)]
    with torch.no_grad():
        expected = model(torch.stack([classifier.transform(image) for image in images])).softmax(dim=1)
    for (label, probability), row in zip(classifier.predict(images), expected, strict=True):
        assert label == classifier.classes[int(row.argmax())]
        assert probability == pytest.approx(float(row.max()))
    assert classifier.predict([]) == []


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo owned",)


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "plain state dict", "code"])
def test_another_file_is_refused_and_no_code_of_it_runs(
    tutorial: SimpleNamespace, tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    import torch

    path = tmp_path / "model.pt"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("hello")
    elif kind == "plain state dict":
        torch.save(tutorial.insect_models.TinyNet(2).state_dict(), path)
    elif kind == "code":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(Evil(), protocol=2))
            archive.writestr("archive/version", "3\n")
    with pytest.raises(tutorial.insect_models.ModelError, match=r"model\.pt"):
        tutorial.insect_models.load_model(path)
    assert "owned" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("name", "size", "works"),
    [("resnet18", 64, True), pytest.param("vit_b_32", 64, False, marks=pytest.mark.slow)],
)
def test_whether_a_network_takes_a_size(tutorial: SimpleNamespace, name: str, size: int, works: bool) -> None:
    model = tutorial.insect_models.build_model(name, 2)
    assert tutorial.insect_models.takes_size(model, size) is works
    assert tutorial.insect_models.preferred_size(name) == 224
