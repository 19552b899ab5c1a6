# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables that a query brings along."""

import io
import re

from .sql import QueryError

__all__ = ["UPLOAD_ROWS", "read_uploads"]

UPLOAD_ROWS = 50_000


def read_uploads(value, files):
    """
    Read the tables that the parameter UPLOAD names.

    Parameters
    ----------
    value : list of str
        ``name,param:part`` each, several also joined by ``;``.
    files : dict of str to bytes
        The parts of the request.

    Returns
    -------
    dict of str to `~astropy.table.Table`

    Raises
    ------
    QueryError
        If a table cannot be read, is too long, or is not part of the request.
    """
    tables = {}
    for item in ";".join(value).split(";"):
        if not item.strip():
            continue
        name, _, uri = (part.strip() for part in item.partition(","))
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
            raise QueryError(f'"{name}" is no name for an uploaded table')
        if not uri.startswith("param:") or uri[6:] not in files:
            raise QueryError(
                f"upload {name}: only tables that are part of the request are taken (param:...)"
            )
        tables[name] = _read(name, files[uri[6:]])
    return tables


def _read(name, content):
    from astropy.io.votable import parse_single_table

    try:
        table = parse_single_table(io.BytesIO(content)).to_table(use_names_over_ids=True)
    except Exception as error:
        raise QueryError(f"uploaded table {name} cannot be read: {error}") from error
    if len(table) > UPLOAD_ROWS:
        raise QueryError(
            f"uploaded table {name} has {len(table)} rows: at most {UPLOAD_ROWS} are taken"
        )
    for column in table.colnames:
        if re.search(r"[-+]", column):
            raise QueryError(f'syntax error at or near "{column}"')
    return table
