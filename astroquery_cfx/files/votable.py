# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables in VOTable files (BINARY2), with an INFO of JSON for what VOTable cannot say."""

import json
import warnings

import numpy as np
from astropy import units as u
from astropy.io import votable
from astropy.table import Column, MaskedColumn, Table

from ..errors import InvalidFileError
from .binary import MASK_SUFFIX, decode_column, encode_column
from .columns import SCHEMA_KEY, object_array, plain_columns, plain_meta, restore_table

__all__ = ["read", "write"]


def write(table, path):
    """Write a table to a VOTable file."""
    out, schemas = Table(), []
    for column in plain_columns(table):
        values, hidden, schema = encode_column(column)
        out[column.name] = _to_votable(values, column, schema)
        if hidden is not None:
            out[column.name + MASK_SUFFIX] = Column(
                hidden, description=f"True where {column.name} is masked"
            )
        schemas.append({**schema, "hidden": hidden is not None})
    infos = {SCHEMA_KEY: json.dumps({"columns": schemas, "meta": plain_meta(table.meta)})}
    if table.meta.get("simulated"):
        infos["simulated"] = str(table.meta["simulated"])
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", category=u.UnitsWarning
        )  # VOUnit would rather not have erg
        _write(out, infos, path)


def _write(out, infos, path):
    document = votable.from_table(out)
    for name, value in infos.items():
        document.resources[0].infos.append(votable.tree.Info(ID=name, name=name, value=value))
    document.to_xml(str(path), tabledata_format="binary2")


def _to_votable(values, column, schema):
    said = {"unit": column.unit, "description": column.schema["description"]}
    ucd = column.schema["meta"].get("ucd")
    said["meta"] = {"ucd": ucd} if ucd else {}
    if len(values) and values.dtype.kind == "U" and schema.get("encoding") == "json":  # unpadded
        return Column(object_array([str(text) for text in values]), **said)
    if values.dtype.kind == "O":  # astropy's writer asks each cell for its mask
        cells = [np.ma.array(cell, mask=np.zeros(len(cell), bool)) for cell in values]
        return Column(object_array(cells), **said)
    if column.mask is None or values.ndim != column.mask.ndim:
        return Column(values, **said)
    return MaskedColumn(values, mask=column.mask, **said)


def read(path):
    """Read a table from a VOTable file."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=votable.exceptions.VOWarning)
        warnings.filterwarnings("ignore", category=u.UnitsWarning)
        document = votable.parse(path, verify="ignore")
    tables = list(document.iter_tables())
    if not tables:
        raise InvalidFileError(
            f"{path} holds no VOTable table.", remedy="name a file with a table in it."
        )
    infos = {info.name: info.value for resource in document.resources for info in resource.infos}
    infos |= {info.name: info.value for info in document.infos}
    if SCHEMA_KEY in infos:
        return _read_own(tables[0], json.loads(infos[SCHEMA_KEY]))
    table = tables[0].to_table(use_names_over_ids=True)
    if "simulated" in infos:
        table.meta["simulated"] = infos["simulated"]
    return restore_table(
        plain_columns(table), plain_meta(table.meta)
    )  # texts of any length come as objects


def _read_own(table, notes):
    data = table.array
    columns = []
    for schema in notes["columns"]:
        hidden = None
        if schema.pop("hidden"):
            hidden = np.array(data[schema["name"] + MASK_SUFFIX].data, bool).reshape(
                -1, *schema["shape"]
            )
        values = data[schema["name"]]
        raw = np.array(values.data)
        if raw.ndim > 2:  # astropy's writer and reader do not agree on the order of the axes
            raw = raw.reshape(-1, *schema["shape"])
        if hidden is None and schema["masked"] and raw.dtype.kind not in "OU" and raw.ndim == 1:
            hidden = np.array(np.ma.getmaskarray(values))
        if raw.dtype.kind == "O":
            is_text = not schema["list"] or schema.get("encoding")
            cells = [str(cell) if is_text else np.asarray(cell) for cell in raw]
            raw = np.array(cells) if is_text else object_array(cells)
        columns.append(decode_column(raw, hidden, schema))
    return restore_table(columns, notes["meta"])
