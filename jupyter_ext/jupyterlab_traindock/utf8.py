"""Cutting UTF-8 text between its characters."""

from __future__ import annotations


def unfinished(data: bytes) -> int:
    """Return how many bytes at the end are the beginning of a character, which is whole with what comes after them."""
    for length in range(1, min(4, len(data) + 1)):
        byte = data[-length]
        if byte & 0xC0 != 0x80:
            needs = 1 if byte < 0x80 else 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4
            return length if byte >= 0xC2 and byte < 0xF5 and needs > length else 0
    return 0


def begun(data: bytes) -> int:
    """Return how many bytes at the start are the rest of a character that began before them."""
    return next((length for length, byte in enumerate(data[:3]) if byte & 0xC0 != 0x80), min(3, len(data)))
