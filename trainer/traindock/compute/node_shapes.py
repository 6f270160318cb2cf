"""Shapes of nodes: the processors, the memory and the GPUs that one has, and what Azure ML's names of machines mean.

The table holds sizes that notebooks of Azure ML v1 ask for, as Microsoft's pages on virtual machine sizes give them
(their GiB are written "g" here). A workspace's settings may give any name another shape.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from traindock.errors import UserErrorException

_MEMORY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_UNITS: Final = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
#: What an engine needs at least to start a container at all.
_SMALLEST_MEMORY: Final = 16 * 2**20
#: "Standard_NC24ads_A100_v4", "Standard_E4-2s_v3", "Standard_HB120rs_v2", "Standard_PB6s", "Basic_A1".
_AZURES: Final = re.compile(r"(?:STANDARD|BASIC)_[A-Z]{1,4}\d+(?:-\d+)?[A-Z]*(?:_[A-Z]*\d+)*(?:_PROMO)?")
#: How many known names are offered in place of an unknown one.
_NEAREST: Final = 3
_LABEL: Final = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NodeShape:
    """What one node has.

    Attributes:
        cpus: processors, perhaps a part of one; None for all that the machine has.
        memory_bytes: memory; None for all.
        gpus: GPUs; None for all that the machine has, 0 for a node without.
    """

    cpus: float | None = None
    memory_bytes: int | None = None
    gpus: int | None = None


def cpus_of(value: Any) -> float:
    """Return a number of processors, which may be a fraction.

    Raises:
        UserErrorException: it is none, or less than a hundredth.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0.01:
        raise UserErrorException(f"cpus is a number of processors, such as 4 or 0.5, not {value!r}")
    return float(value)


def memory_bytes_of(value: Any) -> int:
    """Return bytes of memory from a number of bytes or a text such as "56g" or "512m".

    Raises:
        UserErrorException: it is neither, or less than 16 MiB.
    """
    match = _MEMORY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is not None:
        found = int(float(match[1]) * _UNITS[match[2].lower()])
    elif isinstance(value, int) and not isinstance(value, bool):
        found = value
    else:
        raise UserErrorException(f'memory is a text such as "56g" or "512m", or a number of bytes, not {value!r}')
    if found < _SMALLEST_MEMORY:
        raise UserErrorException(f'memory of {value!r} is too little to run anything: give 16m or more, such as "4g"')
    return found


def gpus_of(value: Any) -> int:
    """Return a number of GPUs.

    Raises:
        UserErrorException: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UserErrorException(f"gpus is a number of 0 or more, not {value!r}")
    return value


def vm_size_of(value: Any) -> str:
    """Return one of Azure ML's names of machines as the tables have it: in capital letters.

    Raises:
        UserErrorException: it can be no such name.
    """
    if not isinstance(value, str) or not _LABEL.fullmatch(value.strip()):
        raise UserErrorException(f"vm_size is a name such as 'STANDARD_NC6', not {value!r:.80}")
    label = value.strip().upper()
    return label if label.startswith(("STANDARD_", "BASIC_")) else f"STANDARD_{label}"


def shape_of(vm_size: str, own: Mapping[str, NodeShape]) -> NodeShape | None:
    """Return the shape that a name of a machine means, or None where nobody knows it.

    Args:
        vm_size: in capital letters, as :func:`vm_size_of` returns it.
        own: what the workspace's settings say, which goes first.
    """
    return own.get(vm_size) or _TABLE.get(vm_size)


def may_be_azures(vm_size: str) -> bool:
    """Whether a name is made as Azure's names of sizes are: a family, a number of processors, what it adds."""
    return _AZURES.fullmatch(vm_size) is not None


def nearest(vm_size: str, own: Mapping[str, NodeShape]) -> list[str]:
    """Return the known names that are most like one that is not known, the most like first.

    Args:
        vm_size: in capital letters, as :func:`vm_size_of` returns it.
        own: what the workspace's settings say.
    """

    def likeness(name: str) -> float:
        # Nearly all begin alike, which would make all of them like each other.
        return SequenceMatcher(None, vm_size.removeprefix("STANDARD_"), name.removeprefix("STANDARD_")).ratio()

    return sorted({**own, **_TABLE}, key=likeness, reverse=True)[:_NEAREST]


def memory_text(size: int) -> str:
    """Return bytes of memory as people read them, such as "56 GiB"."""
    for unit, name in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB")):
        if size >= unit:
            return f"{size / unit:.4g} {name}"
    return f"{size} bytes"


def _table(rows: str) -> dict[str, NodeShape]:
    found: dict[str, NodeShape] = {}
    for row in rows.split("\n"):
        if row.strip():
            names, cpus, memory, gpus = row.split()
            for name in names.split("/"):
                found[f"STANDARD_{name}"] = NodeShape(float(cpus), memory_bytes_of(memory), int(gpus))
    return found


_TABLE: Final = _table(
    """
    NC6/NV6                                              6   56g   1
    NC12/NV12                                            12  112g  2
    NC24/NC24R/NV24                                      24  224g  4
    NC6S_V2/NC6S_V3/ND6S                                 6   112g  1
    NC12S_V2/NC12S_V3/ND12S                              12  224g  2
    NC24S_V2/NC24RS_V2/NC24S_V3/NC24RS_V3/ND24S/ND24RS   24  448g  4
    NC4AS_T4_V3                                          4   28g   1
    NC8AS_T4_V3                                          8   56g   1
    NC16AS_T4_V3                                         16  110g  1
    NC64AS_T4_V3                                         64  440g  4
    NC24ADS_A100_V4                                      24  220g  1
    NC48ADS_A100_V4                                      48  440g  2
    NC96ADS_A100_V4                                      96  880g  4
    NC40ADS_H100_V5                                      40  320g  1
    NC80ADIS_H100_V5                                     80  640g  2
    NV12S_V3                                             12  112g  1
    NV24S_V3                                             24  224g  2
    NV48S_V3                                             48  448g  4
    ND40S_V2/ND40RS_V2                                   40  672g  8
    ND96ASR_V4                                           96  900g  8
    ND96AMSR_A100_V4                                     96  1900g 8
    ND96ISR_H100_V5                                      96  1900g 8
    D1/D1_V2/DS1_V2                                      1   3.5g  0
    D2/D2_V2/DS2_V2                                      2   7g    0
    D3/D3_V2/DS3_V2                                      4   14g   0
    D4/D4_V2/DS4_V2                                      8   28g   0
    D5_V2/DS5_V2                                         16  56g   0
    D11/D11_V2/DS11_V2                                   2   14g   0
    D12/D12_V2/DS12_V2                                   4   28g   0
    D13/D13_V2/DS13_V2                                   8   56g   0
    D14/D14_V2/DS14_V2                                   16  112g  0
    D2_V3/D2S_V3/D2S_V4/D2S_V5                           2   8g    0
    D4_V3/D4S_V3/D4S_V4/D4S_V5                           4   16g   0
    D8_V3/D8S_V3/D8S_V4/D8S_V5                           8   32g   0
    D16_V3/D16S_V3/D16S_V4/D16S_V5                       16  64g   0
    D32_V3/D32S_V3/D32S_V4/D32S_V5                       32  128g  0
    D64_V3/D64S_V3/D64S_V4/D64S_V5                       64  256g  0
    E2_V3/E2S_V3                                         2   16g   0
    E4_V3/E4S_V3                                         4   32g   0
    E8_V3/E8S_V3                                         8   64g   0
    E16_V3/E16S_V3                                       16  128g  0
    E32_V3/E32S_V3                                       32  256g  0
    E64_V3/E64S_V3                                       64  432g  0
    F2S_V2                                               2   4g    0
    F4S_V2                                               4   8g    0
    F8S_V2                                               8   16g   0
    F16S_V2                                              16  32g   0
    F32S_V2                                              32  64g   0
    F64S_V2                                              64  128g  0
    F72S_V2                                              72  144g  0
    """
)
