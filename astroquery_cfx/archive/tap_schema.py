# Licensed under a 3-clause BSD style license - see LICENSE
"""The tables that describe the tables: TAP_SCHEMA, and HEASARC's metainfo."""

from dataclasses import replace

import numpy as np
from astropy.table import MaskedColumn, Table

from .catalogue import ColumnInfo
from .known import default_columns, default_radius, known_columns, known_description

__all__ = ["add_tables", "column_flags", "foreign_keys", "schema_of"]

_SCHEMA_WORDS = {
    "TAP_SCHEMA": "The tables that describe the tables of this service",
    "public": "The tables of the embedded archive",
}


def add_tables(database, tables, behaviour):
    """
    Take tables into the database, and with them the tables that describe them.

    Parameters
    ----------
    database : Database
        Empty so far.
    tables : dict of str to `~astropy.table.Table`
        By name without the service's prefix.
    behaviour : Behaviour
        Says the prefix of table names.
    """
    for name, table in tables.items():
        lower = name.lower()
        known = known_columns(lower)
        if behaviour.time_must_be_quoted:
            known["time"] = replace(known.get("time", ColumnInfo("time")), quoted=True)
        database.add(behaviour.table_prefix + name, table, known=known)
        info = database.find((behaviour.table_prefix + name).lower())
        info.description = _with_note(info.description or known_description(lower), info.simulated)
    if not behaviour.table_prefix:
        database.add("metainfo", _metainfo(tables), rotated=False)
    _add_tap_schema(database)


def schema_of(table_name):
    """Schema of a table: what stands before the dot, or ``public``."""
    return table_name.rpartition(".")[0] or "public"


def _with_note(description, simulated):
    if not simulated or simulated in description:
        return description
    return f"{description.rstrip('.')}. {simulated}" if description else simulated


def _metainfo(tables):
    rows = []
    for name, table in tables.items():
        lower = name.lower()
        columns = [column.lower() for column in table.colnames if not column.startswith("__")]
        shown = default_columns(lower, columns)
        rows.append((lower, "table", "defaultSearchRadius", f"{default_radius(lower):g}"))
        rows += [
            (
                f"{lower}.{column}",
                "parameter",
                "order",
                str(shown.index(column) + 1 if column in shown else 0),
            )
            for column in columns
        ]
    return _typed_table(
        "Facts about tables and parameters of the archive",
        {
            "name": "Table, or table.column",
            "type": "What is described: table or parameter",
            "relation": "Which fact",
            "value": "The fact",
        },
        rows,
    )


_TAP_TABLES = {
    "TAP_SCHEMA.schemas": (
        "Schemas",
        {
            "schema_name": "Fully qualified schema name",
            "description": "Brief description of the schema",
            "utype": "UTYPE of the schema",
            "schema_index": "Recommended sort order",
        },
    ),
    "TAP_SCHEMA.tables": (
        "Tables",
        {
            "schema_name": "Schema of the table",
            "table_name": "Fully qualified table name",
            "table_type": "table or view",
            "description": "Brief description of the table",
            "utype": "UTYPE of the table",
            "table_index": "Recommended sort order",
            "nrows": "Number of rows",
        },
    ),
    "TAP_SCHEMA.columns": (
        "Columns",
        {
            "table_name": "Table of the column",
            "column_name": "Column name",
            "description": "Brief description of the column",
            "unit": "Unit in VO standard format",
            "ucd": "UCD of the column",
            "utype": "UTYPE of the column",
            "datatype": "VOTable datatype",
            "arraysize": "VOTable arraysize",
            "xtype": "VOTable xtype",
            "size": "Length of the column",
            "principal": "1: shown when no columns are named",
            "indexed": "1: queries on this column are fast",
            "std": "1: defined by a standard",
            "column_index": "Recommended sort order",
        },
    ),
    "TAP_SCHEMA.keys": (
        "Foreign keys",
        {
            "key_id": "Identifier of the key",
            "from_table": "Table that refers",
            "target_table": "Table referred to",
            "description": "Brief description of the key",
            "utype": "UTYPE of the key",
        },
    ),
    "TAP_SCHEMA.key_columns": (
        "Columns of foreign keys",
        {
            "key_id": "Identifier of the key",
            "from_column": "Column that refers",
            "target_column": "Column referred to",
        },
    ),
}
_INTEGER_COLUMNS = {
    "schema_index",
    "table_index",
    "nrows",
    "principal",
    "indexed",
    "std",
    "column_index",
    "size",
}
_INDEXED = {"__row", "name", "obsid", "ra", "dec", "bii"}
_KEYS = [
    ("tables_schemas", "TAP_SCHEMA.tables", "TAP_SCHEMA.schemas", "schema_name", "schema_name"),
    ("columns_tables", "TAP_SCHEMA.columns", "TAP_SCHEMA.tables", "table_name", "table_name"),
    ("keys_from", "TAP_SCHEMA.keys", "TAP_SCHEMA.tables", "from_table", "table_name"),
    ("keys_target", "TAP_SCHEMA.keys", "TAP_SCHEMA.tables", "target_table", "table_name"),
    ("key_columns_keys", "TAP_SCHEMA.key_columns", "TAP_SCHEMA.keys", "key_id", "key_id"),
]


def _add_tap_schema(database):
    # The tables describe themselves too: made empty first, described, and then filled.
    for name, (words, columns) in _TAP_TABLES.items():
        known = {"size": ColumnInfo("size", quoted=True)}
        database.add(name, _typed_table(words, columns, []), known=known, rotated=False)
    described = list(database.tables.values())
    rows = {
        "TAP_SCHEMA.schemas": _schema_rows(described),
        "TAP_SCHEMA.tables": _table_rows(described),
        "TAP_SCHEMA.columns": list(_column_rows(described)),
        "TAP_SCHEMA.keys": [(key, start, target, "", "") for key, start, target, _, _ in _KEYS],
        "TAP_SCHEMA.key_columns": [(key, column, other) for key, _, _, column, other in _KEYS],
    }
    for name, (words, columns) in _TAP_TABLES.items():
        database.replace(name, _typed_table(words, columns, rows[name]))


def _typed_table(description, columns, rows):
    values = list(zip(*rows, strict=True)) if rows else [[] for _ in columns]
    table = Table(masked=True)
    for (name, words), column in zip(columns.items(), values, strict=True):
        kind = np.int32 if name in _INTEGER_COLUMNS else "U"
        column = np.ma.masked_array(
            [0 if value is None else value for value in column],
            dtype=kind,
            mask=[value is None for value in column],
        )
        table[name] = MaskedColumn(column, description=words)
    table.meta["description"] = description
    return table


def _schema_rows(described):
    names = dict.fromkeys(schema_of(table.name) for table in described)
    return [
        (name, _SCHEMA_WORDS.get(name, _SCHEMA_WORDS["public"]), "", number)
        for number, name in enumerate(names)
    ]


def _table_rows(described):
    sizes = {
        "TAP_SCHEMA.schemas": len(_schema_rows(described)),
        "TAP_SCHEMA.tables": len(described),
        "TAP_SCHEMA.columns": sum(len(table.visible) for table in described),
        "TAP_SCHEMA.keys": len(_KEYS),
        "TAP_SCHEMA.key_columns": len(_KEYS),
    }
    return [
        (
            schema_of(table.name),
            table.name,
            "table",
            table.description,
            "",
            number,
            sizes.get(table.name, table.rows),
        )
        for number, table in enumerate(described)
    ]


def _column_rows(described):
    for table in described:
        for number, column in enumerate(table.visible.values()):
            flags = column_flags(table, column)
            yield (
                table.name,
                column.listed_name,
                column.description,
                column.unit,
                column.ucd,
                "",
                column.datatype,
                column.arraysize,
                column.xtype,
                None,
                *(int(flag in flags) for flag in ("principal", "indexed", "std")),
                number,
            )


def column_flags(table, column):
    """
    What is special about a column.

    Returns
    -------
    set of str
        Of ``'principal'``, ``'indexed'``, ``'std'``.
    """
    local = table.name.rpartition(".")[2].lower()
    flags = {"principal"} if column.name in default_columns(local, list(table.visible)) else set()
    if column.name in _INDEXED:
        flags.add("indexed")
    if table.name.startswith("TAP_SCHEMA."):
        flags.add("std")
    return flags


def foreign_keys(table_name):
    """Foreign keys of a table, as (target table, column, column of the target)."""
    return [
        (target, column, other) for _, start, target, column, other in _KEYS if start == table_name
    ]
