# Licensed under a 3-clause BSD style license - see LICENSE
"""Columns of astropy tables as Arrow arrays, with nulls, and what is known about them."""

import numpy as np
import pyarrow as pa

from .catalogue import ColumnInfo

__all__ = ["HEASARC_UNITS", "arrow_column", "arrow_table", "describe_column", "is_ascii"]

# astropy's spelling -> HEASARC's
HEASARC_UNITS = {
    "erg / (s cm2)": "erg/s/cm^2",
    "ct / (s cm2)": "count/s/cm^2",
    "count / (s cm2)": "count/s/cm^2",
}

_INTEGERS = {
    "i1": np.int16,
    "u1": np.int16,
    "i2": np.int16,
    "u2": np.int32,
    "i4": np.int32,
    "u4": np.int64,
    "i8": np.int64,
}


def arrow_table(table):
    """
    Turn a table into Arrow, without loops over rows.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Columns that hold anything but one number, truth value or string a row are left out.

    Returns
    -------
    `pyarrow.Table`
        With lower-case names. NaN and masked entries are null, as they are in HEASARC's database.
    """
    arrays = {}
    for column in table.itercols():
        array = arrow_column(column)
        if array is not None:
            arrays[column.info.name.lower()] = array
    return pa.Table.from_arrays(list(arrays.values()), names=list(arrays))


def arrow_column(column):
    """One column as an Arrow array, or None where it does not fit in a database."""
    values = np.ma.asarray(
        getattr(column, "value", column) if column.info.unit is not None else column
    )
    if values.ndim != 1:
        return None
    mask = np.ma.getmaskarray(values)
    data = np.ma.getdata(values)
    if data.dtype.kind == "O":
        if not all(item is None or isinstance(item, str) for item in data):
            return None
        return pa.array(data.tolist(), type=pa.string(), mask=mask)
    if data.dtype.kind in "US":
        return _strings(data, mask)
    if data.dtype.kind == "f":
        data = data.astype(np.float32 if data.dtype.itemsize <= 4 else np.float64)
        return _buffers(data, mask | np.isnan(data), pa.from_numpy_dtype(data.dtype))
    if data.dtype.kind == "b":
        return _buffers(np.packbits(data, bitorder="little"), mask, pa.bool_())
    if data.dtype.kind in "iu":
        data = data.astype(_INTEGERS.get(data.dtype.kind + str(data.dtype.itemsize), np.int64))
        return _buffers(data, mask, pa.from_numpy_dtype(data.dtype))
    return None


def _buffers(data, mask, kind, offsets=None):
    """An Arrow array over numpy's memory; pyarrow's own way would import pandas first."""
    valid = pa.py_buffer(np.packbits(~mask, bitorder="little")) if mask.any() else None
    rest = [pa.py_buffer(np.ascontiguousarray(data))]
    if offsets is not None:
        rest.insert(0, pa.py_buffer(offsets))
    return pa.Array.from_buffers(kind, len(mask), [valid, *rest])


def _strings(data, mask):
    """Fixed-width strings as Arrow strings: the padding is cut off all rows at once."""
    width = data.dtype.itemsize // (4 if data.dtype.kind == "U" else 1)
    if width == 0 or len(data) == 0:
        return _buffers(np.zeros(0, np.uint8), mask, pa.string(), np.zeros(len(data) + 1, np.int32))
    codes = np.ascontiguousarray(data).view(np.uint32 if data.dtype.kind == "U" else np.uint8)
    codes = codes.reshape(len(data), width)
    if codes.max() > 127:
        return pa.array(
            np.char.decode(data, "utf-8") if data.dtype.kind == "S" else data, mask=mask
        )
    filled = codes != 0
    # the last filled place counts: a null byte inside a string belongs to it
    lengths = np.where(filled.any(axis=1), width - filled[:, ::-1].argmax(axis=1), 0)
    lengths[mask] = 0
    kept = np.arange(width) < lengths[:, None]
    offsets = np.zeros(len(data) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return _buffers(codes[kept].astype(np.uint8), mask, pa.string(), offsets)


def is_ascii(array):
    """Whether all strings of an Arrow array are ASCII."""
    for piece in getattr(array, "chunks", [array]):
        data = piece.buffers()[2]
        if data is not None and data.size and np.frombuffer(data, dtype=np.uint8).max() > 127:
            return False
    return True


def describe_column(column, datatype, known=None):
    """
    What is known about a column.

    Parameters
    ----------
    column : column of a `~astropy.table.Table`
        Its unit, description and ``meta['ucd']`` come first.
    datatype : str
        VOTable datatype of the column as stored.
    known : ColumnInfo, optional
        What the archive knows of a column of that name, where the table does not say.

    Returns
    -------
    ColumnInfo
    """
    known = known or ColumnInfo(column.info.name.lower())
    meta = column.info.meta or {}
    unit = column.info.unit
    return ColumnInfo(
        column.info.name.lower(),
        datatype,
        known.unit if unit is None else _unit_text(unit),
        str(meta.get("ucd", "") or known.ucd),
        str(column.info.description or known.description),
        str(meta.get("precision", "") or known.precision),
        str(meta.get("width", "") or known.width),
        str(meta.get("xtype", "") or known.xtype),
        known.quoted,
    )


def _unit_text(unit):
    """The unit as HEASARC spells it where that is known, else in VOUnit spelling."""
    plain = str(unit)
    if plain in HEASARC_UNITS:
        return HEASARC_UNITS[plain]
    try:
        return unit.to_string("vounit")
    except (ValueError, AttributeError):
        return plain
