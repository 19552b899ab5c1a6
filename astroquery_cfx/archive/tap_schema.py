# Licensed under a 3-clause BSD style license - see LICENSE
"""The tables that describe the tables: TAP_SCHEMA and HEASARC's metainfo; and VOSI's tableset."""

from collections.abc import Iterable

import numpy as np
from astropy.table import Table

from .behaviour import Behaviour
from .database import Database
from .metadata import (
    ColumnInfo,
    TableInfo,
    default_columns,
    described_table,
    known_columns,
    known_tables,
)
from .serialize import xml_text

# The tables that every service has (TAP 1.1, section 4).
_TAP_SCHEMA = [name for name in known_tables() if name.startswith("TAP_SCHEMA.")]
_SCHEMA_DESCRIPTIONS = {
    "TAP_SCHEMA": "The tables that describe the tables of this service",
    "public": "The tables of the embedded archive",
}
# Columns that conditions are said to be fast on.
_INDEXED = {"__row", "name", "obsid", "ra", "dec", "bii"}
# fmt: off
_KEYS = [  # name, referring table, target table, referring column, target column
    ("tables_schemas", "TAP_SCHEMA.tables", "TAP_SCHEMA.schemas", "schema_name", "schema_name"),
    ("columns_tables", "TAP_SCHEMA.columns", "TAP_SCHEMA.tables", "table_name", "table_name"),
    ("keys_from", "TAP_SCHEMA.keys", "TAP_SCHEMA.tables", "from_table", "table_name"),
    ("keys_target", "TAP_SCHEMA.keys", "TAP_SCHEMA.tables", "target_table", "table_name"),
    ("key_columns_keys", "TAP_SCHEMA.key_columns", "TAP_SCHEMA.keys", "key_id", "key_id"),
]
# fmt: on


def add_tables(database: Database, tables: dict[str, Table], behaviour: Behaviour) -> None:
    """Take tables, by name without the service's prefix, into an empty database; describe them."""
    quoted = {"time"} if behaviour.time_must_be_quoted else set()
    for name, table in tables.items():
        lower = name.lower()
        known = known_columns(lower)
        info = database.add(behaviour.table_prefix + name, table, known, quoted)
        description = known_tables().get(lower, {}).get("description", "")
        info.description = info.description or description
        if info.simulated not in info.description:
            sentences = (info.description.rstrip("."), info.simulated)
            info.description = ". ".join(filter(None, sentences))
    if not behaviour.table_prefix:  # a habit of HEASARC's, whose tables have no prefix
        _add_described(database, "metainfo", _metainfo_rows(tables))
    # TAP_SCHEMA describes itself too: first empty, then without its own numbers of rows, then
    # whole.
    for name in _TAP_SCHEMA:
        _add_described(database, name, [])
    for _ in range(2):
        for name, rows in _tap_schema_rows(list(database.tables.values())).items():
            _add_described(database, name, rows)


def _metainfo_rows(tables: dict[str, Table]) -> list[tuple]:
    """Return what astroquery.heasarc asks metainfo for: default radii, and the columns to show."""
    rows = []
    for name, table in tables.items():
        lower = name.lower()
        columns = [column.lower() for column in table.colnames if not column.startswith("__")]
        shown = default_columns(lower, columns)
        radius = known_tables().get(lower, {}).get("default_radius", "5")
        rows.append((lower, "table", "defaultSearchRadius", radius))
        for column in columns:
            number = shown.index(column) + 1 if column in shown else 0
            rows.append((f"{lower}.{column}", "parameter", "order", str(number)))
    return rows


def _add_described(database: Database, name: str, rows: list[tuple]) -> None:
    """Add a table of the archive's own, in the order of its rows; None is a missing value."""
    known = known_columns(name)
    values = zip(*rows, strict=True) if rows else [()] * len(known)
    arrays = {
        column: np.ma.masked_array(
            [0 if item is None else item for item in items], [item is None for item in items]
        )
        for column, items in zip(known, values, strict=True)
    }
    table = described_table(name, arrays, {"description": known_tables()[name]["description"]})
    # "size" is a reserved word (TAP 1.1, section 4.3).
    database.add(name, table, known, quoted={"size"}).rotated = False


def _tap_schema_rows(tables: list[TableInfo]) -> dict[str, list[tuple]]:
    """Return the rows of TAP_SCHEMA's tables; utypes are empty, and so is the deprecated size."""
    schemas = dict.fromkeys(_schema_of(table.name) for table in tables)
    columns: list[tuple] = []
    for table in tables:
        for number, column in enumerate(table.visible.values()):
            flags = _flags(table, column)
            texts = (column.listed_name, column.description, column.unit, column.ucd, "")
            kind = (column.datatype, column.arraysize, column.xtype, None)
            marks = (int(flag in flags) for flag in ("principal", "indexed", "std"))
            columns.append((table.name, *texts, *kind, *marks, number))
    return {
        "TAP_SCHEMA.schemas": [
            (name, _SCHEMA_DESCRIPTIONS.get(name, _SCHEMA_DESCRIPTIONS["public"]), "", number)
            for number, name in enumerate(schemas)
        ],
        "TAP_SCHEMA.tables": [
            (_schema_of(table.name), table.name, "table", table.description, "", number, table.rows)
            for number, table in enumerate(tables)
        ],
        "TAP_SCHEMA.columns": columns,
        "TAP_SCHEMA.keys": [(key, start, target, "", "") for key, start, target, _, _ in _KEYS],
        "TAP_SCHEMA.key_columns": [(key, column, other) for key, _, _, column, other in _KEYS],
    }


def _schema_of(table_name: str) -> str:
    """Return what stands before the dot of a name, or ``public``."""
    return table_name.rpartition(".")[0] or "public"


def _flags(table: TableInfo, column: ColumnInfo) -> set[str]:
    """Return which of 'principal', 'indexed' and 'std' a column is (TAP 1.1, section 4.3)."""
    local = table.name.rpartition(".")[2].lower()
    flags = {
        "principal": column.name in default_columns(local, list(table.visible)),
        "indexed": column.name in _INDEXED,
        "std": table.name.startswith("TAP_SCHEMA."),
    }
    return {name for name, is_set in flags.items() if is_set}


def tableset(tables: Iterable[TableInfo]) -> bytes:
    """Return the VOSI document of all tables, schema by schema (VOSI 1.1, section 3.3)."""
    schemas: dict[str, list[str]] = {}
    for table in tables:
        schemas.setdefault(_schema_of(table.name), []).append(_table_element(table))
    inside = "".join(
        f"  <schema>\n    <name>{xml_text(name)}</name>\n{''.join(members)}  </schema>\n"
        for name, members in schemas.items()
    )
    return (
        '<?xml version="1.0"?>\n<vosi:tableset '
        'xmlns:vosi="http://www.ivoa.net/xml/VOSITables/v1.0" '
        'xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
        f"{inside}</vosi:tableset>\n"
    ).encode()


def _table_element(table: TableInfo) -> str:
    columns = ""
    for column in table.visible.values():
        flags = _flags(table, column)
        marks = "".join(
            _element("flag", flag) for flag in ("indexed", "principal") if flag in flags
        )
        standard = ' std="true"' if "std" in flags else ""
        size = f' arraysize="{column.arraysize}"' if column.arraysize else ""
        columns += (
            f"      <column{standard}>\n        <name>{xml_text(column.listed_name)}</name>\n"
            f"{_element('description', column.description)}{_element('unit', column.unit)}"
            f"{_element('ucd', column.ucd)}"
            f'        <dataType xsi:type="vs:VOTableType"{size}>{column.datatype}</dataType>\n'
            f"{marks}      </column>\n"
        )
    keys = "".join(
        f"      <foreignKey>\n        <targetTable>{target}</targetTable>\n        <fkColumn>"
        f"<fromColumn>{column}</fromColumn><targetColumn>{other}</targetColumn></fkColumn>\n"
        "      </foreignKey>\n"
        for _, start, target, column, other in _KEYS
        if start == table.name
    )
    return (
        f'    <table type="table">\n      <name>{xml_text(table.name)}</name>\n'
        f"{_element('description', table.description, 6)}{columns}{keys}    </table>\n"
    )


def _element(name: str, text: str, indent: int = 8) -> str:
    return f"{' ' * indent}<{name}>{xml_text(text)}</{name}>\n" if text else ""
