# Licensed under a 3-clause BSD style license - see LICENSE
"""The TAP service without its HTTP: parameters in, results out."""

from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa

from .catalogue import STRINGS
from .database import Database, run, store, votable_type
from .sql import QueryError
from .tap_schema import add_tables
from .translate import translate

__all__ = ["Result", "Service"]

_ARROW_TYPES = {
    "short": pa.int16(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "char": pa.string(),
    "unicodeChar": pa.string(),
    "boolean": pa.bool_(),
}


@dataclass
class Result:
    """What a query gave."""

    query: str
    columns: list
    rows: pa.Table
    overflow: bool = False
    overflow_flag: str = "after"
    simulated: tuple = ()


class Service:
    """
    Tables, and the queries on them, as the service answers them.

    Parameters
    ----------
    tables : dict of str to `~astropy.table.Table`
        By name in ADQL, without the service's prefix.
    behaviour : Behaviour
        How the service answers.
    """

    def __init__(self, tables, behaviour):
        self.behaviour = behaviour
        self.database = Database(behaviour.order)
        add_tables(self.database, tables, behaviour)

    def close(self):
        """Let go of the tables."""
        self.database.close()

    def query(self, adql, *, maxrec=None, uploads=None, on_start=None):
        """
        Answer a query.

        Parameters
        ----------
        adql : str
            The query.
        maxrec : int, optional
            MAXREC of the request.
        uploads : dict of str to `~astropy.table.Table`, optional
            Tables that the request brings, by name after ``TAP_UPLOAD.``.
        on_start : callable, optional
            Gets the cursor that runs the query, to stop it from another thread.

        Returns
        -------
        Result

        Raises
        ------
        QueryError
            If the query is wrong or fails.
        """
        with closing(self.database.cursor()) as cursor:
            if on_start is not None:
                on_start(cursor)
            uploaded = {
                f"tap_upload.{name.lower()}": store(
                    cursor,
                    table,
                    f"TAP_UPLOAD.{name}",
                    f"tap_upload_{name.lower()}",
                    temporary=True,
                )
                for name, table in (uploads or {}).items()
            }
            return self._run(cursor, adql, maxrec, uploaded)

    def _run(self, cursor, adql, maxrec, uploaded):
        translation = translate(
            adql,
            lambda name: uploaded.get(name) or self.database.find(name),
            self.behaviour,
            self._source_sql(uploaded),
        )
        limit, flagged = self.behaviour.row_limit(translation.top, maxrec)
        # one row more than is flagged proves that rows are missing
        asked = (
            limit
            if limit is None or flagged is None or limit < flagged
            else max(limit, flagged + 1)
        )
        if translation.top is not None and asked is not None:
            asked = min(asked, translation.top)
        rows = run(cursor, translation.sql(asked))
        overflow = flagged is not None and (
            rows.num_rows > flagged or (self.behaviour.false_overflow and rows.num_rows == flagged)
        )
        rows = rows.slice(0, limit) if limit is not None else rows
        columns = [
            _result_column(column, array)
            for column, array in zip(translation.columns, rows.columns, strict=True)
        ]
        return Result(
            adql,
            columns,
            _cast(rows, columns, self.behaviour.null_string),
            overflow,
            self.behaviour.overflow_flag,
            tuple(
                dict.fromkeys(table.simulated for table in translation.tables if table.simulated)
            ),
        )

    def _source_sql(self, uploaded):
        source = self.database.source()
        temporary = {table.physical for table in uploaded.values()}
        return lambda table: f'"{table.physical}"' if table.physical in temporary else source(table)


def _result_column(column, array):
    datatype = votable_type(array)
    if datatype == "char" and column.datatype == "unicodeChar":  # whatever these rows hold
        return column
    return column.computed(datatype)


def _cast(rows, columns, null_string):
    """Columns in the types that they are sent as, whatever the database computed in."""
    arrays = []
    for array, column in zip(rows.columns, columns, strict=True):
        wanted = _ARROW_TYPES[column.datatype]
        if array.type != wanted:
            try:
                array = array.cast(wanted)
            except pa.ArrowInvalid as error:
                raise QueryError(f"value out of range in column {column.name}") from error
        if null_string and column.datatype in STRINGS:
            array = array.fill_null(null_string)
        arrays.append(array)
    return pa.Table.from_arrays(arrays, names=[str(number) for number in range(len(arrays))])
