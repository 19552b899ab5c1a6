# Licensed under a 3-clause BSD style license - see LICENSE
"""What a service says about its tables, and the keys of a query: columns to cut its pages along."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..errors import IncompleteResultError, ServiceError
from .adql import Select, identifier, literal

_COLUMNS = ["column_name", "datatype", "unit", "ucd", "description", "indexed"]
# Integers known to be unique: HEASARC's hidden row number, Chandra's observations, Gaia's sources.
_UNIQUE_NAMES = ("__row", "obsid", "source_id")


@dataclass(frozen=True)
class Column:
    """One row of TAP_SCHEMA.columns, with the name as ADQL takes it."""

    name: str
    datatype: str
    unit: str = ""
    ucd: str = ""
    description: str = ""
    indexed: bool = False

    @property
    def plain_name(self) -> str:
        """Return the name without quotes."""
        return self.name.strip('"').replace('""', '"')

    @property
    def kind(self) -> str:
        """Return 'integer', 'float' or 'text', or '' for a type that cannot be a key."""
        datatype = self.datatype.lower().removeprefix("adql:").removeprefix("vs:")
        if datatype.startswith(("int", "short", "long", "bigint", "smallint", "unsignedbyte")):
            return "integer"
        if datatype.startswith(("double", "float", "real", "numeric", "decimal")):
            return "float"
        if datatype.startswith(("char", "varchar", "unicodechar", "text", "string")):
            return "text"
        return ""

    @property
    def is_main_id(self) -> bool:
        """Return whether the UCD declares the column the main identifier of its table."""
        return "meta.id" in self.ucd.lower() and "meta.main" in self.ucd.lower()

    @property
    def span(self) -> tuple[float, float] | None:
        """Return the range of a sky coordinate in degrees, known before any row is counted."""
        if self.kind != "float" or "stat" in self.ucd.lower():
            return None
        found = re.match(r"pos\.(eq|galactic)\.(ra|dec|lon|lat)\b", self.ucd.lower())
        if found is None:
            return None
        return (0.0, 360.0) if found[2] in ("ra", "lon") else (-90.0, 90.0)

    @property
    def rank(self) -> int:
        """Return how well the column serves as a key; lower is better.

        Unique integers cut evenly and prove most. Then come positions: every catalogue has them,
        services index them, and few rows share one. Texts are last: their order is the service's.
        """
        name, ucd = self.plain_name.lower(), self.ucd.lower()
        if self.kind == "integer":
            if name in _UNIQUE_NAMES or self.is_main_id:
                return 0 if name == "__row" else 1
            return 7 - self.indexed
        if self.kind == "float":
            if ucd.startswith("pos.eq") and "stat.error" not in ucd:
                return 2 if "meta.main" in ucd else 3
            return 3 if ucd.startswith("pos.galactic") else 5 - self.indexed
        return 8 if self.is_main_id else 9


@dataclass(frozen=True)
class Key:
    """An expression to cut pages along."""

    expression: str
    name: str  # of the output column that holds it
    kind: str  # 'integer', 'float' or 'text'
    unique: bool = False  # as the archive suggests; the proof finds out
    span: tuple | None = None  # range of a sky coordinate in degrees


def choose_keys(columns: list[Column], *, prefix: str = "", hint: str | None = None) -> list[Key]:
    """Return the columns that can be keys, best first; `hint` names the one to prefer.

    `prefix` is the alias of the table with its dot.
    """
    preferred = (hint or "").strip('"').lower()
    ranked = sorted(
        (column for column in columns if column.kind),
        key=lambda column: (column.plain_name.lower() != preferred, column.rank),
    )
    return [
        Key(
            prefix + column.name,
            column.plain_name,
            column.kind,
            column.plain_name.lower() in _UNIQUE_NAMES or column.is_main_id,
            column.span,
        )
        for column in ranked
    ]


def find_keys(select: Select, schema: Schema, ask: Callable, hint: str | None) -> list[Key]:
    """Return the keys of a query, best first; ``ask(adql, rows)`` asks the service."""
    if select.table is not None:
        name, alias = select.table
        columns = schema.columns(name)
        if select.has_star:  # which does not include HEASARC's hidden columns, such as __row
            columns = [column for column in columns if not column.name.startswith("__")]
        keys = choose_keys(columns, prefix=f"{alias}." if alias else "", hint=hint)
        if keys:
            return keys
    # Joins, derived tables, and tables that TAP_SCHEMA does not list: one row shows the columns.
    answer = ask(select.statement(top=1), 1)
    if select.has_star:
        pairs = [(item.name, item) for item in answer.fields] if select.table else []
    elif len(answer.fields) == len(select.items):
        found = zip(select.items, answer.fields, strict=True)
        pairs = [(item.column, column) for item, column in found if item.column]
    else:
        raise IncompleteResultError(
            f"The query has {len(select.items)} columns and the answer has {len(answer.fields)}.",
            remedy="try again; if the error persists, the service mixes up its answers.",
        )
    columns = [
        Column(name, item.datatype, ucd=item.ucd or "")
        for name, item in pairs
        if item.arraysize in (None, "", "1") or item.datatype in ("char", "unicodeChar")
    ]
    # A join may repeat what is unique in one of its tables.
    return [replace(key, unique=False) for key in choose_keys(columns, hint=hint)]


@dataclass(frozen=True)
class KeyPlaces:
    """Where the keys of a query are among the columns of its answers."""

    keys: list[Key]
    items: list[str]  # the select list, with the keys that the query lacks appended
    extras: int  # how many were appended: not part of the result
    positions: dict[str, int]  # expression of a key to the index of its column

    @property
    def lead(self) -> int | None:
        """Return the index of the column that orders the rows, if the answers have it."""
        return self.positions.get(self.keys[0].expression) if self.keys else None

    @property
    def proof_key(self) -> Key | None:
        """Return the key that shows repeated rows: one that should be unique, or else the first."""
        return next((key for key in self.keys if key.unique), self.keys[0] if self.keys else None)

    @property
    def proof_column(self) -> int | None:
        """Return the index of the column of `proof_key`, if the answers have it."""
        return None if self.proof_key is None else self.positions.get(self.proof_key.expression)


def locate_keys(select: Select, keys: list[Key], star_names: list[str]) -> KeyPlaces:
    """Find the columns of the keys, and append to the select list those that the proof needs.

    A query with ``*``, whose columns have the `star_names` (in lower case), gets none appended.
    """

    def bare(expression):
        return expression.rpartition(".")[2].strip('"').lower()

    def find(key):
        name = key.name.lower()
        if select.has_star:
            return star_names.index(name) if star_names.count(name) == 1 else None
        for i, item in enumerate(select.items):
            column = (item.column or "").lower()
            # With one table, ra and a.ra are the same column; in a join, a.ra is not b.ra.
            if column == key.expression.lower() or (
                select.table is not None and bare(column) == bare(key.expression)
            ):
                return i
        return None

    found = {key.expression: find(key) for key in keys}
    positions = {expression: index for expression, index in found.items() if index is not None}
    items, extras = [item.text for item in select.items], 0
    needed = [] if select.has_star else [*keys[:1], *[key for key in keys if key.unique][:1]]
    for key in needed:
        if key.expression not in positions:
            positions[key.expression] = len(items)
            items.append(f"{key.expression} AS cfx_key_{extras}")
            extras += 1
    return KeyPlaces(keys, items, extras, positions)


class Schema:
    """
    The columns of a service's tables, asked once per table.

    Parameters
    ----------
    ask : callable
        ``ask(adql)`` sends a query to the service and returns its answer, as the first item that
        `Transport.ask` returns.

    Examples
    --------
    With one `Schema` for several calls, the service is asked once for the columns of each table:

    >>> from pyvo.dal import TAPService
    >>> from astroquery_cfx.tap import Schema, complete_query
    >>> from astroquery_cfx.tap.transport import make_transport
    >>> service = TAPService("https://heasarc.gsfc.nasa.gov/xamin/vo/tap")
    >>> schema = Schema(lambda adql: make_transport(service).ask(adql, maxrec=100_000)[0])
    >>> table = complete_query(service, "SELECT name FROM csc", schema=schema)  # doctest: +SKIP
    """

    def __init__(self, ask: Callable[[str], Any]) -> None:
        self._ask = ask
        self._columns: dict[str, list[Column]] = {}
        self._limits: dict[str, int | None] = {}

    def limit(self, transport: Any) -> int | None:
        """
        Return the row limit that the service declares in its capabilities, asked once per URL.

        Parameters
        ----------
        transport : object
            A `~astroquery_cfx.tap.Transport`, or what is used instead of one.

        Returns
        -------
        int or None
            None where the service declares no limit, or the transport cannot ask for it.
        """
        url = getattr(transport, "url", "")
        if url not in self._limits:
            declared = getattr(transport, "declared_limit", lambda: None)
            self._limits[url] = declared()
        return self._limits[url]

    def columns(self, table: str) -> list[Column]:
        """
        Return the columns of a table.

        Parameters
        ----------
        table : str
            Name of the table as a query has it, quoted or not.

        Returns
        -------
        list of Column
            In the archive's order; empty where TAP_SCHEMA does not list the table.
        """
        plain = table.replace('"', "")
        if plain.lower() not in self._columns:
            # Services differ in whether TAP_SCHEMA keeps the case of names.
            found = filter(None, map(self._look_up, dict.fromkeys([plain, plain.lower()])))
            self._columns[plain.lower()] = next(found, [])
        return self._columns[plain.lower()]

    def _look_up(self, name: str) -> list[Column]:
        listed = f"SELECT {', '.join(_COLUMNS)} FROM TAP_SCHEMA.columns"
        try:
            answer = self._ask(f"{listed} WHERE table_name = {literal(name)}")
        except ServiceError:  # no TAP_SCHEMA
            return []
        if [item.name.lower() for item in answer.fields] != _COLUMNS:
            return []
        return [
            Column(
                identifier(str(column).strip()),
                str(datatype),
                str(unit or ""),
                str(ucd or ""),
                str(description or ""),
                str(indexed).strip() in ("1", "1.0", "True"),
            )
            for column, datatype, unit, ucd, description, indexed in zip(
                *map(plain_values, answer.columns), strict=True
            )
            if column and str(column).strip()
        ]

    def table_names(self) -> list[str]:
        """
        Return the names of all tables that TAP_SCHEMA lists.

        Returns
        -------
        list of str
            Empty where the service has no TAP_SCHEMA.
        """
        try:
            answer = self._ask("SELECT table_name FROM TAP_SCHEMA.tables")
        except ServiceError:
            return []
        names = plain_values(answer.columns[0]) if answer.columns else []
        return [str(name).strip() for name in names]


def plain_values(column: tuple) -> list:
    """Return the values of a column (data, mask) as a list, None where masked."""
    data, mask = column
    values = data.tolist()
    if mask is None or data.ndim > 1:
        return values
    return [None if hidden else value for value, hidden in zip(values, mask.tolist(), strict=True)]
