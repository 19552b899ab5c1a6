# Licensed under a 3-clause BSD style license - see LICENSE
"""The whole result of a TAP query, or an error. Knows no catalogue.

``complete`` is the way through: count, plan, fetch, verify, count again, prove, assemble. ``adql``
takes a query apart, ``schema`` finds its keys, ``counting`` asks for counts, histograms and sums,
``plan`` cuts pages, ``fetch`` gets and verifies them, ``proof`` compares them with the service, and
``assemble`` makes the table and its certificate. ``transport`` sends the queries (``uws``: as
jobs), ``votable`` and ``binary`` decode the answers, and ``store`` keeps pages and results on disk.
"""

from .complete import complete_query
from .schema import Schema
from .store import clear_cache
from .transport import Transport

__all__ = ["Schema", "Transport", "clear_cache", "complete_query"]
