# Licensed under a 3-clause BSD style license - see LICENSE
"""Columns of astropy tables as Arrow arrays, which DuckDB takes and returns, and those as numpy's.

Both ways go through the memory of the arrays (https://arrow.apache.org/docs/format/Columnar.html):
pyarrow's own conversions would import pandas first, and a loop over rows would be slow.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy.table import Column, Table

from .metadata import STRINGS

# VOTable has no signed bytes and no wider unsigned integers: they become the next wider type.
_INTEGERS = {"i1": "i2", "u1": "i2", "i2": "i2", "u2": "i4", "i4": "i4"}

# fmt: off
ARROW_TYPES = {
    "short": pa.int16(), "int": pa.int32(), "long": pa.int64(), "float": pa.float32(),
    "double": pa.float64(), "char": pa.string(), "unicodeChar": pa.string(), "boolean": pa.bool_(),
}
# fmt: on
_DATATYPES = {kind: name for name, kind in ARROW_TYPES.items() if name not in STRINGS} | {
    pa.int8(): "short",
    pa.uint8(): "short",
    pa.uint16(): "int",
}


def arrow_table(table: Table) -> pa.Table:
    """
    Turn a table into Arrow, with lower-case names. NaN and masked entries are null, as at HEASARC.

    Columns that hold anything but one number, truth value or string per row are left out.
    """
    arrays = {column.info.name.lower(): _arrow_array(column) for column in table.itercols()}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    return pa.Table.from_arrays(list(arrays.values()), names=list(arrays))


def _arrow_array(column: Column) -> pa.Array | None:
    has_unit = column.info.unit is not None
    values = np.ma.asarray(getattr(column, "value", column) if has_unit else column)
    if values.ndim != 1:
        return None
    data, mask = np.asarray(values.data), np.ma.getmaskarray(values)
    kind = data.dtype.kind
    if kind == "O" and all(item is None or isinstance(item, str) for item in data):
        return pa.array(data.tolist(), type=pa.string(), mask=mask)
    if kind in "US":
        return _arrow_strings(data, mask)
    if kind == "b":
        return _from_memory(np.packbits(data, bitorder="little"), mask, pa.bool_())
    if kind == "f":
        data = data.astype(np.float32 if data.dtype.itemsize <= 4 else np.float64)
        mask = mask | np.isnan(data)
    elif kind in "iu":
        data = data.astype(_INTEGERS.get(f"{kind}{data.dtype.itemsize}", "i8"))
    else:
        return None
    return _from_memory(data, mask, pa.from_numpy_dtype(data.dtype))


def _arrow_strings(data: np.ndarray, mask: np.ndarray) -> pa.Array:
    """Turn fixed-width strings into Arrow's, without the null bytes at their ends."""
    data = np.ascontiguousarray(data if data.dtype.itemsize else data.astype("U1"))
    if data.dtype.kind == "U":
        codes = data.view(np.uint32)
        if codes.max(initial=0) < 128:  # ten times faster than encoding
            data = codes.astype(np.uint8).view(f"S{data.dtype.itemsize // 4}")
        else:
            data = np.char.encode(data, "utf-8")
    padded = _from_memory(data, mask, pa.binary(data.dtype.itemsize))
    return pc.ascii_rtrim(padded.cast(pa.string()), characters="\0")


def _from_memory(data: np.ndarray, mask: np.ndarray, kind: pa.DataType) -> pa.Array:
    """Make an Arrow array over numpy's memory: bits of valid rows, and the data."""
    valid = pa.py_buffer(np.packbits(~mask, bitorder="little")) if mask.any() else None
    return pa.Array.from_buffers(kind, len(mask), [valid, pa.py_buffer(np.ascontiguousarray(data))])


def votable_datatype(array: pa.ChunkedArray) -> str:
    """Return the VOTable datatype of a column of a result (VOTable 1.4, section 6)."""
    kind = array.type
    if kind in _DATATYPES:
        return _DATATYPES[kind]
    if pa.types.is_floating(kind) or (pa.types.is_decimal(kind) and kind.scale > 0):
        return "double"
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return "long"
    if not pa.types.is_string(kind):
        return "char"
    buffers = [chunk.buffers()[2] for chunk in array.chunks]
    largest = [np.frombuffer(buffer or b"", np.uint8).max(initial=0) for buffer in buffers]
    return "char" if max(largest, default=0) < 128 else "unicodeChar"


def nulls_of(array: pa.Array) -> np.ndarray:
    """Return where an Arrow array is null."""
    if array.null_count == 0:
        return np.zeros(len(array), dtype=bool)
    return ~bits_of(array, 0)


def bits_of(array: pa.Array, buffer: int = 1) -> np.ndarray:
    """Return a bitmap as booleans: buffer 0 says which rows are valid, 1 holds truth values."""
    bits = np.unpackbits(np.frombuffer(array.buffers()[buffer], dtype=np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].astype(bool)


def numbers_of(array: pa.Array, null: int | None) -> np.ndarray:
    """Return the numbers of an Arrow array, with a value in place of nulls: NaN, or an integer."""
    kind = array.slice(0, 0).to_numpy().dtype  # to_pandas_dtype needs pandas in older pyarrows
    values = np.frombuffer(array.buffers()[1], dtype=kind)[array.offset : array.offset + len(array)]
    if array.null_count == 0:
        return values
    return np.where(nulls_of(array), kind.type(np.nan if null is None else null), values)
