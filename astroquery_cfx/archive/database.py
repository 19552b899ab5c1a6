# Licensed under a 3-clause BSD style license - see LICENSE
"""The tables of the archive in DuckDB, closed off from files and network."""

import itertools
import threading
from collections.abc import Callable, Collection
from pathlib import Path

import duckdb
import pyarrow as pa
from astropy.table import Table

from .arrow import arrow_table, votable_datatype
from .language import QueryError
from .metadata import ColumnInfo, TableInfo, describe_column

# Columns of HEASARC's tables that no metadata list: the number of the row (datalink uses it) and,
# where there are positions, the unit vector with x and y swapped against the usual ones.
_ROW_NUMBER = {"__row": "CAST(row_number() OVER () AS INTEGER)"}
_UNIT_VECTOR = {
    "__x_ra_dec": "cos(radians(dec)) * sin(radians(ra))",
    "__y_ra_dec": "cos(radians(dec)) * cos(radians(ra))",
    "__z_ra_dec": "sin(radians(dec))",
}
# The fractional parts of multiples of the golden ratio fill the interval from 0 to 1 evenly: so
# each of many calls starts somewhere new in the table.
_GOLDEN = 0.6180339887498949


class Database:
    """
    Tables in memory, and connections that query them.

    ``order`` is that of rows without ORDER BY: 'rotated', 'stored' or 'shuffled' (see `Behaviour`).
    """

    def __init__(self, order: str):
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "enable_external_access": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
            },
        )
        self._connection.execute((Path(__file__).parent / "data" / "geometry.sql").read_text())
        # This optimizer of DuckDB 2.0 would turn COUNT(DISTINCT ...) over a join by distance into a
        # comparison of all pairs.
        costly = "distinct_aggregate_rewrite"
        known = self._connection.execute("SELECT name FROM duckdb_optimizers()").fetchall()
        if (costly,) in known:
            self._connection.execute(f"SET disabled_optimizers = '{costly}'")
        self._connection.execute("SET lock_configuration = true")
        self._order = order
        self._calls = itertools.count(1)
        self._lock = threading.Lock()
        self.tables: dict[str, TableInfo] = {}

    def close(self) -> None:
        """Release the tables."""
        self._connection.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection for one request: safe in one thread, with uploads of its own."""
        with self._lock:
            return self._connection.cursor()

    def add(
        self,
        name: str,
        table: Table,
        known: dict[str, dict[str, str]],
        quoted: Collection[str] = (),
    ) -> TableInfo:
        """Take a table in, as `store` does, in place of one of that name."""
        info = store(self._connection, name, table, known, quoted)
        self.tables[name.lower()] = info
        return info

    def row_source(self) -> Callable[[TableInfo], str]:
        """Return a function that gives the SQL for a table's rows, in the order of one query."""
        number = next(self._calls)

        def source_sql(table: TableInfo) -> str:
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

        return source_sql


def store(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    table: Table,
    known: dict[str, dict[str, str]],
    quoted: Collection[str] = (),
    *,
    temporary: bool = False,
) -> TableInfo:
    """
    Make a table of the database under a name in ADQL, of the columns that hold scalars.

    ``known`` are the rows of data/columns.csv about its columns, ``quoted`` the columns that
    queries must put in quotes. A table that is not temporary gets HEASARC's implicit columns and
    row order.
    """
    rows = arrow_table(table)
    info = TableInfo(
        name,
        name.lower().replace(".", "__"),
        rows=len(table),
        description=str(table.meta.get("description", "") or ""),
        simulated=str(table.meta.get("simulated", "") or ""),
        rotated=not temporary,
    )
    for column in table.itercols():
        lower = column.info.name.lower()
        if lower in rows.column_names:
            info.columns[lower] = describe_column(
                column,
                votable_datatype(rows[lower]),
                known.get(lower, {}),
                quoted=lower in quoted,
            )
    implicit = {}
    if not temporary:
        has_positions = {"ra", "dec"} <= info.columns.keys()
        implicit = _ROW_NUMBER | (_UNIT_VECTOR if has_positions else {})
        implicit = {name: sql for name, sql in implicit.items() if name not in info.columns}
    for hidden in implicit:
        info.columns[hidden] = ColumnInfo(hidden, "int" if hidden == "__row" else "double")
    items = ", ".join(["*", *(f"{sql} AS {name}" for name, sql in implicit.items())])
    kind = "TEMP TABLE" if temporary else "OR REPLACE TABLE"
    connection.register("incoming", rows)
    try:
        connection.execute(f'CREATE {kind} "{info.physical}" AS SELECT {items} FROM incoming')
    finally:
        connection.unregister("incoming")
    return info


def run(cursor: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    """Return the rows of a query, or raise a `QueryError` in the database's words."""
    try:
        return cursor.sql(sql).to_arrow_table()
    except duckdb.InterruptException as error:
        raise QueryError("the query was stopped") from error
    except duckdb.Error as error:
        raise QueryError(str(error).splitlines()[0].split("Error: ", 1)[-1]) from error
