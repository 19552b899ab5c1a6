# Licensed under a 3-clause BSD style license - see LICENSE
"""What the archive knows of its tables and columns, whatever engine holds the rows."""

from dataclasses import dataclass, field, replace

__all__ = ["IMPLICIT_COLUMNS", "ColumnInfo", "TableInfo"]

# Integer nulls as Xamin writes them: VOTable's BINARY has no other way to say NULL.
NULLS = {"short": -32768, "int": -2147483648, "long": -9223372036854775808}
# VOTable's char is ASCII; what is not needs the other.
STRINGS = ("char", "unicodeChar")


@dataclass(frozen=True)
class ColumnInfo:
    """One column: its name and all that a FIELD or TAP_SCHEMA says of it; empty where nothing is known."""

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
    def hidden(self):
        """Selectable by name, but not part of ``*`` nor of TAP_SCHEMA."""
        return self.name.startswith("__")

    @property
    def listed_name(self):
        """The name as TAP_SCHEMA gives it: with quotes where a query must have them."""
        return f'"{self.name}"' if self.quoted else self.name

    @property
    def arraysize(self):
        """``'*'`` for strings, ``''`` for scalars."""
        return "*" if self.datatype in STRINGS else ""

    @property
    def null(self):
        """The number that stands for NULL, or None where NaN, '' or '?' does."""
        return NULLS.get(self.datatype)

    def renamed(self, name):
        """The same column under another name."""
        return replace(self, name=name)

    def computed(self, datatype):
        """As a column of a result, which may have another type than the stored one."""
        return replace(self, datatype=datatype)


IMPLICIT_COLUMNS = {
    "__row": ColumnInfo("__row", "int"),
    "__x_ra_dec": ColumnInfo("__x_ra_dec", "double"),
    "__y_ra_dec": ColumnInfo("__y_ra_dec", "double"),
    "__z_ra_dec": ColumnInfo("__z_ra_dec", "double"),
}


@dataclass
class TableInfo:
    """One table: its name in ADQL, its name in the database, its columns in order by lower-case name."""

    name: str
    physical: str
    columns: dict = field(default_factory=dict)
    rows: int = 0
    description: str = ""
    simulated: str = ""
    rotated: bool = True

    @property
    def visible(self):
        """The columns of ``*`` and of TAP_SCHEMA."""
        return {name: column for name, column in self.columns.items() if not column.hidden}

    @property
    def positional(self):
        """Whether the table has positions."""
        return "ra" in self.columns and "dec" in self.columns
