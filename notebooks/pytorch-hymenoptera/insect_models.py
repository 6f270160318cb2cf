"""The network: any of torchvision's classifiers by name, or a small one of our own, and its file on disk.

To use a trained model::

    from insect_models import load_model
    classifier = load_model("model/model.pt")
    label, probability = classifier.predict([Image.open("bee.jpg")])[0]
"""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torchvision
from fetching import DownloadError, Patience, fetch, is_url, torch_home
from PIL import Image
from torch import Tensor, nn
from torchvision import transforms

#: Colour statistics of ImageNet, which torchvision's pretrained weights expect.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

_FORMAT = "traindock-tutorial/1"
# These two have side exits for training alone, and shift the colours themselves as their weights expect.
_EXTRA: dict[str, dict[str, bool]] = {
    "googlenet": {"aux_logits": False, "transform_input": True, "init_weights": True},
    "inception_v3": {"aux_logits": False, "transform_input": True, "init_weights": True},
}
_SIDE_EXITS = ("aux1.", "aux2.", "AuxLogits.")
_OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])(?=\.)")


class ModelError(Exception):
    """A network cannot be built or loaded as asked; the text says what is possible."""


class TinyNet(nn.Module):
    """A network of four small convolutions that learns drawn insects from random weights in half a minute.

    It looks at shapes: the first layer takes brightness, colour cast and contrast out of each picture.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        widths = (3, 16, 32, 64, 96)
        layers: list[nn.Module] = [nn.InstanceNorm2d(3)]
        for index in range(4):
            layers += [
                nn.Conv2d(widths[index], widths[index + 1], 3, padding=1, bias=False),
                nn.BatchNorm2d(widths[index + 1], momentum=0.2),  # few batches an epoch: learn statistics sooner
                nn.ReLU(inplace=True),
            ]
            if index < 3:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveMaxPool2d(1)
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(widths[-1], num_classes))

    def forward(self, images: Tensor) -> Tensor:
        """Return one score for each class and image."""
        return self.classifier(self.pool(self.features(images)))


def model_names() -> list[str]:
    """Names that :func:`build_model` takes: "tiny" and torchvision's classifiers."""
    return ["tiny", *sorted(torchvision.models.list_models(module=torchvision.models))]


def check_name(name: str) -> str:
    """Return ``name`` if there is a network of that name.

    Raises:
        ModelError: there is none; the text names the nearest, and how many there are.
    """
    names = model_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "such as resnet18."
        raise ModelError(
            f"there is no classifier {name!r}: {hint} There are {len(names)}: tiny, and all of torchvision's by name"
        )
    return name


def build_model(name: str, num_classes: int) -> nn.Module:
    """Return the network ``name`` with random weights and a head for ``num_classes`` classes."""
    if check_name(name) == "tiny":
        return TinyNet(num_classes)
    return torchvision.models.get_model(name, weights=None, num_classes=num_classes, **_EXTRA.get(name, {}))


def preferred_size(name: str) -> int:
    """Edge in pixels of the pictures that the network ``name`` was made for."""
    if check_name(name) == "tiny":
        return 64
    return int(torchvision.models.get_model_weights(name).DEFAULT.transforms().crop_size[0])


def takes_size(model: nn.Module, size: int) -> bool:
    """Whether the network works on pictures of ``size`` by ``size`` pixels (some take only their own size)."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            model(torch.zeros(1, 3, size, size))
    except (RuntimeError, AssertionError, ValueError):
        return False
    finally:
        model.train(was_training)
    return True


def head_parameters(model: nn.Module, num_classes: int) -> list[str]:
    """Names of the parameters of the last layer, the one that gives a score to each class."""
    head = ""
    for name, module in model.named_modules():
        width = getattr(module, "out_features", getattr(module, "out_channels", None))
        if isinstance(module, (nn.Linear, nn.Conv2d)) and width == num_classes:
            head = name
    return [name for name, _ in model.named_parameters() if name.startswith(f"{head}.")]


def load_weights(model: nn.Module, name: str, source: str, num_classes: int, patience: Patience | None = None) -> str:
    """Load pretrained weights into ``model``, all but its head where that has other classes.

    Args:
        model: as :func:`build_model` returns it.
        name: its name.
        source: "default" for torchvision's own weights of it, "none", or an address or path of a state dict,
            or of a file that this tutorial wrote.
        num_classes: width of the head.
        patience: how long to wait for a server.

    Returns:
        An empty string if the weights are in, else a note saying why they are random.

    Raises:
        ModelError: there is no such file, or it holds the weights of another network.
    """
    if source == "none" or (source == "default" and name == "tiny"):
        return ""
    address = torchvision.models.get_model_weights(name).DEFAULT.url if source == "default" else source
    if is_url(address):
        try:
            # The folder and the name are torch's own, so that either finds what the other has downloaded.
            path = fetch(address, torch_home() / "hub" / "checkpoints", patience=patience)
        except DownloadError as error:
            return f"The pretrained weights could not be downloaded ({error}). RANDOM weights take their place."
    else:
        path = Path(address).expanduser()
        if not path.is_file():
            raise ModelError(f"no such file of weights: {path.absolute()}")
    state = _state_in(_read(path))
    own = model.state_dict()
    head = set(head_parameters(model, num_classes))
    misfits = [key for key in own if key in state and state[key].shape != own[key].shape and key not in head]
    missing = [key for key in own if key not in state and key not in head and "num_batches_tracked" not in key]
    strange = [key for key in state if key not in own and not key.startswith(_SIDE_EXITS)]
    if misfits or missing or strange:
        first = (misfits or missing or strange)[0]
        raise ModelError(
            f"{path} does not hold weights of {name}: {len(missing)} tensors missing, {len(strange)} unknown, "
            f"{len(misfits)} of another shape, such as {first!r}"
        )
    fitting = {key: value for key, value in state.items() if key in own and value.shape == own[key].shape}
    model.load_state_dict(fitting, strict=False)
    return ""


def _read(path: Path) -> Mapping[str, Any]:
    """Read a file that torch wrote, tensors and plain values only: no code of it is run."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    # torch names many kinds of damage in as many ways; for the user all of them are "this is no such file".
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{path} cannot be read as weights: {text}") from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(f"{path} holds no state dict (a mapping of names to tensors)")
    return content


def _state_in(content: Mapping[str, Any]) -> dict[str, Tensor]:
    state: Mapping[str, Tensor] = content.get("state_dict", content)
    # The files of densenet are older than its code: they say norm.1 for what is now norm1.
    return {_OLD_DENSENET.sub(r"\1\2", key): value for key, value in state.items()}


def picture_transform(image_size: int, resize: int, mean: Sequence[float], std: Sequence[float]) -> Any:
    """What turns a picture into the tensor that a trained network takes."""
    return transforms.Compose(
        [
            transforms.Resize(resize),
            transforms.CenterCrop(image_size),
            transforms.ToTensor(),
            transforms.Normalize(mean, std),
        ]
    )


@dataclass(frozen=True)
class Classifier:
    """A trained network with all that is needed to use it.

    Attributes:
        model: in evaluation mode, on the CPU.
        classes: class names in the order of the scores.
        transform: turns an RGB picture into the tensor it takes.
        facts: the rest of what the file says, such as "architecture", "epoch" and "val_acc".
    """

    model: nn.Module
    classes: tuple[str, ...]
    transform: Any
    facts: dict[str, Any] = field(default_factory=dict)

    def predict(self, images: Sequence[Image.Image]) -> list[tuple[str, float]]:
        """Return the class name and its probability (0 to 1) for each picture."""
        if not images:
            return []
        with torch.no_grad():
            batch = torch.stack([self.transform(image.convert("RGB")) for image in images])
            probabilities = self.model(batch).softmax(dim=1)
        best = [(float(row.max()), int(row.argmax())) for row in probabilities]
        return [(self.classes[label], probability) for probability, label in best]


def save_model(path: str | Path, model: nn.Module, **facts: Any) -> None:
    """Write the weights and ``facts`` (plain values) to ``path``, so that a reader meets the old or the new file.

    The facts must have "architecture", "classes", "image_size", "resize", "mean" and "std".
    """
    path = Path(path)
    state = {key: value.detach().cpu().clone() for key, value in model.state_dict().items()}
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            torch.save({"format": _FORMAT, **facts, "state_dict": state}, stream)
        Path(partial).replace(path)
    finally:
        Path(partial).unlink(missing_ok=True)


def load_model(path: str | Path) -> Classifier:
    """Load a model that ``pytorch_train.py`` saved. No code of the file is run.

    Raises:
        ModelError: it is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"no such model file: {path.absolute()}")
    content = _read(path)
    if content.get("format") != _FORMAT:
        raise ModelError(f"{path} was not written by this tutorial: its format is {content.get('format')!r}")
    facts = {key: value for key, value in content.items() if key != "state_dict"}
    classes = tuple(facts["classes"])
    model = build_model(facts["architecture"], len(classes))
    model.load_state_dict(_state_in(content))
    model.eval()
    transform = picture_transform(facts["image_size"], facts["resize"], facts["mean"], facts["std"])
    return Classifier(model, classes, transform, facts)
