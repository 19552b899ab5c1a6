# Licensed under a 3-clause BSD style license - see LICENSE
"""Rows of VOTable BINARY and BINARY2 to columns: one walk for the offsets, one gather per column.

Layout (VOTable 1.4, Ochsenbein et al. 2019, sections 5.3 and 5.4): the values of the FIELDs in
their order, big-endian; those of varying length follow a four-byte length; in BINARY2 a row starts
with one null flag per field. `astropy.io.votable` reads value by value, ten times slower.
"""

import math
import re
import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidFileError

ColumnData = tuple[np.ndarray, np.ndarray | None]  # values and mask; None where none is masked
Buffer = bytes | bytearray

_DTYPES = {
    "boolean": "u1",
    "unsignedByte": "u1",
    "short": ">i2",
    "int": ">i4",
    "long": ">i8",
    "float": ">f4",
    "double": ">f8",
}
_CHARACTERS = {"char": 1, "unicodeChar": 2}  # bytes per code unit, of UTF-8 and UTF-16
_TRUE, _FALSE, _NULL = (np.frombuffer(c, "u1") for c in (b"Tt1", b"Ff0", b"\0 ?"))
# A column of strings is decoded as one matrix of characters, as wide as the longest, unless a few
# long strings would make that matrix larger than this (and than 8 times the answer).
_MATRIX_BYTES = 64_000_000
# Strings of one length often follow each other (names, dates): their rows are walked many at a
# time, in pieces of _LONGEST_RUN. For runs below _SHORT_RUN numpy's overhead exceeds the gain.
_SHORT_RUN, _LONGEST_RUN = 20, 512


@dataclass(frozen=True)
class Field:
    """A FIELD of a VOTable: the name of a column, and how it is encoded."""

    name: str
    datatype: str = "char"
    arraysize: str | None = None
    unit: str | None = None
    ucd: str | None = None
    utype: str | None = None
    xtype: str | None = None
    null: str | None = None
    description: str = ""


@dataclass
class _Layout:
    kind: str  # a VOTable datatype
    itemsize: int  # bytes per element
    count: int | None  # elements per row; None where it varies
    shape: tuple[int, ...] = ()  # of the elements of one row

    @property
    def size(self) -> int:
        return self.itemsize * (self.count or 0)


def is_supported(field: Field) -> bool:
    """Tell whether `decode_rows` takes columns of this field."""
    return _layout(field) is not None


def _layout(field: Field) -> _Layout | None:
    """Return how a field is laid out; None for what is rare enough to be left to astropy."""
    kind, size = field.datatype, (field.arraysize or "").strip()
    if kind in _CHARACTERS:
        if re.fullmatch(r"\d*\*", size):
            return _Layout(kind, _CHARACTERS[kind], None)
        fixed = re.fullmatch(r"\d*", size) and size != "0"
        return _Layout(kind, _CHARACTERS[kind], int(size or 1)) if fixed else None
    if kind not in _DTYPES or not re.fullmatch(r"(\d+(x\d+)*)?", size):
        return None
    if field.null is not None and (
        kind in ("float", "double", "boolean") or not re.fullmatch(r"\s*[-+]?\d+\s*", field.null)
    ):
        return None
    # The first number varies fastest in a VOTable, and the last one in numpy.
    shape = tuple(int(n) for n in reversed(size.split("x"))) if size else ()
    shape = () if shape == (1,) else shape
    itemsize = np.dtype(_DTYPES[kind]).itemsize
    return _Layout(kind, itemsize, math.prod(shape), shape) if 0 not in shape else None


def decode_rows(
    fields: Sequence[Field], raw: Buffer, *, binary2: bool
) -> tuple[int, list[ColumnData]]:
    """
    Decode a BINARY or BINARY2 stream, after base64, to the number of rows and the columns.

    All fields must be supported. Raise `InvalidFileError` where the bytes are not whole rows.
    """
    if not fields:
        return 0, []
    layouts = [layout for field in fields if (layout := _layout(field))]
    flag_bytes = (len(fields) + 7) // 8 if binary2 else 0
    starts = _field_starts(layouts, raw, flag_bytes)
    data, flags = np.frombuffer(raw, dtype="u1"), None
    if binary2:
        bits = np.unpackbits(_gather(data, starts[0] - flag_bytes, flag_bytes), axis=1)
        flags = bits.astype(bool)
    columns: list[ColumnData] = []
    for i, (field, layout) in enumerate(zip(fields, layouts, strict=True)):
        if layout.kind in _CHARACTERS:  # a null string is an empty one, as in BINARY
            columns.append((_strings(data, starts[i], layout), None))
            continue
        values, mask = _numbers(data, starts[i], field, layout)
        if flags is not None:
            flagged = flags[:, i].reshape((-1,) + (1,) * len(layout.shape))
            mask = np.broadcast_to(flagged, values.shape).copy() if mask is None else mask | flagged
        columns.append((values, mask if mask is not None and mask.any() else None))
    return len(starts[0]), columns


def _field_starts(layouts: list[_Layout], raw: Buffer, flag_bytes: int) -> list[np.ndarray]:
    """Return where each field begins: per field, one position per row."""
    # Bytes before each length word, bytes per element that it counts, bytes behind the last one
    gaps, sizes, gap = [], [], flag_bytes
    for layout in layouts:
        if layout.count is None:
            gaps.append(gap)
            sizes.append(layout.itemsize)
            gap = 0
        else:
            gap += layout.size
    if gaps:
        position = _walk(raw, gaps, sizes, gap) - gaps[0] + flag_bytes
    elif len(raw) % gap:
        raise InvalidFileError("The answer ends within a row.")
    else:
        position = np.arange(0, len(raw), gap) + flag_bytes
    data, starts = np.frombuffer(raw, "u1"), []
    for layout in layouts:
        starts.append(position)
        if layout.count is None:
            position = position + 4 + _lengths(data, position) * layout.itemsize
        else:
            position = position + layout.size
    return starts


def _walk(raw: Buffer, gaps: list[int], sizes: list[int], tail: int) -> np.ndarray:
    """Return the position of the first length word of each row: the start depends on all before."""
    marks = array("q")
    mark, length_at, end, position = marks.append, struct.Struct(">I").unpack_from, len(raw), 0
    try:
        if len(gaps) == 1:
            marks, position = _walk_runs(raw, gaps[0], sizes[0], gaps[0] + tail + 4)
        else:
            steps = list(zip(gaps, sizes, strict=True))
            while position < end:
                mark(position + gaps[0])
                for gap, size in steps:
                    position += gap
                    position += length_at(raw, position)[0] * size + 4
                position += tail
    except struct.error as error:
        raise InvalidFileError("The answer ends within a row.") from error
    if position != end:
        raise InvalidFileError("The answer ends within a row.")
    return np.frombuffer(marks, dtype="i8")


def _walk_runs(raw: Buffer, gap: int, size: int, step: int) -> tuple[array, int]:
    """Walk rows with one length word each, many at a time where these are equal."""
    marks, length_at, end, position = array("q"), struct.Struct(">I").unpack_from, len(raw), gap
    while position < end + gap:
        length = length_at(raw, position)[0]
        stride = length * size + step
        most = min(_LONGEST_RUN, (end - 4 - position) // stride + 1)
        words = np.ndarray(most, ">u4", raw, position, (stride,))
        other = words != length
        run = int(other.argmax()) if other.any() else most
        marks.frombytes((position + stride * np.arange(run)).tobytes())
        position += stride * run
        if run < _SHORT_RUN:  # about the next 50 rows are walked faster one by one
            last = min(end + gap, position + 50 * stride)
            while position < last:
                marks.append(position)
                position += length_at(raw, position)[0] * size + step
    return marks, position - gap


def _gather(data: np.ndarray, starts: np.ndarray, size: int) -> np.ndarray:
    """Return the bytes [start, start + size) of each row: shape (rows, size)."""
    if not len(starts):
        return np.zeros((0, size), "u1")
    return np.lib.stride_tricks.sliding_window_view(data, size)[starts]


def _lengths(data: np.ndarray, starts: np.ndarray) -> np.ndarray:
    return _gather(data, starts, 4).view(">u4")[:, 0].astype("i8")


def _numbers(data: np.ndarray, starts: np.ndarray, field: Field, layout: _Layout) -> ColumnData:
    """Return the values of a field of numbers or booleans, masked by its null value, NaN or '?'."""
    cells = np.ascontiguousarray(_gather(data, starts, layout.size))
    shape = (-1, *layout.shape)
    if layout.kind == "boolean":
        true, null = np.isin(cells, _TRUE), np.isin(cells, _NULL)
        if not (true | null | np.isin(cells, _FALSE)).all():
            raise InvalidFileError(f"The column {field.name} holds a value that is not a boolean.")
        return true.reshape(shape), null.reshape(shape)
    dtype = np.dtype(_DTYPES[layout.kind])
    values = cells.view(dtype).astype(dtype.newbyteorder("=")).reshape(shape)
    if values.dtype.kind == "f":
        return values, np.isnan(values)
    return values, values == int(field.null) if field.null is not None else None


def _strings(data: np.ndarray, starts: np.ndarray, layout: _Layout) -> np.ndarray:
    """Return the texts of a field: as one matrix of characters, or one by one where that fails."""
    if layout.count is None:
        lengths = _lengths(data, starts)
        starts = starts + 4
    else:
        lengths = np.full(len(starts), layout.count)
    longest = int(lengths.max(initial=0))
    if longest == 0:
        return np.full(len(starts), "", dtype="U1")
    if longest * len(starts) > max(_MATRIX_BYTES, 8 * len(data)):
        return _decode_each(data, starts, lengths, layout)
    # The code units, one string per row, filled up with zeros to the longest
    size = longest * layout.itemsize
    missing = int(starts.max()) + size - len(data)  # where the last strings are shorter
    padded = np.concatenate([data, np.zeros(missing, "u1")]) if missing > 0 else data
    codes = np.ascontiguousarray(_gather(padded, starts, size))
    codes = codes if layout.itemsize == 1 else codes.view(">u2").astype("u2")
    if (lengths != longest).any():
        codes[np.arange(longest) >= lengths[:, None]] = 0
    if layout.itemsize == 1:
        special = codes >= 0x80  # beyond ASCII: several bytes per character
    else:
        special = (codes >= 0xD800) & (codes < 0xE000)  # surrogates: two units per character
    if special.any():
        return _decode_each(data, starts, lengths, layout)
    if not codes.all():
        zeros = codes == 0
        if layout.count is not None:  # a string of fixed length ends at its first zero
            codes[np.maximum.accumulate(zeros, axis=1)] = 0
        elif (zeros & (np.arange(longest) < lengths[:, None])).any():  # numpy may drop them
            return _decode_each(data, starts, lengths, layout)
    return np.ascontiguousarray(codes, dtype="u4").view(f"U{longest}")[:, 0]


def _decode_each(
    data: np.ndarray, starts: np.ndarray, lengths: np.ndarray, layout: _Layout
) -> np.ndarray:
    """Decode strings one by one: text beyond ASCII, and columns in which a few are very long."""
    encoding = "utf-8" if layout.itemsize == 1 else "utf-16-be"
    raw, out = data.tobytes(), np.empty(len(starts), dtype=object)
    for i, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        cell = raw[start : start + length * layout.itemsize]
        try:
            text = cell.decode(encoding)
        except UnicodeDecodeError:  # some servers send latin-1
            text = cell.decode("latin-1" if layout.itemsize == 1 else encoding, "replace")
        out[i] = text.partition("\0")[0] if layout.count is not None else text
    longest = max(map(len, out), default=0)
    fits = longest * 4 * len(out) <= max(_MATRIX_BYTES, 8 * len(raw))
    if fits and not any(text.endswith("\0") for text in out):  # numpy would drop these zeros
        return out.astype(f"U{max(1, longest)}")
    return out
