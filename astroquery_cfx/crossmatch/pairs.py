# Licensed under a 3-clause BSD style license - see LICENSE
"""Pairs of rows: the region in which rows match (radius or error ellipse), and the pairs in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from ..arrays import column_floats, first_of_each, to_floats
from ..errors import InvalidInputError
from .ellipse import ErrorEllipse, axis_scale, find_pairs_in_ellipses
from .positions import Positions
from .sphere import find_pairs


def read_region(radius: Any, left_ellipse: Any, left: Table, right: Table) -> Region:
    """Return the region of a match, as the user gave it, checked against the tables."""
    if isinstance(radius, ErrorEllipse):
        of_left = None if left_ellipse is None else left_ellipse.of(left, side="left")
        return Region(radius.of(right), of_left, str(radius))
    if left_ellipse is not None:
        raise InvalidInputError(
            "left_ellipse is given, but the radius is not an ErrorEllipse.",
            remedy="give the error ellipses of the right table as radius.",
        )
    degrees = read_radius(radius, right)
    is_array = not isinstance(radius, str) and radius.shape
    return Region(degrees, None, "one for each row of the right table" if is_array else str(radius))


def read_radius(radius: Any, right: Table) -> np.ndarray:
    """Return the radius in degrees: one, or one for each row of ``right``, NaN where unknown."""
    if isinstance(radius, str) and radius in right.colnames:
        values = column_floats(right, radius, u.deg, label="right table")
    else:
        angle = parse_quantity(radius) if isinstance(radius, str) else radius
        if not (isinstance(angle, u.Quantity) and angle.unit.is_equivalent(u.deg)):
            raise InvalidInputError(
                f"The radius {radius!r} is neither an angle with a unit nor a right column.",
                remedy="give it a unit, e.g. 0.1*u.deg, or name a column of the right table.",
            )
        values = to_floats(angle.to(u.deg))
    if values.shape not in ((), (len(right),)):
        raise InvalidInputError(
            f"There are radii of shape {values.shape} for {len(right)} rows of the right table.",
            remedy="give one radius for all, or one for each row.",
        )
    if values.shape == () and not 0 <= values < np.inf:
        raise InvalidInputError(
            f"The radius {radius} is negative or not a finite number.",
            remedy="give an angle of zero or more.",
        )
    rows = np.flatnonzero(values < 0)
    if len(rows):
        first = ", ".join(map(str, rows[:5]))
        raise InvalidInputError(
            f"{len(rows)} radii are negative, the first are of rows {first} of the right table.",
            remedy="give angles of zero or more.",
        )
    return np.where(np.isfinite(values), values, np.nan)


def parse_quantity(text: str) -> u.Quantity | None:
    """Return the quantity that a text like '3 arcsec' is, None if it is not one."""
    try:
        return u.Quantity(text)
    except TypeError:
        return None


@dataclass(frozen=True)
class Region:
    """Where rows match: a radius in degrees (one, or one per right row) or error ellipses."""

    right: np.ndarray | ErrorEllipse
    left: ErrorEllipse | None
    text: str  # what the user gave

    def find_pairs(self, left: Positions, right: Positions) -> Pairs:
        """Return all pairs in the region, with offsets in units of the ellipse as it was given."""
        if not isinstance(self.right, ErrorEllipse):
            return Pairs(*find_pairs(left.ra, left.dec, right.ra, right.dec, self.right))
        region, given = self.right.region, self.right.containment
        of_left = None if self.left is None else self.left.scaled(region.containment).degrees()
        i, j, separation, _, offset = find_pairs_in_ellipses(
            left.ra, left.dec, right.ra, right.dec, region.degrees(), left_ellipses=of_left
        )
        offset = offset * axis_scale(region.containment) / axis_scale(given)
        return Pairs(i, j, separation, offset, given)

    def count_missing(self) -> dict[str, int]:
        """Return how many rows of each side have no radius or ellipse."""
        missing = {}
        for side, region in (("right", self.right), ("left", self.left)):
            if region is not None:
                radius = region.degrees()[0] if isinstance(region, ErrorEllipse) else region
                missing[f"{side}_without_radius"] = int(np.sum(~np.isfinite(radius)))
        return missing


@dataclass(frozen=True)
class Pairs:
    """Rows of each side (-1: none), separations in degrees, and offsets in units of an ellipse."""

    left: np.ndarray
    right: np.ndarray
    separation: np.ndarray
    offset: np.ndarray | None = None
    containment: float | None = None  # of the ellipse

    def select(self, keep: str) -> Pairs:
        """Return all pairs, or those of the nearest rows; of equal separations, the first row."""
        if keep == "all":
            return self
        chosen = np.ones(len(self.left), dtype=bool)
        if keep in ("nearest_left", "mutual"):
            order = np.lexsort((self.left, self.separation, self.right))
            chosen &= first_of_each(self.right, order)
        if keep in ("nearest_right", "mutual"):
            order = np.lexsort((self.right, self.separation, self.left))
            chosen &= first_of_each(self.left, order)
        return self._take(chosen)

    def add_unmatched(self, join: str, left_rows: int, right_rows: int) -> Pairs:
        """Add rows without a partner: right rows in their places, left rows at the end."""
        if join == "inner":
            return self
        lone_left = np.setdiff1d(np.arange(left_rows if join != "right" else 0), self.left)
        lone_right = np.setdiff1d(np.arange(right_rows if join != "left" else 0), self.right)
        unknown = np.full(len(lone_left) + len(lone_right), np.nan)
        pairs = Pairs(
            np.concatenate((self.left, np.full(len(lone_right), -1), lone_left)),
            np.concatenate((self.right, lone_right, np.full(len(lone_left), -1))),
            np.append(self.separation, unknown),
            None if self.offset is None else np.append(self.offset, unknown),
            self.containment,
        )
        place = np.where(pairs.right < 0, right_rows, pairs.right)
        return pairs._take(np.argsort(place, kind="stable"))

    def _take(self, rows: np.ndarray) -> Pairs:
        left, right, separation = self.left[rows], self.right[rows], self.separation[rows]
        offset = None if self.offset is None else self.offset[rows]
        return Pairs(left, right, separation, offset, self.containment)
