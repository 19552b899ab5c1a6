# Licensed under a 3-clause BSD style license - see LICENSE
"""The whole job: from the archives to every table, every figure and the page that shows them."""

from .job import reproduce
from .matching import class_shares, group_table, match_plane, matched_table, separations_table
from .selection import (
    flux_statistics,
    galactic_coordinates,
    select_classes,
    select_observed,
    select_plane,
    select_positive,
)

__all__ = [
    "class_shares",
    "flux_statistics",
    "galactic_coordinates",
    "group_table",
    "match_plane",
    "matched_table",
    "reproduce",
    "select_classes",
    "select_observed",
    "select_plane",
    "select_positive",
    "separations_table",
]
