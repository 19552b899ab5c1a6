# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables in ECSV files: astropy's own, with notes in the meta where reading would change a cell."""

import csv
from pathlib import Path

import numpy as np
from astropy.table import Table

from . import plain


def write(table: Table, path: Path) -> None:
    """Write a table to an ECSV file."""
    notes: dict[str, dict] = {}
    out = Table(meta=plain.plain_meta(table.meta))
    for column in plain.plain_columns(table):
        out[column.name] = _to_ecsv(column, notes)
    if notes:
        out.meta[plain.SCHEMA_KEY] = notes
    out.write(path, format="ascii.ecsv", overwrite=True)


def _to_ecsv(column, notes):
    """Return a column as ECSV holds it; note its schema if reading would not restore it."""
    schema, values, mask = column.schema, column.values, column.mask
    note = None
    if _needs_json(column):
        values, note = plain.json_cells(column), {"encoding": "json"}
    elif column.is_list:
        if mask is not None:
            mask, note = None, {"hidden": np.flatnonzero(mask).tolist()}
    else:
        # ECSV takes every empty cell for a masked one, and a column without any for unmasked.
        empty = values == "" if values.dtype.kind == "U" else np.zeros(values.shape, bool)
        empty = empty if mask is None else empty & ~mask
        if empty.any() or (mask is not None and not mask.any()):
            note = {"empty": np.flatnonzero(empty).tolist()}
    if note is not None:
        notes[column.name] = {**schema, **note, "meta": {}}
    attributes = {"unit": column.unit, "meta": dict(schema["meta"])}
    attributes |= {key: schema[key] for key in ("description", "format")}
    return plain.make_column(values, mask, **attributes)


def _needs_json(column):
    """Tell whether astropy's reader would strip, cut or refuse a cell, or take it for a comment."""
    if column.schema["dtype"].startswith(("|S", "<c")):
        return True
    if column.values.ndim > 1 or column.is_list:
        return len(column.values) == 0 or column.values.dtype.kind == "U"
    if column.values.dtype.kind != "U":
        return False
    return any(
        text != text.strip() or text.startswith("#") or not text.isprintable()
        for text in column.values.tolist()
    )


def read(path: Path) -> Table:
    """Read a table from an ECSV file."""
    # A list of many names is one field for the csv module, with which astropy reads.
    limit = csv.field_size_limit(2**31 - 1)
    try:
        table = Table.read(path, format="ascii.ecsv")
    finally:
        csv.field_size_limit(limit)
    notes = table.meta.pop(plain.SCHEMA_KEY, {})
    columns = [_from_ecsv(column, notes.get(column.name)) for column in plain.plain_columns(table)]
    return plain.restore_table(columns, plain.plain_meta(table.meta))


def _from_ecsv(column, note):
    if note is None:
        return column
    schema = {**note, "meta": column.schema["meta"]}
    values, mask = column.values, column.mask
    hidden = np.zeros(values.shape, bool) if mask is None else mask.copy()
    if schema.get("encoding") == "json":
        blank = "[]" if schema["list"] or schema["shape"] else '""'
        texts = [blank if lost else text for text, lost in zip(values, hidden, strict=True)]
        values = plain.restore_json(texts, schema)
    elif "hidden" in schema:
        mask = np.isin(np.arange(len(values)), schema["hidden"])
        values = plain.object_array(list(values))
    elif "empty" in schema:
        values = np.where(hidden, "", values) if values.dtype.kind == "U" else values
        hidden[schema["empty"]] = False
        mask = hidden
    return plain.PlainColumn(values, mask if schema["masked"] else None, schema)
