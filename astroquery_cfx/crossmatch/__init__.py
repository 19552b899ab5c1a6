# Licensed under a 3-clause BSD style license - see LICENSE
"""Which rows of two catalogues lie together on the sky, and which belong together. No I/O, no network."""

from .association import associate_tables
from .calibration import calibrate_association
from .error_ellipse import ErrorEllipse
from .groups import group_matches
from .tables import crossmatch_tables

__all__ = ["ErrorEllipse", "associate_tables", "calibrate_association", "crossmatch_tables", "group_matches"]
