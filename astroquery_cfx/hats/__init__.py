# Licensed under a 3-clause BSD style license - see LICENSE
"""Cross-match catalogues larger than memory, with LSDB, HATS and Dask."""

from .crossmatch import EllipsePairs, RadiusPairs, crossmatch_hats
from .write import to_hats

__all__ = ["EllipsePairs", "RadiusPairs", "crossmatch_hats", "to_hats"]
