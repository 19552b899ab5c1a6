# Licensed under a 3-clause BSD style license - see LICENSE
"""One query, from the parameters of its request to its result."""

import io
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import duckdb
import pyarrow as pa
from astropy.io.votable import parse_single_table
from astropy.table import Table

from .arrow import ARROW_TYPES, votable_datatype
from .behaviour import Behaviour
from .database import Database, run, store
from .language import QueryError, RequestError
from .metadata import STRINGS, ColumnInfo
from .serialize import Result, find_format
from .tap_schema import add_tables
from .translate import translate
from .web import Request, Response

UPLOAD_ROWS = 50_000  # what clients of HEASARC's service have settled on
_LANGUAGES = {"ADQL", "ADQL-2.0", "ADQL-2.1"}

CursorTaker = Callable[[duckdb.DuckDBPyConnection], None]


class Service:
    """Tables, by name in ADQL without the service's prefix, and the queries on them."""

    def __init__(self, tables: dict[str, Table], behaviour: Behaviour):
        self.behaviour = behaviour
        self.database = Database(behaviour.order)
        add_tables(self.database, tables, behaviour)

    def close(self) -> None:
        """Release the tables."""
        self.database.close()

    def respond(self, request: Request, on_start: CursorTaker | None = None) -> Response:
        """Check a request's parameters (TAP 1.1, section 2.7), run its query, write the result."""
        maxrec = None
        if request.last("MAXREC").strip():
            try:
                maxrec = int(request.last("MAXREC"))
            except ValueError:
                maxrec = -1
            if maxrec < 0:
                raise RequestError(f"MAXREC {request.last('MAXREC')} is not a number of rows")
        media_type, write = find_format(request.last("RESPONSEFORMAT") or request.last("FORMAT"))
        kind = request.last("REQUEST") or "doQuery"  # TAP 1.1 has dropped it, clients still send it
        if kind != "doQuery":
            raise RequestError(f"REQUEST {kind} is not supported")
        language = request.last("LANG", "ADQL")
        if language.upper() not in _LANGUAGES:
            raise RequestError(f"LANG {language} is not supported: use ADQL")
        if not request.last("QUERY").strip():
            raise RequestError("QUERY is missing")
        result = self.query(
            request.last("QUERY"), maxrec=maxrec, uploads=_uploads(request), on_start=on_start
        )
        return Response(write(result), media_type)

    def query(
        self,
        adql: str,
        *,
        maxrec: int | None = None,
        uploads: dict[str, Table] | None = None,
        on_start: CursorTaker | None = None,
    ) -> Result:
        """
        Answer a query, or raise a `QueryError`. All queries run here, at once or in jobs.

        ``uploads`` are tables by their names after ``TAP_UPLOAD.``; ``on_start`` is given the
        cursor that runs the query, so that another thread can interrupt it.
        """
        with closing(self.database.cursor()) as cursor:
            if on_start is not None:
                on_start(cursor)
            uploaded = {}
            for name, table in (uploads or {}).items():
                full = f"TAP_UPLOAD.{name}"
                uploaded[full.lower()] = store(cursor, full, table, {}, temporary=True)
            tables = self.database.tables | uploaded
            source_sql = self.database.row_source()
            translation = translate(adql, tables.get, self.behaviour, source_sql)
            limit, flagged = self.behaviour.row_limit(translation.top, maxrec)
            wanted = limit
            if limit is not None and flagged is not None and limit >= flagged:
                wanted = max(limit, flagged + 1)  # one row more proves that rows are missing
            if wanted is not None and translation.top is not None:
                wanted = min(wanted, translation.top)
            rows = run(cursor, translation.sql(wanted))
        found = rows.num_rows
        overflow = flagged is not None and (
            found > flagged or (self.behaviour.false_overflow and found == flagged)
        )
        rows = rows if limit is None else rows.slice(0, limit)
        columns, arrays = [], []
        for column, array in zip(translation.columns, rows.columns, strict=True):
            column, array = _as_sent(column, array)
            if column.datatype in STRINGS and self.behaviour.null_string:
                array = array.fill_null(self.behaviour.null_string)
            columns.append(column)
            arrays.append(array)
        rows = pa.Table.from_arrays(arrays, names=[str(number) for number in range(len(arrays))])
        notes = dict.fromkeys(table.simulated for table in translation.tables if table.simulated)
        flag = self.behaviour.overflow_flag
        return Result(adql, columns, rows, overflow, flag, tuple(notes))


def _as_sent(column: ColumnInfo, array: pa.ChunkedArray) -> tuple[ColumnInfo, pa.ChunkedArray]:
    """Return a column in the type that it is sent in, which may differ from the one computed in."""
    datatype = votable_datatype(array)
    # The type of a stored column of text does not depend on which rows a query finds.
    if not (datatype == "char" and column.datatype == "unicodeChar"):
        column = replace(column, datatype=datatype)
    try:
        return column, array.cast(ARROW_TYPES[column.datatype])
    except pa.ArrowInvalid as error:
        raise QueryError(f"value out of range in column {column.name}") from error


def _uploads(request: Request) -> dict[str, Table]:
    """Read the tables of UPLOAD: ``name,param:part``, joined by ``;`` (DALI 1.1, section 3.4.5)."""
    tables = {}
    for item in ";".join(request.parameters.get("UPLOAD", [])).split(";"):
        if not item.strip():
            continue
        name, _, uri = (part.strip() for part in item.partition(","))
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
            raise RequestError(f'"{name}" is not a name for an uploaded table')
        part = uri.removeprefix("param:")
        if part == uri or part not in request.files:  # a service on loopback fetches no URL
            raise RequestError(
                f"upload {name}: only tables that are part of the request are accepted (param:...)"
            )
        try:
            votable = parse_single_table(io.BytesIO(request.files[part]))
            table = tables[name] = votable.to_table(use_names_over_ids=True)
        except Exception as error:
            raise RequestError(f"uploaded table {name} cannot be read: {error}") from error
        if len(table) > UPLOAD_ROWS:
            raise RequestError(
                f"uploaded table {name} has {len(table)} rows: at most {UPLOAD_ROWS} are accepted"
            )
        for column in table.colnames:
            if re.search(r"[-+]", column):  # HEASARC's service fails on these, with such words
                raise RequestError(f'syntax error at or near "{column}"')
    return tables
