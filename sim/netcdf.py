"""netCDF-3 (64-bit offsets) written and read in one pass: the part of the format that a result needs.

Any netCDF reader opens these files. Format: "The NetCDF Classic Format Specification", NUG appendix B. Left out: record
dimensions and the types byte, short and float. A general library takes longer to import than a whole result to write.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sim import store

MAGIC = b"CDF\x02"
DIMENSION, VARIABLE, ATTRIBUTE = 10, 11, 12
CHAR, INT, DOUBLE = 2, 4, 6
TYPES = {CHAR: np.dtype("S1"), INT: np.dtype(">i4"), DOUBLE: np.dtype(">f8")}
BIGGEST = 2**32 - 1  # stands in the size field of a larger variable; readers then go by the dimensions


@dataclass
class Variable:
    """`data` has the lengths of `dimensions`; attributes are texts."""

    dimensions: tuple[str, ...]
    data: np.ndarray
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def code(self) -> int:
        return {"S": CHAR, "i": INT, "f": DOUBLE}[self.data.dtype.kind]

    @property
    def size(self) -> int:
        """Bytes in the file, padded."""
        return -(-math.prod(self.data.shape) * TYPES[self.code].itemsize // 4) * 4


def write(
    path: Path, dimensions: Mapping[str, int], variables: Mapping[str, Variable], about: Mapping[str, str]
) -> None:
    for name, variable in variables.items():
        shape = tuple(dimensions[d] for d in variable.dimensions)
        if variable.data.shape != shape:
            raise ValueError(f"{name}: data of shape {variable.data.shape} for dimensions of {shape}")
    begin = len(_header(dimensions, variables, about, 0))
    with store.building(path) as file:
        file.write(_header(dimensions, variables, about, begin))
        for variable in variables.values():
            data = np.ascontiguousarray(variable.data, dtype=TYPES[variable.code])
            file.write(data.data if data.dtype.kind != "S" else data.tobytes())
            file.write(b"\0" * (variable.size - data.nbytes))


def read(path: Path) -> tuple[dict[str, int], dict[str, Variable], dict[str, str]]:
    """Dimensions, variables (views of the mapped file, big-endian), attributes; ValueError for a damaged file."""
    with open(path, "rb") as file:
        if file.read(4) != MAGIC:
            raise ValueError("not a netCDF-3 file with 64-bit offsets")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        return _Reader(mapped).read()
    except (struct.error, IndexError, KeyError, UnicodeDecodeError, OverflowError) as error:
        raise ValueError("the header is damaged or cut short") from error


def _header(
    dimensions: Mapping[str, int], variables: Mapping[str, Variable], about: Mapping[str, str], begin: int
) -> bytes:
    place = {name: i for i, name in enumerate(dimensions)}
    parts = [MAGIC, struct.pack(">i", 0), _list(DIMENSION, len(dimensions))]
    for name, length in dimensions.items():
        parts += [_text(name), struct.pack(">i", length)]
    parts += [_attributes(about), _list(VARIABLE, len(variables))]
    for name, variable in variables.items():
        ids = [place[d] for d in variable.dimensions]
        parts += [_text(name), struct.pack(f">{1 + len(ids)}i", len(ids), *ids), _attributes(variable.attributes)]
        parts.append(struct.pack(">iIq", variable.code, min(variable.size, BIGGEST), begin))
        begin += variable.size
    return b"".join(parts)


def _list(tag: int, count: int) -> bytes:
    return struct.pack(">ii", tag if count else 0, count)


def _text(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack(">i", len(data)) + data + b"\0" * (-len(data) % 4)


def _attributes(attributes: Mapping[str, str]) -> bytes:
    parts = [_list(ATTRIBUTE, len(attributes))]
    for name, text in attributes.items():
        parts += [_text(name), struct.pack(">i", CHAR), _text(text)]
    return b"".join(parts)


class _Reader:
    def __init__(self, mapped: mmap.mmap) -> None:
        self.mapped, self.at = mapped, 4

    def read(self) -> tuple[dict[str, int], dict[str, Variable], dict[str, str]]:
        self.numbers("i")
        dimensions = {}
        for _ in range(self.list(DIMENSION)):
            name = self.text()
            (dimensions[name],) = self.numbers("i")
        about = self.attributes()
        variables = {}
        for _ in range(self.list(VARIABLE)):
            name = self.text()
            (rank,) = self.numbers("i")
            names = tuple(list(dimensions)[i] for i in self.numbers(f"{rank}i"))
            attributes = self.attributes()
            code, _, begin = self.numbers("iIq")
            variables[name] = Variable(names, self.data(code, begin, [dimensions[d] for d in names]), attributes)
        return dimensions, variables, about

    def data(self, code: int, begin: int, shape: Sequence[int]) -> np.ndarray:
        count = math.prod(shape)
        if begin + count * TYPES[code].itemsize > len(self.mapped):
            raise ValueError(f"the file ends after {len(self.mapped)} bytes, within its data")
        return np.frombuffer(self.mapped, TYPES[code], count, begin).reshape(shape)

    def numbers(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(">" + layout, self.mapped, self.at)
        self.at += struct.calcsize(">" + layout)
        return values

    def text(self) -> str:
        (length,) = self.numbers("i")
        start, self.at = self.at, self.at + length + -length % 4
        if length < 0 or self.at > len(self.mapped):
            raise IndexError(length)
        return self.mapped[start : start + length].decode("utf-8")

    def list(self, tag: int) -> int:
        found, count = self.numbers("ii")
        if found != (tag if count else 0) or count < 0:
            raise KeyError(found)
        return count

    def attributes(self) -> dict[str, str]:
        found = {}
        for _ in range(self.list(ATTRIBUTE)):
            name = self.text()
            if self.numbers("i") != (CHAR,):
                raise KeyError(name)
            found[name] = self.text()
        return found
