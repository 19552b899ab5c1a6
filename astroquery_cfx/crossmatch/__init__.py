# Licensed under a 3-clause BSD style license - see LICENSE
"""Which rows of two tables lie together on the sky. No I/O, no network.

From tables to arrays and back: `.tables` (validate, match, join), `.positions` (where a table has
its positions), `.pairs` (radius or ellipse to pairs of rows), `.ellipse` (error ellipses),
`.sphere` and `.grid` (all pairs within a radius), `.groups` (one row per source).
"""

from .ellipse import ErrorEllipse as ErrorEllipse
from .groups import group_matches as group_matches
from .tables import crossmatch_tables as crossmatch_tables
