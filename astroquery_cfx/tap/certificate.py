# Licensed under a 3-clause BSD style license - see LICENSE
"""The certificate of a result: what was asked, counted, fetched and proved."""

import platform
from datetime import UTC, datetime

import astropy
import numpy as np
import pyvo

from ..version import version

__all__ = ["certify"]


def certify(url, adql, table, count, fetched, notes, asked):
    """
    Write the certificate.

    Parameters
    ----------
    url, adql : str
    table : `~astropy.table.Table`
    count : int
        Rows counted, the same before and after.
    fetched : list of Fetched
    notes : list of str
        What was proved beyond the counts, and what could not be.
    asked : dict
        Limits that the user asked for: maxrec, top.

    Returns
    -------
    dict
        Of plain values, ready for JSON.
    """
    return {
        "service": url,
        "adql": adql,
        "rows": len(table),
        "rows_before": count,
        "rows_after": count,
        "complete": len(table) == count,
        **asked,
        "pages": [_page(item) for item in fetched],
        "notes": list(notes),
        "retrieved": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "astroquery_cfx": version,
            "astropy": astropy.__version__,
            "numpy": np.__version__,
            "pyvo": pyvo.__version__,
            "python": platform.python_version(),
        },
    }


def _page(item):
    """A page's record: the range of the leading key, and the whole condition."""
    lead = item.page.ranges[0] if item.page.ranges else None
    return {
        "low": lead.low if lead else None,
        "high": lead.high if lead else None,
        "where": item.page.condition,
        "rows": item.page.rows,
        "sha256": item.sha256,
        "attempts": item.attempts,
    }
