# Licensed under a 3-clause BSD style license - see LICENSE
"""Rows as bytes, a block of rows at a time, without a loop over rows."""

from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa

from .catalogue import STRINGS

__all__ = ["binary_blocks", "column_values", "tabledata_blocks"]

BLOCK_ROWS = 16_384
_BIG_ENDIAN = {"short": ">i2", "int": ">i4", "long": ">i8", "float": ">f4", "double": ">f8"}


def binary_blocks(result, *, null_flags=False):
    """
    Rows in VOTable's BINARY (or, with null flags, BINARY2) serialization.

    Parameters
    ----------
    result : Result
        ``result.rows`` is an Arrow table, ``result.columns`` says each column's datatype.
    null_flags : bool
        Whether each row begins with one bit a column that is set where the value is null.

    Yields
    ------
    bytes
    """
    for block in _blocks(result.rows):
        yield _binary_block(block, result.columns, null_flags)


def _blocks(rows):
    for start in range(0, rows.num_rows, BLOCK_ROWS):
        yield [_whole(column.slice(start, BLOCK_ROWS)) for column in rows.columns]


def _whole(column):
    """One contiguous Arrow array of a piece of a column."""
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def _binary_block(arrays, columns, null_flags):
    count = len(arrays[0])
    pieces, lengths = (
        [],
        [],
    )  # per column: bytes in a matrix, and how many of each line count (None: all)
    if null_flags:
        flags = np.stack([nulls_of(array) for array in arrays], axis=1)
        pieces.append(np.packbits(flags, axis=1))
        lengths.append(None)
    for array, column in zip(arrays, columns, strict=True):
        if column.datatype in STRINGS:
            wide = column.datatype == "unicodeChar"
            text, length = _text_matrix(_utf16(array) if wide else array)
            pieces += [(length // (1 + wide)).astype(">i4").view(np.uint8).reshape(count, 4), text]
            lengths += [None, None if (length == text.shape[1]).all() else length]
        elif column.datatype == "boolean":
            letters = np.where(_bits(array, 1), ord("T"), ord("F")).astype(np.uint8)
            letters[nulls_of(array)] = ord("?")
            pieces.append(letters.reshape(count, 1))
            lengths.append(None)
        else:
            values = column_values(array, column).astype(_BIG_ENDIAN[column.datatype])
            pieces.append(values.view(np.uint8).reshape(count, -1))
            lengths.append(None)
    matrix = np.concatenate(pieces, axis=1)
    if all(length is None for length in lengths):
        return matrix.tobytes()
    return matrix[_counted(matrix.shape, pieces, lengths)].tobytes()


def _counted(shape, pieces, lengths):
    """Which bytes of the padded matrix belong to the rows."""
    counted = np.ones(shape, dtype=bool)
    start = 0
    for piece, length in zip(pieces, lengths, strict=True):
        width = piece.shape[1]
        if length is not None:
            counted[:, start : start + width] = np.arange(width) < length[:, None]
        start += width
    return counted


def _bits(array, buffer):
    """A bitmap of an Arrow array as truth values."""
    bits = np.unpackbits(np.frombuffer(array.buffers()[buffer], dtype=np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].astype(bool)


def nulls_of(array):
    """Where an Arrow array is null. (Arrow's own functions would import pandas.)"""
    if array.null_count == 0:
        return np.zeros(len(array), dtype=bool)
    return ~_bits(array, 0)


def column_values(array, column):
    """Numbers or truth values of a column, with what stands for NULL in the place of nulls."""
    if column.datatype == "boolean":
        return _bits(array, 1) & ~nulls_of(array)
    kind = np.dtype(_BIG_ENDIAN[column.datatype]).newbyteorder("=")
    values = np.frombuffer(array.buffers()[1], dtype=kind)[array.offset : array.offset + len(array)]
    if array.null_count:
        values = np.where(
            nulls_of(array), kind.type(np.nan if column.null is None else column.null), values
        )
    return values


def _utf16(array):
    """Strings as VOTable's unicodeChar has them: two bytes a character."""
    texts = [b"" if text is None else text.encode("utf-16-be") for text in array.to_pylist()]
    offsets = np.zeros(len(texts) + 1, dtype=np.int32)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return pa.Array.from_buffers(
        pa.binary(), len(texts), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(texts))]
    )


def _text_matrix(array):
    """Bytes of strings, padded to the longest, and their lengths."""
    _, offsets, data = array.buffers()
    offsets = np.frombuffer(offsets, dtype=np.int32)[array.offset : array.offset + len(array) + 1]
    lengths = np.where(nulls_of(array), 0, np.diff(offsets))
    width = int(lengths.max(initial=0))
    if width == 0:
        return np.zeros((len(array), 0), dtype=np.uint8), lengths
    data = np.frombuffer(data, dtype=np.uint8)
    if (lengths == width).all():
        return data[offsets[0] : offsets[-1]].reshape(len(array), width), lengths
    places = np.minimum(offsets[:-1, None] + np.arange(width, dtype=np.int32), len(data) - 1)
    return data[places], lengths


def tabledata_blocks(result):
    """Rows as VOTable's TABLEDATA; nulls are empty cells."""
    for block in _blocks(result.rows):
        cells = [_cell_texts(array) for array in block]
        rows = ("</TD><TD>".join(row) for row in zip(*cells, strict=True))
        yield "".join(f"<TR><TD>{row}</TD></TR>\n" for row in rows).encode()


def _cell_texts(array):
    if pa.types.is_floating(array.type):
        return [
            ""
            if value is None
            else repr(value)
            if array.type != pa.float32()
            else str(np.float32(value))
            for value in array.to_pylist()
        ]
    if pa.types.is_boolean(array.type):
        return ["" if value is None else "T" if value else "F" for value in array.to_pylist()]
    return ["" if value is None else escape(str(value)) for value in array.to_pylist()]
