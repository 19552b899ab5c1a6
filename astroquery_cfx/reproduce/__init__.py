# Licensed under a 3-clause BSD style license - see LICENSE
"""The whole job: from the archives to every table, every figure and the page that shows them.

``job`` fetches the tables, takes them through ``steps`` (select, match, group, associate), draws
what ``drawings`` lists, and shows it all on the page of ``report``.
"""

from .job import reproduce
from .steps import (
    class_shares,
    flux_statistics,
    galactic_coordinates,
    group_table,
    match_plane,
    matched_table,
    select_classes,
    select_observed,
    select_plane,
    select_positive,
    separations_table,
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
