# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables in ECSV files: astropy's own, with notes in the meta where its reader would change a cell."""

import numpy as np
from astropy.table import Column, MaskedColumn, Table

from .columns import (
    SCHEMA_KEY,
    PlainColumn,
    json_cells,
    object_array,
    plain_columns,
    plain_meta,
    restore_json,
    restore_table,
)

__all__ = ["read", "write"]


def write(table, path):
    """Write a table to a ECSV file."""
    notes, out = {}, Table(meta=plain_meta(table.meta))
    for column in plain_columns(table):
        out[column.name] = _to_ecsv(column, notes)
    if notes:
        out.meta[SCHEMA_KEY] = notes
    out.write(path, format="ascii.ecsv", overwrite=True)


def _to_ecsv(column, notes):
    """Return the column as ECSV holds it; where reading would not undo that, note the column's schema."""
    schema = column.schema
    said = {key: schema[key] for key in ("description", "format")}
    said |= {"unit": column.unit, "meta": dict(schema["meta"])}
    if _needs_json(column):
        notes[column.name] = {**schema, "encoding": "json", "meta": {}}
        return _with_mask(json_cells(column), column.mask, said)
    values, mask = column.values, column.mask
    if column.is_list and mask is not None:
        notes[column.name] = {**schema, "hidden": np.flatnonzero(mask).tolist(), "meta": {}}
        return _with_mask(column.filled(None), None, said)
    empty = np.flatnonzero(column.filled("x") == "").tolist() if values.dtype.kind == "U" else []
    # ECSV takes each empty cell, and nothing else, for a masked one.
    if empty or (mask is not None and not mask.any()):
        notes[column.name] = {**schema, "empty": empty, "meta": {}}
    return _with_mask(values, mask, said)


def _needs_json(column):
    """Texts that would be stripped, cut or taken for a comment, and what astropy's reader does not take."""
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


def _with_mask(values, mask, said):
    return Column(values, **said) if mask is None else MaskedColumn(values, mask=mask, **said)


def read(path):
    """Read a table from a ECSV file."""
    table = Table.read(path, format="ascii.ecsv")
    notes = table.meta.pop(SCHEMA_KEY, {})
    columns = [
        _from_ecsv(column, notes.get(column.schema["name"])) for column in plain_columns(table)
    ]
    return restore_table(columns, plain_meta(table.meta))


def _from_ecsv(column, note):
    if note is None:
        return column
    schema = {**note, "meta": column.schema["meta"]}
    values, mask = column.values, column.mask
    if schema.get("encoding") == "json":
        mask = mask if mask is not None else np.zeros(len(values), bool)
        blank = "[]" if schema["list"] or schema["shape"] else '""'
        texts = [
            blank if hidden else text for text, hidden in zip(values.tolist(), mask, strict=True)
        ]
        values = restore_json(texts, schema)
    elif "hidden" in schema:
        mask = np.isin(np.arange(len(values)), schema["hidden"])
        values = object_array(list(values))
    elif "empty" in schema:
        values = column.filled("") if values.dtype.kind == "U" else values
        if mask is not None and schema["empty"]:
            mask = mask.copy()
            mask[schema["empty"]] = False
    return PlainColumn(values, mask if schema["masked"] else None, schema)
