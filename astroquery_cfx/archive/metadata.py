# Licensed under a 3-clause BSD style license - see LICENSE
"""What the archive knows about tables and columns, whatever engine holds their rows.

The facts about HEASARC's own tables, TAP_SCHEMA and their columns are rows of ``data/tables.csv``
and ``data/columns.csv``; descriptions, units and UCDs of ``csc`` are those of answers recorded from
HEASARC.
"""

import csv
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from astropy.table import Column, MaskedColumn, Table

# What HEASARC writes for NULL: BINARY has no other way for integers (VOTable 1.4, section 5.5).
NULLS = {"short": -(2**15), "int": -(2**31), "long": -(2**63)}
# VOTable's char is ASCII; all other text needs unicodeChar (VOTable 1.4, section 6).
STRINGS = ("char", "unicodeChar")
# astropy's spelling of units -> HEASARC's
HEASARC_UNITS = {
    "erg / (s cm2)": "erg/s/cm^2",
    "ct / (s cm2)": "count/s/cm^2",
    "count / (s cm2)": "count/s/cm^2",
}


@dataclass(frozen=True)
class ColumnInfo:
    """One column: its name and what a FIELD or TAP_SCHEMA says about it; empty where not known."""

    name: str
    datatype: str = "char"
    unit: str = ""
    ucd: str = ""
    description: str = ""
    precision: str = ""
    width: str = ""
    xtype: str = ""
    quoted: bool = False

    @property
    def hidden(self) -> bool:
        """Selectable by name, but not part of ``*`` nor of TAP_SCHEMA."""
        return self.name.startswith("__")

    @property
    def listed_name(self) -> str:
        """The name in TAP_SCHEMA: quoted where queries must quote it (TAP 1.1, section 4.3)."""
        return f'"{self.name}"' if self.quoted else self.name

    @property
    def arraysize(self) -> str:
        """``'*'`` for strings, ``''`` for scalars."""
        return "*" if self.datatype in STRINGS else ""

    @property
    def null(self) -> int | None:
        """The integer that stands for NULL; None where NaN, '' or '?' does."""
        return NULLS.get(self.datatype)


@dataclass
class TableInfo:
    """One table: its name in ADQL and in the database, its columns by lower-case name, in order."""

    name: str
    physical: str
    columns: dict[str, ColumnInfo] = field(default_factory=dict)
    rows: int = 0
    description: str = ""
    simulated: str = ""
    rotated: bool = True

    @property
    def visible(self) -> dict[str, ColumnInfo]:
        """The columns of ``*`` and of TAP_SCHEMA."""
        return {name: column for name, column in self.columns.items() if not column.hidden}


def _read_rows(file: str) -> list[dict[str, str]]:
    text = (Path(__file__).parent / "data" / file).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def known_tables() -> dict[str, dict[str, str]]:
    """Return what data/tables.csv says: descriptions, and default radii of searches in arcmin."""
    return {row["table"]: row for row in _read_rows("tables.csv")}


@cache
def known_columns(table: str) -> dict[str, dict[str, str]]:
    """
    Return what data/columns.csv says about a table's columns, by name; nothing for unknown tables.

    ``shown`` counts the columns that HEASARC returns by default; ``precision`` and ``width`` are
    those of its FIELDs; ``fits_name`` is the column of the 4FGL FITS file that fermilpsc takes.
    """
    return {row["name"]: row for row in _read_rows("columns.csv") if row["table"] == table}


def default_columns(table: str, names: list[str]) -> list[str]:
    """Return which of a table's columns HEASARC shows by default; all for unknown tables."""
    shown = {name: int(row["shown"]) for name, row in known_columns(table).items() if row["shown"]}
    return [name for name in sorted(shown, key=shown.__getitem__) if name in names] or list(names)


def described_table(name: str, arrays: Mapping[str, np.ndarray], meta: dict[str, str]) -> Table:
    """Make a known table of arrays, with units, UCDs and descriptions; NaN is masked."""
    table = Table(meta=meta)
    for column, row in known_columns(name).items():
        values = np.ma.asarray(arrays[column]).astype(row["dtype"])
        mask = np.ma.getmaskarray(values)
        if values.dtype.kind == "f":
            mask = mask | np.isnan(values.data)
        made = MaskedColumn(values.data, mask=mask) if mask.any() else Column(values.data)
        made.unit, made.description = row["unit"] or None, row["description"]
        made.meta["ucd"] = row["ucd"]
        table[column] = made
    return table


def describe_column(
    column: Column, datatype: str, known: dict[str, str], *, quoted: bool
) -> ColumnInfo:
    """
    Return the metadata of a column: what the table says, else what is known about it.

    The unit is written as HEASARC writes it where that is known, else as VOUnits does.
    """
    meta = column.info.meta or {}
    unit = known.get("unit", "") if column.info.unit is None else str(column.info.unit)
    if unit in HEASARC_UNITS:
        unit = HEASARC_UNITS[unit]
    elif column.info.unit is not None:
        with suppress(ValueError, AttributeError):  # a unit that VOUnits cannot write
            unit = column.info.unit.to_string("vounit")
    meta = {**meta, "description": column.info.description}
    texts = {
        name: str(meta.get(name) or known.get(name, ""))
        for name in ("ucd", "description", "precision", "width", "xtype")
    }
    return ColumnInfo(column.info.name.lower(), datatype, unit, quoted=quoted, **texts)
