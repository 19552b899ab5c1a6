# Licensed under a 3-clause BSD style license - see LICENSE
"""Which rows of two catalogues lie together on the sky. No I/O, no network."""

from .groups import group_matches
from .tables import crossmatch_tables

__all__ = ["crossmatch_tables", "group_matches"]
