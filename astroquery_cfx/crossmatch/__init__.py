# Licensed under a 3-clause BSD style license - see LICENSE
"""Which rows of two tables lie together on the sky. No I/O, no network."""

from .ellipse import ErrorEllipse
from .groups import group_matches
from .tables import crossmatch_tables

__all__ = ["ErrorEllipse", "crossmatch_tables", "group_matches"]
