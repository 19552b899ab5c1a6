# Licensed under a 3-clause BSD style license - see LICENSE
"""Columns as plain arrays with a JSON-able description, which is what each format writes and reads."""

import json
from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.table import Column, MaskedColumn, Table

from ..errors import InvalidInputError

__all__ = [
    "SCHEMA_KEY",
    "PlainColumn",
    "json_cells",
    "json_list",
    "object_array",
    "plain_columns",
    "plain_meta",
    "restore_json",
    "restore_table",
    "restore_unit",
    "table_schema",
]

SCHEMA_KEY = "astroquery_cfx"


@dataclass
class PlainColumn:
    """
    One column: its values, what is masked, and all that is said about it.

    ``values`` is an array, or for a list column an object array of 1-D arrays of one type.
    ``mask`` has the shape of the values (one a row for a list column), or is None.
    ``schema`` is JSON-able: name, dtype (of the cells' elements), list, masked, shape (of a cell), unit,
    description, format, meta.
    """

    values: np.ndarray
    mask: np.ndarray | None
    schema: dict

    @property
    def name(self):
        return self.schema["name"]

    @property
    def is_list(self):
        return self.schema["list"]

    @property
    def unit(self):
        return restore_unit(self.schema["unit"])

    def filled(self, null):
        """Return the values with `null` where they are masked."""
        if self.mask is None or not self.mask.any():
            return self.values
        values = self.values.copy()
        if self.is_list:
            for row in np.flatnonzero(self.mask):
                values[row] = np.array([], dtype=self.schema["dtype"])
        else:
            values[self.mask] = null
        return values


def plain_columns(table):
    """Describe and unwrap each column of a table."""
    return [_plain_column(table[name], name) for name in table.colnames]


def _plain_column(column, name):
    if isinstance(column, u.Quantity):
        column = MaskedColumn(column) if hasattr(column, "mask") else Column(column)
    if not isinstance(column, Column):
        kind = type(column).__name__
        raise InvalidInputError(
            f"Column {name!r} is a {kind}, which table files do not hold.",
            remedy="turn it into columns of numbers or text first.",
        )
    masked = isinstance(column, MaskedColumn)
    mask = np.array(column.mask) if masked else None
    values = np.asarray(column.data.data if masked else column.data)
    is_list = False
    if values.dtype.kind == "O":
        values, mask, is_list = _plain_objects(values, mask, name)
    dtype = _list_dtype(values, name) if is_list else values.dtype
    if dtype.kind not in "biufcSU":
        raise InvalidInputError(
            f"Column {name!r} is of type {dtype}, which table files do not hold.",
            remedy="turn it into numbers or text first.",
        )
    if is_list:
        values = object_array([np.asarray(cell, dtype=dtype) for cell in values])
    elif not dtype.isnative:
        dtype = dtype.newbyteorder("=")
        values = values.astype(dtype)
    if dtype.kind == "S":
        values = (
            np.char.decode(values, "utf-8")
            if not is_list
            else object_array([np.char.decode(cell, "utf-8") for cell in values])
        )
    schema = {
        "name": name,
        "dtype": dtype.str,
        "list": is_list,
        "masked": mask is not None,
        "shape": list(values.shape[1:]),
        "unit": None if column.unit is None else str(column.unit),
        "description": column.description,
        "format": column.format if isinstance(column.format, str) else None,
        "meta": plain_meta(column.meta),
    }
    return PlainColumn(values, mask, schema)


def _plain_objects(values, mask, name):
    """Objects are lists, or text with None for what is masked; nothing else has a place in a file."""
    absent = np.array([cell is None or cell is np.ma.masked for cell in values], dtype=bool)
    if absent.any():
        mask = absent if mask is None else mask | absent
    known = values if mask is None else values[~mask]
    if all(isinstance(cell, str) for cell in known) and len(known):
        return np.array(["" if cell is None else str(cell) for cell in values]), mask, False
    if all(isinstance(cell, (list, tuple)) or np.ndim(cell) == 1 for cell in known):
        empty = np.array([], dtype=np.asarray(known[0]).dtype if len(known) else float)
        return (
            object_array(
                [
                    empty if mask is not None and mask[row] else np.asarray(cell)
                    for row, cell in enumerate(values)
                ]
            ),
            mask,
            True,
        )
    raise InvalidInputError(
        f"Column {name!r} holds Python objects that are neither text nor lists.",
        remedy="turn it into numbers, text, or 1-D arrays first.",
    )


def _list_dtype(cells, name):
    filled = {cell.dtype for cell in cells if cell.size}
    dtypes = filled or {cell.dtype for cell in cells} or {np.dtype(float)}
    kinds = {"text" if dtype.kind in "SU" else "number" for dtype in dtypes}
    if len(kinds) > 1:
        raise InvalidInputError(
            f"Column {name!r} holds lists of text and lists of numbers.",
            remedy="make two columns of it.",
        )
    return np.result_type(*dtypes).newbyteorder("=")


def object_array(cells):
    """Return an object array with one cell a row, whatever the cells' lengths."""
    array = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        array[row] = cell
    return array


def plain_meta(value):
    """Return meta as JSON can hold it: numbers, text, lists and dicts with text keys."""
    if isinstance(value, dict):
        return {str(key): plain_meta(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain_meta(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain_meta(value.tolist())
    if isinstance(value, np.generic):
        return plain_meta(value.item())
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def table_schema(columns, meta):
    """Return the JSON text that says what a format cannot say in its own words."""
    return json.dumps({"columns": [column.schema for column in columns], "meta": plain_meta(meta)})


def restore_unit(text):
    """Return the unit that a text names; an unknown one is kept as it is."""
    return None if text is None else u.Unit(text, parse_strict="silent")


def restore_table(columns, meta):
    """Build the table from `PlainColumn` items."""
    table = Table(meta=meta)
    for column in columns:
        table.add_column(_restore_column(column), name=column.name, copy=False)
    return table


def _restore_column(column):
    schema = column.schema
    values = column.values
    dtype = np.dtype(schema["dtype"])
    if column.is_list:
        values = object_array([_restore_values(np.asarray(cell), dtype) for cell in values])
    else:
        values = _restore_values(values, dtype)
    kind = {"unit": column.unit, **{key: schema[key] for key in ("description", "format", "meta")}}
    if not schema["masked"]:
        return Column(values, copy=False, **kind)
    mask = np.zeros(values.shape, bool) if column.mask is None else column.mask
    return MaskedColumn(values, mask=mask, copy=False, **kind)


def _restore_values(values, dtype):
    if dtype.kind == "S" and values.dtype.kind == "U":
        values = np.char.encode(values, "utf-8")
    return values.astype(dtype, copy=False)


def json_list(cell):
    """Return one cell as JSON: its list, or its one value."""
    return json.dumps(cell.tolist(), separators=(",", ":"))


def json_cells(column):
    """Return each row of a column as JSON text."""
    texts = [json_list(np.asarray(cell)) for cell in column.values]
    return np.array(texts, dtype=str if texts else "U1")


def restore_json(texts, schema):
    """Undo `json_cells`."""
    dtype = np.dtype(schema["dtype"])
    dtype = np.dtype("U") if dtype.kind == "S" else dtype
    cells = [np.array(json.loads(text), dtype=dtype) for text in texts]
    if schema["list"]:
        return object_array(cells)
    return np.array(cells, dtype=dtype).reshape(-1, *schema["shape"])
