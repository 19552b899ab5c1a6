# Licensed under a 3-clause BSD style license - see LICENSE
"""What FITS and VOTable share: columns as flat arrays with nulls, and the notes that undo it."""

import numpy as np

from .columns import PlainColumn, json_cells, restore_json

__all__ = ["MASK_SUFFIX", "decode_column", "encode_column"]

MASK_SUFFIX = ".mask"

# What these formats have no word for is written as the next wider type.
_WIDER = {"i1": "i2", "u2": "i4", "u4": "i8", "f2": "f4"}
_AS_TEXT = {"u8", "f16", "c16", "c8", "c32"}


def encode_column(column):
    """
    Turn a column into what FITS and VOTable hold.

    Masked cells get the null of their type. Where a cell that is not masked
    equals that null, the mask becomes a column of its own.

    Returns
    -------
    values : array
        Numbers, truth values or text; lists of numbers as an object array.
    hidden : array of bool, or None
        The column `MASK_SUFFIX`, where it is needed.
    schema : dict
        The column's schema, with ``encoding`` and ``null`` added where they are needed.
    """
    schema = dict(column.schema)
    mask = column.mask
    if _needs_json(column):
        schema["encoding"] = "json"
        return json_cells(column), mask, schema
    if column.is_list:
        return _encode_lists(column), mask, schema
    values = column.values
    wider = _WIDER.get(values.dtype.str[1:])
    values = values.astype(wider) if wider else values
    if mask is None:
        return values, None, schema
    null = _null(values, mask)
    schema["null"] = null if not isinstance(null, float) else None
    hidden = mask if null is None or (_is_null(values, null) & ~mask).any() else None
    filler = np.zeros(1, values.dtype)[0] if null is None else null
    return np.where(mask, filler, values).astype(values.dtype), hidden, schema


def _needs_json(column):
    dtype = np.dtype(column.schema["dtype"])
    if dtype.kind not in "SU" and dtype.str[1:] not in _AS_TEXT and len(column.values):
        return False
    if column.is_list or column.values.ndim > 1:
        return True
    if dtype.kind not in "SU":
        return dtype.str[1:] in _AS_TEXT
    return any(
        not (text.isascii() and text.isprintable()) or text.endswith(" ")
        for text in column.values.tolist()
    )


def _encode_lists(column):
    values = column.filled(None)
    wider = _WIDER.get(column.schema["dtype"][1:])
    if wider:
        values = values.copy()
        for row, cell in enumerate(values):
            values[row] = cell.astype(wider)
    return values


def _null(values, mask):
    """Return a value for masked cells, one that no other cell has if there is one; None for truth values."""
    kind = values.dtype.kind
    if kind == "f":
        return float("nan")
    if kind == "U":
        return ""
    if kind == "b":
        return None
    lowest = int(np.iinfo(values.dtype).min)
    highest = int(np.iinfo(values.dtype).max)
    return lowest if not (values[~mask] == lowest).any() else highest


def _is_null(values, null):
    return np.isnan(values) if isinstance(null, float) else values == null


def decode_column(values, hidden, schema):
    """Undo `encode_column`."""
    if schema.get("encoding") == "json":
        values = restore_json([str(text) for text in values], schema)
    mask = hidden
    if schema["masked"] and mask is None:
        null = schema.get("null")
        mask = _is_null(values, float("nan") if null is None and values.dtype.kind == "f" else null)
    return PlainColumn(values, mask if schema["masked"] else None, schema)
