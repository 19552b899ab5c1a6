# Licensed under a 3-clause BSD style license - see LICENSE
"""Columns as plain arrays and a description in JSON, which is what each format writes and reads."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Column, MaskedColumn, Table

from ..errors import InvalidInputError

SCHEMA_KEY = "astroquery_cfx"  # where the description is in the metadata of a file


@dataclass
class PlainColumn:
    """
    A column as arrays and a description.

    ``values`` is an array, or for a list column an object array of 1-D arrays of one type. ``mask``
    has the shape of the values (one per row of a list column), or is None. ``schema`` holds name,
    dtype (of elements), list, masked, shape (of a cell), unit, description, format, meta.
    """

    values: np.ndarray
    mask: np.ndarray | None
    schema: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the column."""
        return self.schema["name"]

    @property
    def is_list(self) -> bool:
        """Whether each cell is a list."""
        return self.schema["list"]

    @property
    def unit(self) -> u.UnitBase | None:
        """The unit; one that astropy does not know is kept as it is."""
        text = self.schema["unit"]
        return None if text is None else u.Unit(text, parse_strict="silent")


def plain_columns(table: Table) -> list[PlainColumn]:
    """Unwrap and describe each column of a table."""
    return [_plain_column(table[name], name) for name in table.colnames]


def _plain_column(column, name):
    if isinstance(column, u.Quantity):
        column = MaskedColumn(column) if hasattr(column, "mask") else Column(column)
    if not isinstance(column, Column):
        raise InvalidInputError(
            f"Column {name!r} is a {type(column).__name__}, which table files cannot hold.",
            remedy="turn it into columns of numbers or text first.",
        )
    mask = np.array(column.mask) if isinstance(column, MaskedColumn) else None
    values = np.asarray(np.ma.getdata(column.data))
    dtype = values.dtype
    if dtype.kind == "O":
        values, mask, dtype = _plain_objects(values, mask, name)
    if dtype.kind not in "biufcSU":
        raise InvalidInputError(
            f"Column {name!r} is of type {dtype}, which table files cannot hold.",
            remedy="turn it into numbers or text first.",
        )
    is_list = values.dtype.kind == "O"
    if not is_list:
        dtype = dtype.newbyteorder("=")
        values = values.astype(dtype, copy=False)
    if dtype.kind == "S":
        decode = np.char.decode
        values = object_array([decode(cell) for cell in values]) if is_list else decode(values)
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
    """Return Python objects as an array of text or of 1-D arrays, its mask, and their type."""
    absent = np.array([cell is None or cell is np.ma.masked for cell in values], dtype=bool)
    if absent.any():
        mask = absent if mask is None else mask | absent
    known = values if mask is None else values[~mask]
    if len(known) and all(isinstance(cell, str) for cell in known):
        texts = np.array(["" if cell is None else str(cell) for cell in values])
        return texts, mask, texts.dtype
    if not all(isinstance(cell, list | tuple) or np.ndim(cell) == 1 for cell in known):
        raise InvalidInputError(
            f"Column {name!r} holds Python objects that are neither text nor lists.",
            remedy="turn it into numbers, text, or 1-D arrays first.",
        )
    arrays = [np.asarray(cell) for cell in known]
    # An empty list has a type as well, but says nothing about that of the others.
    dtypes = {array.dtype for array in arrays if array.size} or {array.dtype for array in arrays}
    if len({dtype.kind in "SU" for dtype in dtypes}) > 1:
        raise InvalidInputError(
            f"Column {name!r} holds lists of text and lists of numbers.",
            remedy="make two columns of it.",
        )
    dtype = np.result_type(*dtypes or {np.dtype(float)}).newbyteorder("=")
    hidden = np.zeros(len(values), dtype=bool) if mask is None else mask
    cells = [[] if lost else cell for cell, lost in zip(values, hidden, strict=True)]
    return object_array([np.asarray(cell, dtype=dtype) for cell in cells]), mask, dtype


def object_array(cells: list) -> np.ndarray:
    """Return an object array with one cell per row, also where all cells are of one length."""
    array = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        array[row] = cell
    return array


def plain_meta(value: Any) -> Any:
    """Return meta as JSON can hold it: numbers, text, lists, and dicts with text as keys."""
    if isinstance(value, dict):
        return {str(key): plain_meta(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_meta(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain_meta(value.tolist())
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def table_schema(schemas: list[dict], meta: dict) -> str:
    """Return JSON with what a format cannot express."""
    return json.dumps({"columns": schemas, "meta": plain_meta(meta)})


def make_column(values: np.ndarray, mask: np.ndarray | None, **attributes: Any) -> Column:
    """Return a Column, or a MaskedColumn if there is a mask."""
    if mask is None:
        return Column(values, copy=False, **attributes)
    return MaskedColumn(values, mask=mask, copy=False, **attributes)


def restore_table(columns: list[PlainColumn], meta: dict) -> Table:
    """Undo `plain_columns`."""
    table = Table(meta=meta)
    for column in columns:
        schema, values, mask = column.schema, column.values, None
        dtype = np.dtype(schema["dtype"])
        if column.is_list:
            values = object_array([_restore_values(np.asarray(cell), dtype) for cell in values])
        else:
            values = _restore_values(values, dtype)
        if schema["masked"]:
            mask = np.zeros(values.shape, bool) if column.mask is None else column.mask
        attributes = {key: schema[key] for key in ("description", "format", "meta")}
        restored = make_column(values, mask, unit=column.unit, **attributes)
        table.add_column(restored, name=column.name, copy=False)
    return table


def _restore_values(values, dtype):
    if dtype.kind == "S" and values.dtype.kind == "U":
        values = np.char.encode(values, "utf-8")
    return values.astype(dtype, copy=False)


def json_list(cell: np.ndarray) -> str:
    """Return a cell as JSON: its list, or its one value."""
    return json.dumps(cell.tolist(), separators=(",", ":"))


def json_cells(column: PlainColumn) -> np.ndarray:
    """Return each row of a column as JSON."""
    texts = [json_list(np.asarray(cell)) for cell in column.values]
    return np.array(texts, dtype=str if texts else "U1")


def restore_json(texts: list[str], schema: dict) -> np.ndarray:
    """Undo `json_cells`."""
    dtype = np.dtype(schema["dtype"])
    dtype = np.dtype("U") if dtype.kind == "S" else dtype
    cells = [np.array(json.loads(text), dtype=dtype) for text in texts]
    if schema["list"]:
        return object_array(cells)
    return np.array(cells, dtype=dtype).reshape(-1, *schema["shape"])
