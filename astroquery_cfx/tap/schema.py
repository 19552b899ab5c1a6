# Licensed under a 3-clause BSD style license - see LICENSE
"""What a service says of its tables, and which columns can serve as keys for paging."""

import re
from dataclasses import dataclass

from ..errors import ServiceError
from .adql import identifier, literal

__all__ = ["Column", "Key", "Schema", "choose_keys"]

_COLUMNS = ["column_name", "datatype", "unit", "ucd", "description", "indexed"]


@dataclass(frozen=True)
class Column:
    """One row of TAP_SCHEMA.columns; the name is written as a query takes it."""

    name: str
    datatype: str
    unit: str = ""
    ucd: str = ""
    description: str = ""
    indexed: bool = False

    @property
    def plain_name(self):
        return self.name.strip('"').replace('""', '"')

    @property
    def kind(self):
        """'integer', 'float', 'text' or '' for what cannot be a key."""
        datatype = self.datatype.lower().removeprefix("adql:").removeprefix("vs:")
        if datatype.startswith(("int", "short", "long", "bigint", "smallint", "unsignedbyte")):
            return "integer"
        if datatype.startswith(("double", "float", "real", "numeric", "decimal")):
            return "float"
        return (
            "text"
            if datatype.startswith(("char", "varchar", "unicodechar", "text", "string"))
            else ""
        )


@dataclass(frozen=True)
class Key:
    """An expression that pages can be cut along."""

    expression: str
    name: str  # of the output column that holds it
    kind: str  # 'integer', 'float' or 'text'
    unique: bool = False  # so the archive suggests; the pager proves it
    span: tuple | None = None  # where the values of a coordinate lie, all around the sky


class Schema:
    """
    The columns of a service's tables, asked once for each table.

    Parameters
    ----------
    ask : callable
        ``ask(adql)`` gives an `Answer`.
    """

    def __init__(self, ask):
        self._ask = ask
        self._columns = {}
        self._limits = {}

    def limit(self, transport):
        """The row limit that the service declares, asked once; None where it declares none."""
        url = getattr(transport, "url", "")
        if url not in self._limits:
            self._limits[url] = (
                transport.declared_limit() if hasattr(transport, "declared_limit") else None
            )
        return self._limits[url]

    def columns(self, table):
        """Columns of a table, in the archive's order; an empty list where TAP_SCHEMA does not know it."""
        name = table.replace('"', "").lower()
        if name not in self._columns:
            self._columns[name] = self._look_up(table.replace('"', ""))
        return self._columns[name]

    def _look_up(self, name):
        for spelling in dict.fromkeys([name, name.lower()]):
            found = self._rows(
                f"SELECT {', '.join(_COLUMNS)} FROM TAP_SCHEMA.columns "
                f"WHERE table_name = {literal(spelling)}"
            )
            if found:
                return found
        return []

    def _rows(self, adql):
        try:
            answer = self._ask(adql)
        except ServiceError:
            return []
        if [item.name.lower() for item in answer.fields] != _COLUMNS:
            return []
        return [
            Column(
                identifier(str(name).strip()),
                str(datatype),
                str(unit or ""),
                str(ucd or ""),
                str(description or ""),
                str(indexed).strip() in ("1", "1.0", "True"),
            )
            for name, datatype, unit, ucd, description, indexed in _plain_rows(answer)
            if name and str(name).strip()
        ]

    def table_names(self):
        """Names of all tables, as TAP_SCHEMA lists them."""
        try:
            answer = self._ask("SELECT table_name FROM TAP_SCHEMA.tables")
        except ServiceError:
            return []
        return [str(row[0]).strip() for row in _plain_rows(answer)]


def _plain_rows(answer):
    columns = []
    for data, mask in answer.columns:
        values = data.tolist()
        if mask is not None:
            values = [
                None if masked else value
                for value, masked in zip(values, mask.tolist(), strict=True)
            ]
        columns.append(values)
    return list(zip(*columns, strict=True))


def _rank(column):
    """Lower is better: unique integers, then positions, then indexed numbers, then any number, then text."""
    name, ucd = column.plain_name.lower(), column.ucd.lower()
    identifies = "meta.id" in ucd and "meta.main" in ucd
    if column.kind == "integer" and (
        name == "__row" or identifies or name in ("obsid", "source_id")
    ):
        return 0 if name == "__row" else 1
    if column.kind == "float":
        if ucd.startswith("pos.eq") and "stat.error" not in ucd:
            return 2 if "meta.main" in ucd else 3
        return 3 if ucd.startswith("pos.galactic") else 5 - column.indexed
    if column.kind == "integer":
        return 7 - column.indexed
    return (8 if identifies else 9) if column.kind == "text" else 99


def choose_keys(columns, *, prefix="", hint=None):
    """
    Order a table's columns by how well they serve as key.

    Parameters
    ----------
    columns : list of Column
    prefix : str
        Alias of the table with its dot, or ''.
    hint : str, optional
        The name of a column to prefer.

    Returns
    -------
    keys : list of Key
        To cut pages along, best first.
    identity : Key or None
        The column that should have no value twice.
    """

    def make(column, *, unique):
        return Key(prefix + column.name, column.plain_name, column.kind, unique, _span(column))

    usable = [column for column in columns if column.kind]
    preferred = (hint or "").strip('"').lower()
    ranked = sorted(
        usable, key=lambda column: (column.plain_name.lower() != preferred, _rank(column))
    )
    keys = [make(column, unique=_claims_unique(column)) for column in ranked]
    unique = [key for key in keys if key.unique]
    return keys, (unique[0] if unique else None)


def _span(column):
    """Longitudes lie in 0 to 360 degrees and latitudes in -90 to 90."""
    if column.kind != "float" or "stat" in column.ucd.lower():
        return None
    found = re.match(r"pos\.(eq|galactic)\.(ra|dec|lon|lat)\b", column.ucd.lower())
    return found and ((0.0, 360.0) if found[2] in ("ra", "lon") else (-90.0, 90.0))


def _claims_unique(column):
    name, ucd = column.plain_name.lower(), column.ucd.lower()
    return name in ("__row", "obsid", "source_id") or ("meta.id" in ucd and "meta.main" in ucd)
