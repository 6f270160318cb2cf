"""The pictures: from the official address, another address, a folder or a zip file, or drawn here.

Whatever the source, its layout is ``train/<class>/<picture>`` and ``val/<class>/<picture>``.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import drawn_insects
from fetching import DownloadError, Patience, fetch, is_url, torch_home
from PIL import Image

#: The photographs of PyTorch's transfer-learning tutorial: 244 to train with, 153 to validate with.
OFFICIAL_DATA = "https://download.pytorch.org/tutorial/hymenoptera_data.zip"

SPLITS = ("train", "val")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # torchvision's list
_LARGEST_MEMBER = 200 * 2**20  # bytes of one unpacked picture
_LARGEST_TOTAL = 4 * 2**30  # bytes of all of them

_Read = Callable[[], bytes]


class DataError(Exception):
    """The pictures cannot be used; the text names what is wrong and where."""


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        name: such as ``val/bees/26589803_5ba7000313.jpg``.
        label: index of its class.
        image: RGB, already shrunk to about the size that training needs.
    """

    name: str
    label: int
    image: Image.Image


@dataclass(frozen=True)
class PictureSet:
    """All pictures of a data set.

    Attributes:
        classes: class names in the order of their labels.
        train: pictures to learn from.
        val: pictures to check with.
        origin: where they came from, for people.
        drawn: whether they are drawings made here rather than photographs.
        notes: what a reader of the results must know, such as pictures left out.
    """

    classes: tuple[str, ...]
    train: list[Picture]
    val: list[Picture]
    origin: str
    drawn: bool = False
    notes: list[str] = field(default_factory=list)


def load_pictures(
    source: str = OFFICIAL_DATA, *, short_side: int = 256, seed: int = 0, patience: Patience | None = None
) -> PictureSet:
    """Load every picture of a data set into memory.

    The set is small, and each picture is decoded once instead of once an epoch. An address that cannot be
    reached is replaced by drawn pictures, and a note says so; a path that does not exist is an error.

    Args:
        source: address of a zip file, path of one or of a folder, or "drawn".
        short_side: pictures are shrunk to this many pixels along their shorter side, never enlarged.
        seed: of the drawn pictures.
        patience: how long to wait for a server.

    Raises:
        DataError: no such path, an unusable zip file, no pictures in the right layout, or too many that
            cannot be decoded.
    """
    if source == "drawn":
        return _drawn(seed, [])
    if is_url(source):
        key = hashlib.sha256(source.encode()).hexdigest()[:8]
        try:
            path = fetch(
                source,
                torch_home() / "traindock-tutorial",
                f"data_{key}.zip",
                check=lambda file: None if zipfile.is_zipfile(file) else "it is not a zip file",
                patience=patience,
            )
        except DownloadError as error:
            return _drawn(seed, [f"The pictures could not be downloaded ({error})."])
    else:
        path = Path(source).expanduser()
    if path.is_dir():
        return _decode(_in_folder(path), source, short_side)
    if not path.exists():
        raise DataError(f"no such folder or zip file: {path.absolute()}")
    try:
        with zipfile.ZipFile(path) as archive:
            return _decode(_in_zip(archive, source), source, short_side)
    except zipfile.BadZipFile as error:
        raise DataError(f"{path} is not a usable zip file: {error}") from error


def _drawn(seed: int, notes: list[str]) -> PictureSet:
    pictures: dict[str, list[Picture]] = {split: [] for split in SPLITS}
    for split, name, path, image in drawn_insects.drawn_pictures(seed):
        pictures[split].append(Picture(path, drawn_insects.CLASSES.index(name), image))
    if notes:
        notes = [
            *notes,
            "DRAWN ants and bees take their place: accuracies on them say nothing of photographs.",
        ]
    return PictureSet(
        drawn_insects.CLASSES, pictures["train"], pictures["val"], f"drawn here, seed {seed}", True, notes
    )


def _in_folder(folder: Path) -> Iterator[tuple[str, _Read]]:
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            path = Path(parent, file)
            yield path.relative_to(folder).as_posix(), path.read_bytes


def _in_zip(archive: zipfile.ZipFile, source: str) -> Iterator[tuple[str, _Read]]:
    """Yield the members of a zip file. They are read from it as they are; nothing is unpacked to disk."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    total = 0
    for member in members:
        path = PurePosixPath(member.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise DataError(f"{source} is refused: its member {member.filename!r} leads out of the folder")
        if member.flag_bits & 1:
            raise DataError(f"{source} is refused: its member {member.filename!r} is encrypted")
        total += member.file_size
        if member.file_size > _LARGEST_MEMBER or total > _LARGEST_TOTAL:
            raise DataError(f"{source} is refused: {member.filename!r} unpacks to {member.file_size:,} bytes")
    for member in sorted(members, key=lambda member: member.filename):
        yield member.filename.replace("\\", "/"), lambda member=member: archive.read(member)


def _decode(files: Iterator[tuple[str, _Read]], source: str, short_side: int) -> PictureSet:
    found: list[tuple[str, str, str, _Read]] = []  # split, class, name, read
    seen: set[str] = set()
    for name, read in files:
        parts = PurePosixPath(name).parts
        seen.add("/".join(parts[:3]) if len(parts) > 3 else "/".join(parts[:-1]) or name)
        # The official zip holds one folder around train and val; a folder may hold it too, or not.
        if len(parts) > 3 and parts[0] not in SPLITS and parts[0] != "__MACOSX":
            parts = parts[1:]
        usable = len(parts) == 3 and parts[0] in SPLITS and not parts[2].startswith(".")
        if usable and parts[2].lower().endswith(_SUFFIXES):
            found.append((parts[0], parts[1], "/".join(parts), read))
    classes = tuple(sorted({name for split, name, _, _ in found if split == "train"}))
    for split in SPLITS:
        if {name for where, name, _, _ in found if where == split} != set(classes) or len(classes) < 2:
            listed = ", ".join(sorted(seen)[:12]) or "nothing"
            raise DataError(
                f"{source} needs pictures in train/<class>/ and val/<class>/, the same two or more classes in "
                f"both; it holds {listed}"
            )

    def decode(entry: tuple[str, str, str, _Read]) -> Picture | str:
        _, label, name, read = entry
        try:
            with Image.open(io.BytesIO(read())) as opened:
                opened.draft("RGB", (short_side * 2, short_side * 2))  # JPEG decodes at a fraction, for less
                image = opened.convert("RGB")
            ratio = short_side / min(image.size)
            if ratio < 1:
                size = (max(short_side, round(image.width * ratio)), max(short_side, round(image.height * ratio)))
                image = image.resize(size, Image.Resampling.BILINEAR)
            return Picture(name, classes.index(label), image)
        # Whatever a broken file makes a decoder raise, the answer is the same: name it, leave it out.
        except (OSError, ValueError, SyntaxError, zipfile.BadZipFile, Image.DecompressionBombError) as error:
            return f"{name} ({error})"

    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        results = list(pool.map(decode, found))
    broken = [result for result in results if isinstance(result, str)]
    if len(broken) > len(results) // 10:
        raise DataError(f"{len(broken)} of {len(results)} pictures of {source} cannot be decoded: {broken[0]}, …")
    notes = [f"Left out, it cannot be decoded: {name}" for name in broken]
    pictures = [result for result in results if isinstance(result, Picture)]
    by_split = {split: [p for p in pictures if p.name.startswith(f"{split}/")] for split in SPLITS}
    for split in SPLITS:
        for label, name in enumerate(classes):
            if not any(picture.label == label for picture in by_split[split]):
                raise DataError(f"no picture of {split}/{name} in {source} can be decoded: {broken[0]}")
    return PictureSet(classes, by_split["train"], by_split["val"], source, notes=notes)
