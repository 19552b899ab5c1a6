# Licensed under a 3-clause BSD style license - see LICENSE
"""
Which rows of two tables lie together on the sky. No I/O, no network.

From tables to pairs: ``tables.py`` checks, matches and joins; ``positions.py`` finds the positions
of a table; ``pairs.py`` finds the rows within a radius or error ellipse, with ``ellipse.py`` (error
ellipses), ``sphere.py`` and ``grid.py`` (all pairs within a radius). ``groups.py`` makes one row
per source of the pairs.
"""

from .ellipse import ErrorEllipse as ErrorEllipse
from .groups import group_matches as group_matches
from .tables import crossmatch_tables as crossmatch_tables
