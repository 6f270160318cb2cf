"""Train a classifier of ants and bees by transfer learning, and keep its best weights.

Run it by Traindock, as the notebook does, or by itself: ``python pytorch_train.py --num_epochs 5``. It writes
``model.pt``, ``curves.png`` and ``predictions.png`` to the output folder, and logs a metric for each batch and
epoch. ``python pytorch_train.py --help`` lists what can be changed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

# Threads that wait by spinning take the processor from whoever shares it: beside other programs an epoch can take
# ten times as long. Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from insect_data import OFFICIAL_DATA, DataError, Picture, PictureSet, load_pictures
from insect_models import (
    MEAN,
    STD,
    ModelError,
    build_model,
    check_name,
    head_parameters,
    load_model,
    load_weights,
    picture_transform,
    preferred_size,
    save_model,
    takes_size,
)
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from traindock import Run


class Pictures(Dataset):  # type: ignore[type-arg]
    """Pictures with their labels, for a DataLoader."""

    def __init__(self, pictures: list[Picture], transform: Any) -> None:
        self.pictures = pictures
        self.transform = transform

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        picture = self.pictures[index]
        return self.transform(picture.image), picture.label


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Transfer learning on ants and bees.")
    add = parser.add_argument
    add("--data", default=OFFICIAL_DATA, help='address or path of a zip file, path of a folder, or "drawn"')
    add("--model", default="resnet18", help="name of a torchvision classifier, or tiny")
    add("--weights", default="default", help='"default", "none", or address or path of a state dict')
    add("--mode", default="fine-tune", choices=["fine-tune", "fixed-features"], help="train all layers or the last")
    add("--num_epochs", type=_positive, default=25)
    add("--batch_size", type=_positive, default=16)
    add("--learning_rate", type=float, help="default: chosen by network and weights")
    add("--momentum", type=float, default=0.9)
    add("--image_size", type=_positive, help="edge in pixels; default: what the network was made for")
    add("--num_workers", type=int, default=0, help="processes that prepare batches")
    add("--seed", type=int, default=0)
    add("--output_dir", default="./outputs")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def note(text: str) -> None:
    """Print what a reader of the results must not overlook."""
    print(f"NOTE: {text}", flush=True)


def choose_size(asked: int | None, model: nn.Module, name: str, drawn: bool) -> int:
    """Return the edge of the pictures that the network gets, in pixels.

    Raises:
        ModelError: the network cannot take pictures of the size asked for.
    """
    if asked is not None:
        if not takes_size(model, asked):
            raise ModelError(f"{name} does not take pictures of {asked} pixels: use {preferred_size(name)}")
        return asked
    # Drawn pictures hold 64 pixels of detail: enlarging them would cost twelve times the work for nothing.
    return 64 if drawn and takes_size(model, 64) else preferred_size(name)


def loaders(pictures: PictureSet, image_size: int, resize: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return the batches of "train", changed a little at random each time, and of "val"."""
    smallest_crop = 0.7 if pictures.drawn else 0.35
    changes: list[Any] = [
        transforms.RandomResizedCrop(image_size, scale=(smallest_crop, 1.0)),
        transforms.RandomHorizontalFlip(),
    ]
    if pictures.drawn:  # drawn insects look in every direction
        changes.append(transforms.RandomVerticalFlip())
    changes += [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    train = Pictures(pictures.train, transforms.Compose(changes))
    val = Pictures(pictures.val, picture_transform(image_size, resize, MEAN, STD))
    common = {"batch_size": options.batch_size, "num_workers": options.num_workers}
    # A last batch of one picture has no statistics for batch normalisation.
    lonely = len(train) > 1 and len(train) % options.batch_size == 1
    generator = torch.Generator().manual_seed(options.seed)
    return {
        "train": DataLoader(train, shuffle=True, drop_last=lonely, generator=generator, **common),
        "val": DataLoader(val, **common),
    }


class Training:
    """One training: the network, its optimiser, and what happens in an epoch."""

    def __init__(self, model: nn.Module, num_classes: int, learning_rate: float, options: argparse.Namespace) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = model.to(self.device)
        self.fixed = options.mode == "fixed-features"
        if self.fixed:
            head = head_parameters(model, num_classes)
            for name, parameter in model.named_parameters():
                parameter.requires_grad = name in head
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.SGD(trained, lr=learning_rate, momentum=options.momentum, weight_decay=1e-4)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, options.num_epochs)
        self.loss = nn.CrossEntropyLoss()
        self.batches = 0

    def learn(self, batches: Any, run: Run) -> tuple[float, float]:
        """Train for one epoch; return mean loss and accuracy."""
        # Features that stay fixed include the statistics of their batch normalisation.
        self.model.train(not self.fixed)
        total, right, seen = 0.0, 0, 0
        for images, labels in batches:
            images, labels = images.to(self.device), labels.to(self.device)
            self.optimizer.zero_grad()
            scores = self.model(images)
            loss = self.loss(scores, labels)
            loss.backward()
            self.optimizer.step()
            value = loss.item()
            self.batches += 1
            run.log("batch_loss", value, step=self.batches)
            total += value * len(labels)
            right += int((scores.argmax(dim=1) == labels).sum())
            seen += len(labels)
        self.schedule.step()
        return total / seen, right / seen

    def validate(self, batches: Any) -> tuple[float, float]:
        """Return mean loss and accuracy on pictures that are not trained on."""
        self.model.eval()
        total, right, seen = 0.0, 0, 0
        with torch.no_grad():
            for images, labels in batches:
                images, labels = images.to(self.device), labels.to(self.device)
                scores = self.model(images)
                total += self.loss(scores, labels).item() * len(labels)
                right += int((scores.argmax(dim=1) == labels).sum())
                seen += len(labels)
        return total / seen, right / seen


def usual_rate(pretrained: bool, fixed: bool) -> float:
    """Learning rate to begin with: gentle with weights that know something already."""
    if pretrained:
        return 0.02 if fixed else 0.002
    return 0.01


def train(options: argparse.Namespace, run: Run) -> float:
    """Train as the options say; return the best validation accuracy, 0 to 1.

    Raises:
        DataError: the pictures cannot be used.
        ModelError: the network cannot be built or loaded.
    """
    started = time.monotonic()
    torch.manual_seed(options.seed)
    name = check_name(options.model)
    output = Path(options.output_dir)
    output.mkdir(parents=True, exist_ok=True)

    ample = max(256, round((options.image_size or preferred_size(name)) * 256 / 224))
    pictures = load_pictures(options.data, short_side=ample, seed=options.seed)
    for text in pictures.notes:
        note(text)
    print(f"{len(pictures.train)} pictures to train with, {len(pictures.val)} to validate with: {pictures.origin}")

    count = len(pictures.classes)
    model = build_model(name, count)
    trouble = load_weights(model, name, options.weights, count)
    pretrained = not trouble and options.weights != "none" and not (name == "tiny" and options.weights == "default")
    if trouble:
        note(trouble)
    if options.mode == "fixed-features" and not pretrained:
        note("With fixed features of random weights the network learns very little: use --mode fine-tune.")
    image_size = choose_size(options.image_size, model, name, pictures.drawn)
    resize = image_size if pictures.drawn else round(image_size * 256 / 224)
    rate = options.learning_rate
    if rate is None:
        rate = usual_rate(pretrained, options.mode == "fixed-features")
    training = Training(model, count, rate, options)
    batches = loaders(pictures, image_size, resize, options)
    start = "pretrained" if pretrained else "random"
    print(f"{name}, {start} weights, {options.mode}, {image_size} pixels, on {training.device}", flush=True)

    run.log("lr", rate)
    run.log("momentum", options.momentum)
    best = -1.0
    history: dict[str, list[float]] = {"train_loss": [], "train_acc": [], "val_loss": [], "val_acc": []}
    for epoch in range(1, options.num_epochs + 1):
        epoch_started = time.monotonic()
        epoch_rate = training.optimizer.param_groups[0]["lr"]
        train_loss, train_acc = training.learn(batches["train"], run)
        val_loss, val_acc = training.validate(batches["val"])
        if val_acc > best:
            best = val_acc
            save_model(
                output / "model.pt",
                training.model,
                architecture=name,
                classes=list(pictures.classes),
                image_size=image_size,
                resize=resize,
                mean=list(MEAN),
                std=list(STD),
                epoch=epoch,
                val_acc=val_acc,
                data=pictures.origin,
                start=start,
                mode=options.mode,
                torch=str(torch.__version__),
            )
        figures_of_epoch = {
            "train_loss": train_loss,
            "train_acc": train_acc,
            "val_loss": val_loss,
            "val_acc": val_acc,
        }
        for metric, value in figures_of_epoch.items():
            history[metric].append(value)
            run.log(metric, value, step=epoch)
        run.log("best_val_acc", best, step=epoch)
        run.log("learning_rate", epoch_rate, step=epoch)
        run.log("epoch", epoch)
        print(
            f"epoch {epoch}/{options.num_epochs}: train loss {train_loss:.4f} acc {train_acc:.3f}, "
            f"val loss {val_loss:.4f} acc {val_acc:.3f}, {time.monotonic() - epoch_started:.1f} s",
            flush=True,
        )
    draw(history, output, pictures, run)
    print(f"best validation accuracy {best:.3f} after {time.monotonic() - started:.0f} s; {output / 'model.pt'}")
    return best


def draw(history: dict[str, list[float]], output: Path, pictures: PictureSet, run: Run) -> None:
    """Draw the curves, and what the model as saved makes of some validation pictures."""
    try:
        import figures
    except ImportError as error:
        note(f"No figures are drawn, since matplotlib cannot be imported ({error}): add it to pip_packages.")
        return
    classifier = load_model(output / "model.pt")
    title = figures.about(classifier.facts)
    drawings = {
        "curves": figures.curves(history, title),
        "predictions": figures.predictions(classifier, figures.spread(pictures.val, 12), title),
    }
    for name, figure in drawings.items():
        path = output / f"{name}.png"
        figure.savefig(path, dpi=110)
        run.log_image(name, path=str(path))


def main() -> None:
    options = parse()
    try:
        train(options, Run.get_context())
    except (DataError, ModelError) as error:
        sys.exit(f"{Path(__file__).name}: error: {error}")


if __name__ == "__main__":
    main()
