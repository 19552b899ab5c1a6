# Licensed under a 3-clause BSD style license - see LICENSE
"""Cross-match catalogues larger than memory, with LSDB, HATS and Dask.

`.write` makes a HATS catalogue of a table, `.core` matches two of them, with the algorithms for
LSDB in `.algorithms`. It needs the extra ``astroquery_cfx[hats]``.
"""

from .algorithms import EllipsePairs, RadiusPairs
from .core import crossmatch_hats
from .write import to_hats

__all__ = ["EllipsePairs", "RadiusPairs", "crossmatch_hats", "to_hats"]
