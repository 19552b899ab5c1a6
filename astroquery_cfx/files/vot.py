# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables in VOTable files (BINARY2), with an INFO of JSON for what VOTable cannot express."""

import warnings
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import votable
from astropy.table import Table

from ..errors import InvalidFileError
from .nulls import decode_table, encode_table
from .plain import SCHEMA_KEY, make_column, object_array, plain_columns, plain_meta, restore_table


def write(table: Table, path: Path) -> None:
    """Write a table to a VOTable file."""
    out = Table()
    columns, schema = encode_table(table)
    for column in columns:
        values, mask = column.values, column.mask
        if column.schema.get("encoding") == "json" and len(values):  # as objects, not padded
            values, mask = object_array([str(text) for text in values]), None
        elif values.dtype.kind == "O":  # astropy's writer asks each cell for its mask
            cells = [np.ma.array(cell, mask=np.zeros(len(cell), bool)) for cell in values]
            values, mask = object_array(cells), None
        ucd = column.schema["meta"].get("ucd")
        attributes = {"unit": column.unit, "description": column.schema["description"]}
        attributes["meta"] = {"ucd": ucd} if ucd else {}
        mask = mask if mask is not None and mask.ndim == values.ndim else None
        out[column.name] = make_column(values, mask, **attributes)
    infos = {SCHEMA_KEY: schema}
    if table.meta.get("simulated"):
        infos["simulated"] = str(table.meta["simulated"])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=u.UnitsWarning)  # VOUnit deprecates erg
        document = votable.from_table(out)
        for name, value in infos.items():
            document.resources[0].infos.append(votable.tree.Info(ID=name, name=name, value=value))
        document.to_xml(str(path), tabledata_format="binary2")


def read(path: Path) -> Table:
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
    data = tables[0].array

    def read_column(name, schema):
        values = np.array(data[name].data)
        if values.dtype.kind == "O" and schema["list"] and not schema.get("encoding"):
            return object_array([np.asarray(cell) for cell in values])
        if values.dtype.kind == "O":
            return np.array([str(cell) for cell in values])
        # astropy's writer and reader disagree on the order of the axes.
        return values.reshape(-1, *schema["shape"]) if values.ndim > 2 else values

    if SCHEMA_KEY in infos:
        return decode_table(infos[SCHEMA_KEY], read_column)
    table = tables[0].to_table(use_names_over_ids=True)
    if "simulated" in infos:
        table.meta["simulated"] = infos["simulated"]
    # Texts of any length come as objects: this makes them text.
    return restore_table(plain_columns(table), plain_meta(table.meta))
