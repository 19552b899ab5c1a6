# Licensed under a 3-clause BSD style license - see LICENSE
"""Rows of VOTable BINARY and BINARY2 to columns: one walk for the offsets, then one gather a column.

Layout: VOTable 1.4 (Ochsenbein et al. 2019), sections 5.3 and 5.4: big-endian values in the order of
the FIELDs, variable-length ones behind a four-byte length; BINARY2 puts a null flag a field before each row.
"""

import re
import struct
from array import array
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidFileError

__all__ = ["decode_rows", "is_supported"]

_DTYPES = {
    "boolean": "u1",
    "unsignedByte": "u1",
    "short": ">i2",
    "int": ">i4",
    "long": ">i8",
    "float": ">f4",
    "double": ">f8",
}
_CHARACTERS = {"char": 1, "unicodeChar": 2}
_TRUE, _FALSE, _NULL = (np.frombuffer(c, "u1") for c in (b"Tt1", b"Ff0", b"\0 ?"))
# A column of strings is made as one matrix, unless a few long ones would make that matrix huge.
_MATRIX_BYTES = 64_000_000
_SHORT_RUN, _LONGEST_RUN = 20, 512


@dataclass
class _Layout:
    kind: str  # a VOTable datatype
    itemsize: int  # bytes an element
    count: int | None  # elements; None where they vary
    shape: tuple = ()  # of one row

    @property
    def size(self):
        return self.itemsize * self.count


def is_supported(field):
    """Whether the fast decoder takes columns of this `Field`."""
    return _layout(field) is not None


def _layout(field):
    size = (field.arraysize or "").strip()
    if field.datatype in _CHARACTERS:
        if re.fullmatch(r"\d*\*", size):
            return _Layout(field.datatype, _CHARACTERS[field.datatype], None)
        if re.fullmatch(r"\d*", size) and size != "0":
            return _Layout(field.datatype, _CHARACTERS[field.datatype], int(size or 1))
        return None
    if field.datatype not in _DTYPES or not re.fullmatch(r"(\d+(x\d+)*)?", size):
        return None
    if (
        field.null is not None
        and not re.fullmatch(r"\s*[-+]?\d+\s*", field.null)
        and field.datatype not in ("float", "double")
    ):
        return None
    if field.null is not None and field.datatype in ("float", "double", "boolean"):
        return None  # a null value that is a number: rare enough for astropy
    shape = tuple(int(n) for n in reversed(size.split("x"))) if size else ()
    shape = () if shape == (1,) else shape
    itemsize = np.dtype(_DTYPES[field.datatype]).itemsize
    if 0 in shape:
        return None
    return _Layout(field.datatype, itemsize, int(np.prod(shape, dtype=int)), shape)


def decode_rows(fields, raw, *, binary2):
    """
    Decode the rows of a BINARY or BINARY2 stream.

    Parameters
    ----------
    fields : list of Field
        All of them `is_supported`.
    raw : bytes-like
        The stream, base64 taken off.
    binary2 : bool
        Whether each row starts with null flags.

    Returns
    -------
    num_rows : int
    columns : list of (`~numpy.ndarray`, `~numpy.ndarray` or None)
        Data and mask of each column.

    Raises
    ------
    InvalidFileError
        If the bytes are not a whole number of rows.
    """
    layouts = [_layout(field) for field in fields]
    flags = (len(fields) + 7) // 8 if binary2 else 0
    if not raw or not fields:
        return 0, [_empty(layout) for layout in layouts]
    starts = _field_starts(layouts, raw, flags)
    raw = np.frombuffer(raw, dtype="u1")
    null_flags = _null_flags(raw, starts[0] - flags, flags, len(fields)) if binary2 else None
    columns = []
    for i, (field, layout) in enumerate(zip(fields, layouts, strict=True)):
        if layout.kind in _CHARACTERS:
            columns.append((_strings(raw, starts[i], layout), None))
            continue
        data, mask = _numbers(raw, starts[i], field, layout)
        if null_flags is not None:
            flagged = null_flags[:, i].reshape((-1,) + (1,) * len(layout.shape))
            mask = (
                mask | flagged if mask is not None else np.broadcast_to(flagged, data.shape).copy()
            )
        columns.append((data, mask if mask is not None and mask.any() else None))
    return len(starts[0]), columns


def _empty(layout):
    if layout.kind in _CHARACTERS:
        return np.zeros(0, dtype="U1"), None
    dtype = bool if layout.kind == "boolean" else np.dtype(_DTYPES[layout.kind]).newbyteorder("=")
    return np.zeros((0, *layout.shape), dtype=dtype), None


def _field_starts(layouts, raw, flags):
    """Where each field of each row begins: one integer array a field."""
    gaps, varying, gap = [], [], flags
    for layout in layouts:
        if layout.count is None:
            gaps.append(gap)
            varying.append(layout.itemsize)
            gap = 0
        else:
            gap += layout.size
    if varying:
        marks = _walk(raw, gaps, varying, gap)
        position = marks[:, 0] - gaps[0] + flags
    else:
        if len(raw) % gap:
            raise InvalidFileError("The answer ends within a row.")
        position = np.arange(0, len(raw), gap) + flags
    return _spread(layouts, np.frombuffer(raw, "u1"), position)


def _spread(layouts, raw, position):
    starts = []
    for layout in layouts:
        starts.append(position)
        if layout.count is None:
            position = position + 4 + _lengths(raw, position) * layout.itemsize
        else:
            position = position + layout.size
    return starts


def _walk(raw, gaps, sizes, tail):
    """Positions of the length words, row by row: the one thing that has to be done in sequence."""
    marks = array("q")
    mark, length_at, end, position = marks.append, struct.Struct(">I").unpack_from, len(raw), 0
    try:
        if len(gaps) == 1:
            marks, position = _walk_runs(raw, gaps[0], sizes[0], gaps[0] + tail + 4)
        else:
            steps = list(zip(gaps, sizes, strict=True))
            while position < end:
                for gap, size in steps:
                    position += gap
                    mark(position)
                    position += length_at(raw, position)[0] * size + 4
                position += tail
    except struct.error as error:
        raise InvalidFileError("The answer ends within a row.") from error
    if position != end:
        raise InvalidFileError("The answer ends within a row.")
    return np.frombuffer(marks, dtype="i8").reshape(-1, len(gaps))


def _walk_runs(raw, gap, size, step):
    """The same for one length word a row, many rows at a time where these have one length."""
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
        if run < _SHORT_RUN:  # of many lengths: these are walked faster one by one
            last = min(end + gap, position + 50 * stride)
            while position < last:
                marks.append(position)
                position += length_at(raw, position)[0] * size + step
    return marks, position - gap


def _gather(raw, starts, size):
    """The bytes [start, start + size) of each row: shape (rows, size)."""
    if not len(starts):
        return np.zeros((0, size), "u1")
    windows = np.lib.stride_tricks.sliding_window_view(raw, size)
    return windows[starts]


def _lengths(raw, starts):
    return _gather(raw, starts, 4).view(">u4")[:, 0].astype("i8")


def _null_flags(raw, starts, flags, num_fields):
    return np.unpackbits(_gather(raw, starts, flags), axis=1)[:, :num_fields].astype(bool)


def _numbers(raw, starts, field, layout):
    cells = np.ascontiguousarray(_gather(raw, starts, layout.size))
    if layout.kind == "boolean":
        data = np.isin(cells, _TRUE)
        mask = np.isin(cells, _NULL)
        if not (data | mask | np.isin(cells, _FALSE)).all():
            raise InvalidFileError(f"The column {field.name} holds what is no boolean.")
        return data.reshape(-1, *layout.shape), mask.reshape(-1, *layout.shape)
    dtype = np.dtype(_DTYPES[layout.kind])
    data = cells.view(dtype).astype(dtype.newbyteorder("=")).reshape(-1, *layout.shape)
    if data.dtype.kind == "f":
        return data, np.isnan(data)
    return data, data == int(field.null) if field.null is not None else None


def _strings(raw, starts, layout):
    if layout.count is None:
        lengths = _lengths(raw, starts)
        starts = starts + 4
    else:
        lengths = np.full(len(starts), layout.count)
    longest = int(lengths.max(initial=0))
    if longest == 0:
        return np.full(len(starts), "", dtype="U1")
    if longest * len(starts) > max(_MATRIX_BYTES, 8 * len(raw)):
        return _decoded(raw, starts, lengths, layout)
    codes = _character_matrix(raw, starts, lengths, longest, layout)
    wide = codes.dtype.itemsize == 2
    if (wide and ((codes >= 0xD800) & (codes < 0xE000)).any()) or (
        not wide and (codes >= 0x80).any()
    ):
        return _decoded(raw, starts, lengths, layout)
    if not codes.all():
        codes = _ended_at_zero(codes, lengths, layout)
        if codes is None:
            return _decoded(raw, starts, lengths, layout)
    return np.ascontiguousarray(codes, dtype="u4").view(f"U{longest}")[:, 0]


def _character_matrix(raw, starts, lengths, longest, layout):
    """Code units, one row a string, zeros behind the end of each."""
    size = longest * layout.itemsize
    room = len(raw) - int(starts.max())
    if room < size:  # the last strings are shorter than the longest
        raw = np.concatenate([raw, np.zeros(size - room, "u1")])
    cells = np.ascontiguousarray(_gather(raw, starts, size))
    codes = cells if layout.itemsize == 1 else cells.view(">u2").astype("u2")
    if (lengths != longest).any():
        codes[np.arange(longest)[None, :] >= lengths[:, None]] = 0
    return codes


def _ended_at_zero(codes, lengths, layout):
    """A fixed-length string ends at its first zero; a varying one that holds a zero is left to Python."""
    zeros = codes == 0
    if layout.count is None:
        inside = zeros & (np.arange(codes.shape[1])[None, :] < lengths[:, None])
        return None if inside.any() else codes
    codes[np.maximum.accumulate(zeros, axis=1)] = 0
    return codes


def _decoded(raw, starts, lengths, layout):
    """Strings one by one: text beyond ASCII, and columns where few are very long."""
    encoding = "utf-8" if layout.itemsize == 1 else "utf-16-be"
    data, out = raw.tobytes(), np.empty(len(starts), dtype=object)
    for i, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        cell = data[start : start + length * layout.itemsize]
        try:
            text = cell.decode(encoding)
        except UnicodeDecodeError:
            text = cell.decode("latin-1" if layout.itemsize == 1 else encoding, "replace")
        out[i] = text.partition("\0")[0] if layout.count is not None else text
    longest = max(map(len, out), default=0)
    short = longest * 4 * len(out) <= max(_MATRIX_BYTES, 8 * len(raw))
    return (
        out.astype(f"U{max(1, longest)}")
        if short and not any(t.endswith("\0") for t in out)
        else out
    )
