# Licensed under a 3-clause BSD style license - see LICENSE
"""The tables of the archive in DuckDB, closed off from files and network."""

import itertools
import threading

import duckdb
import pyarrow as pa

from .catalogue import IMPLICIT_COLUMNS, TableInfo
from .columns import arrow_table, describe_column, is_ascii
from .geometry import MACROS
from .sql import QueryError

__all__ = ["Database", "votable_type"]

_GOLDEN = 0.6180339887498949


class Database:
    """
    Tables in memory, and queries on them.

    Parameters
    ----------
    order : {'rotated', 'stored', 'shuffled'}
        The order of rows that no ORDER BY puts in order.
    """

    def __init__(self, order):
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "enable_external_access": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
            },
        )
        self._connection.execute(MACROS)
        self._plan_joins_well()
        self._connection.execute("SET lock_configuration = true")
        self._order = order
        self._calls = itertools.count(1)
        self._lock = threading.Lock()
        self.tables = {}

    def _plan_joins_well(self):
        """COUNT(DISTINCT ...) over a join by distance must not become a comparison of all pairs."""
        costly = "distinct_aggregate_rewrite"  # DuckDB 2.0
        known = self._connection.execute("SELECT name FROM duckdb_optimizers()").fetchall()
        if (costly,) in known:
            self._connection.execute(f"SET disabled_optimizers = '{costly}'")

    def close(self):
        """Let go of the tables."""
        self._connection.close()

    def cursor(self):
        """A connection of its own for one request: safe in one thread, with its own uploads."""
        with self._lock:
            return self._connection.cursor()

    def find(self, name):
        """The table of a lower-case name, or None."""
        return self.tables.get(name)

    def add(self, name, table, *, known=None, rotated=True):
        """
        Take a table in.

        Parameters
        ----------
        name : str
            Its name in ADQL.
        table : `~astropy.table.Table`
            Scalar columns only are taken.
        known : dict of ColumnInfo, optional
            What is known of its columns where the table does not say.
        rotated : bool
            Whether its rows come in another order each time.
        """
        info = store(self._connection, table, name, name.lower().replace(".", "__"), known=known)
        info.rotated = rotated
        self.tables[name.lower()] = info

    def replace(self, name, table):
        """Put other rows in the place of a table's; its columns stay."""
        self._connection.register("incoming", arrow_table(table))
        info = self.tables[name.lower()]
        names = ", ".join(f'"{column}"' for column in info.visible)
        self._connection.execute(f'DELETE FROM "{info.physical}"')
        self._connection.execute(
            f'INSERT INTO "{info.physical}" ({names}, __row) '
            f"SELECT {names}, row_number() OVER () FROM incoming"
        )
        self._connection.unregister("incoming")
        info.rows = len(table)

    def source(self):
        """
        How the rows of tables are written in the SQL of one query.

        Returns
        -------
        callable
            TableInfo in, SQL out: the table, or its rows from another start, or mixed.
        """
        number = next(self._calls)

        def sql(table):
            name = f'"{table.physical}"'
            if self._order == "stored" or not table.rotated or table.rows < 2:
                return name
            if self._order == "shuffled":
                return f"(SELECT * FROM {name} ORDER BY hash(__row + {number}))"
            start = int(number * _GOLDEN % 1 * table.rows)
            return (
                f"(SELECT * FROM {name} WHERE __row > {start} UNION ALL "
                f"SELECT * FROM {name} WHERE __row <= {start})"
            )

        return sql


def store(connection, table, name, physical, *, known=None, temporary=False):
    """Make a table of the database, with the implicit columns of HEASARC's tables; gives its TableInfo."""
    known = known or {}
    rows = arrow_table(table)
    info = TableInfo(
        name,
        physical,
        rows=len(table),
        description=str(table.meta.get("description", "") or ""),
        simulated=str(table.meta.get("simulated", "") or ""),
    )
    for column in table.itercols():
        lower = column.info.name.lower()
        if lower in rows.column_names:
            info.columns[lower] = describe_column(
                column, votable_type(rows[lower]), known.get(lower)
            )
    implicit = {} if temporary else {"__row": "CAST(row_number() OVER () AS INTEGER)"}
    if info.positional and not temporary:
        implicit |= {
            "__x_ra_dec": "cos(radians(dec)) * sin(radians(ra))",
            "__y_ra_dec": "cos(radians(dec)) * cos(radians(ra))",
            "__z_ra_dec": "sin(radians(dec))",
        }
    implicit = {name: sql for name, sql in implicit.items() if name not in info.columns}
    info.columns |= {name: IMPLICIT_COLUMNS[name] for name in implicit}
    connection.register("incoming", rows)
    try:
        items = ", ".join(["*", *(f"{sql} AS {name}" for name, sql in implicit.items())])
        connection.execute(
            f'CREATE {"TEMP " * temporary}TABLE "{physical}" AS SELECT {items} FROM incoming'
        )
    finally:
        connection.unregister("incoming")
    return info


def run(cursor, sql):
    """
    Rows of a query, as Arrow.

    Raises
    ------
    QueryError
        In the database's words, without its own prefixes.
    """
    try:
        return cursor.sql(sql).to_arrow_table()
    except duckdb.InterruptException as error:
        raise QueryError("the query was stopped") from error
    except duckdb.Error as error:
        words = str(error).splitlines()[0]
        raise QueryError(words.split("Error: ", 1)[-1]) from error


def votable_type(array):
    """VOTable datatype of an Arrow array."""
    kind = array.type
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_float32(kind):
        return "float"
    if pa.types.is_floating(kind) or (pa.types.is_decimal(kind) and kind.scale > 0):
        return "double"
    if pa.types.is_int8(kind) or pa.types.is_uint8(kind) or pa.types.is_int16(kind):
        return "short"
    if pa.types.is_int32(kind) or pa.types.is_uint16(kind):
        return "int"
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return "long"
    return "char" if not pa.types.is_string(kind) or is_ascii(array) else "unicodeChar"
