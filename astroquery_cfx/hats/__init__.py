# Licensed under a 3-clause BSD style license - see LICENSE
"""
Cross-match catalogues larger than memory, with LSDB, HATS and Dask.

It needs the extra ``astroquery_cfx[hats]``. ``write.py`` makes a HATS catalogue of a table, and
``core.py`` matches two of them with the algorithms for LSDB in ``algorithms.py``.
"""

from .algorithms import EllipsePairs, RadiusPairs
from .core import crossmatch_hats
from .write import to_hats

__all__ = ["EllipsePairs", "RadiusPairs", "crossmatch_hats", "to_hats"]
