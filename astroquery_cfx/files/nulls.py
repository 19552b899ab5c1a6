# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables as FITS and VOTable hold them: masked cells as nulls, some types as JSON."""

import json
from collections.abc import Callable

import numpy as np
from astropy.table import Table

from . import plain
from .plain import PlainColumn

# Types that these formats do not have: written as the next wider one, or as text.
_WIDER = {"i1": "i2", "u2": "i4", "u4": "i8", "f2": "f4"}
_AS_TEXT = {"u8", "f16", "c16", "c8", "c32"}


def encode_table(table: Table) -> tuple[list[PlainColumn], str]:
    """
    Return the columns to write, and JSON with the schemas and the meta of the table.

    Masked cells get the null of their type. If a cell that is not masked equals that null, the mask
    becomes a column of its own, ``NAME.mask``. The schemas tell the ``encoding`` and the ``null``.
    """
    columns, schemas = [], []
    for column in plain.plain_columns(table):
        encoded, is_hidden = _encode_column(column)
        columns.append(encoded)
        schemas.append({**encoded.schema, "hidden": is_hidden})
        if is_hidden:
            name, about = f"{column.name}.mask", f"True where {column.name} is masked"
            schema = {"name": name, "list": False, "unit": None, "description": about, "meta": {}}
            columns.append(PlainColumn(np.asarray(column.mask), None, schema))
    return columns, plain.table_schema(schemas, table.meta)


def _encode_column(column):
    """Return a column without types that the formats do not have, and whether its mask is lost."""
    schema, values, mask = dict(column.schema), column.values, column.mask
    if _needs_json(column):
        schema["encoding"] = "json"
        return PlainColumn(plain.json_cells(column), mask, schema), mask is not None
    wider = _WIDER.get(schema["dtype"][1:])
    if column.is_list:
        values = plain.object_array([cell.astype(wider or cell.dtype) for cell in values])
        return PlainColumn(values, mask, schema), mask is not None
    values = values.astype(wider) if wider else values
    if mask is None:
        return PlainColumn(values, None, schema), False
    null = {"f": float("nan"), "U": "", "b": None}.get(values.dtype.kind)
    if values.dtype.kind in "iu":  # one that no other cell has, if there is one
        limits = np.iinfo(values.dtype)
        null = int(limits.max if (values[~mask] == limits.min).any() else limits.min)
    is_hidden = null is None or bool((_is_null(values, null) & ~mask).any())
    values = np.where(mask, False if null is None else null, values).astype(values.dtype)
    schema["null"] = None if isinstance(null, float) else null  # NaN is not JSON
    return PlainColumn(values, mask, schema), is_hidden


def _needs_json(column):
    dtype = np.dtype(column.schema["dtype"])
    if column.is_list and not any(len(cell) for cell in column.values):
        return True  # astropy cannot write a VOTable with empty lists only
    if dtype.str[1:] in _AS_TEXT or (dtype.kind in "SU" and column.values.ndim > 1):
        return True
    if dtype.kind not in "SU":
        return not len(column.values) and column.values.ndim > 1
    # Texts in FITS are ASCII and lose the blanks at their end.
    return column.is_list or any(
        not (text.isascii() and text.isprintable()) or text.endswith(" ")
        for text in column.values.tolist()
    )


def _is_null(values, null):
    return np.isnan(values) if isinstance(null, float) else values == null


def decode_table(text: str, read_column: Callable) -> Table:
    """Undo `encode_table`; ``read_column(name, schema)`` returns the values of a column."""
    notes = json.loads(text)
    columns = []
    for schema in notes["columns"]:
        name, mask = schema["name"], None
        values = read_column(name, schema)
        if schema.get("encoding") == "json":
            values = plain.restore_json([str(text) for text in values], schema)
        if schema.pop("hidden"):
            hidden = read_column(f"{name}.mask", {"list": False, "shape": schema["shape"]})
            mask = np.array(hidden, bool).reshape(-1, *schema["shape"])
        elif schema["masked"]:
            null = schema.get("null")
            is_nan = null is None and values.dtype.kind == "f"
            mask = _is_null(values, float("nan") if is_nan else null)
        columns.append(PlainColumn(values, mask, schema))
    return plain.restore_table(columns, notes["meta"])
