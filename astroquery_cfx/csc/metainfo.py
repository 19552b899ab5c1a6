# Licensed under a 3-clause BSD style license - see LICENSE
"""What HEASARC says of its catalogues beside TAP_SCHEMA: standard columns and default radii."""

from astropy.table import Table

from ..errors import ServiceError, ServiceUnavailableError
from ..tap import complete_query

__all__ = ["read_metainfo"]

_META_QUERY = (
    "SELECT name, relation, value FROM metainfo WHERE (type = 'parameter' AND relation = 'order') "
    "OR relation = 'defaultSearchRadius'"
)


def read_metainfo(service, schema):
    """
    Standard columns and default radii of all catalogues.

    Parameters
    ----------
    service : `~pyvo.dal.TAPService`
    schema : `~astroquery_cfx.tap.Schema`

    Returns
    -------
    `~astropy.table.Table`
        Rows (table, par, value), as `astroquery.heasarc` has them; none where the service has no metainfo.
    """
    try:
        found = complete_query(service, _META_QUERY, schema=schema)
    except ServiceUnavailableError:
        raise
    except ServiceError:
        found = []
    rows = []
    for row in found:
        table, _, parameter = str(row["name"]).partition(".")
        try:
            value = float(row["value"])
        except ValueError:
            continue
        if value > 0:
            rows.append((table.strip(), parameter.strip(), value))
    names = ("table", "par", "value")
    return (
        Table(rows=rows, names=names, dtype=("U64", "U64", "f4"))
        if rows
        else Table(names=names, dtype=("U64", "U64", "f4"))
    )
