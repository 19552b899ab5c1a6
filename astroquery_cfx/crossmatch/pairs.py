# Licensed under a 3-clause BSD style license - see LICENSE
"""Pairs of rows: the region that a match allows (radius or error ellipse), and the pairs within it."""

from dataclasses import dataclass, replace

import numpy as np
from astropy import units as u

from ..arrays import column_floats, first_of_each, to_floats
from ..errors import InvalidInputError
from .ellipse import ErrorEllipse, axis_scale, find_pairs_in_ellipses
from .sphere import find_pairs

__all__ = ["Ellipses", "Radius", "parse_quantity", "read_radius", "read_region"]


@dataclass(frozen=True)
class Pairs:
    """Rows of each side (-1: none) and separations."""

    left: np.ndarray
    right: np.ndarray
    separation: np.ndarray
    offset: np.ndarray | None = None  # in units of the error ellipse
    containment: float | None = None  # of that ellipse

    def _take(self, rows):
        return replace(
            self,
            left=self.left[rows],
            right=self.right[rows],
            separation=self.separation[rows],
            offset=None if self.offset is None else self.offset[rows],
        )

    def kept(self, keep):
        chosen = np.ones(len(self.left), dtype=bool)
        if keep in ("nearest_left", "mutual"):
            chosen &= first_of_each(
                self.right, np.lexsort((self.left, self.separation, self.right))
            )
        if keep in ("nearest_right", "mutual"):
            chosen &= first_of_each(self.left, np.lexsort((self.right, self.separation, self.left)))
        return self if keep == "all" else self._take(chosen)

    def joined(self, join, left_rows, right_rows):
        pairs = self
        if join in ("right", "outer"):
            alone = np.setdiff1d(np.arange(right_rows), self.right)
            pairs = pairs._with(np.full(len(alone), -1), alone)
            pairs = pairs._take(np.argsort(pairs.right, kind="stable"))
        if join in ("left", "outer"):
            alone = np.setdiff1d(np.arange(left_rows), self.left)
            pairs = pairs._with(alone, np.full(len(alone), -1))
        return pairs

    def _with(self, left, right):
        nothing = np.full(len(left), np.nan)
        return replace(
            self,
            left=np.concatenate((self.left, left)),
            right=np.concatenate((self.right, right)),
            separation=np.concatenate((self.separation, nothing)),
            offset=None if self.offset is None else np.concatenate((self.offset, nothing)),
        )


def read_region(radius, left_ellipse, left, right):
    """What was given as radius, checked against the tables."""
    if isinstance(radius, ErrorEllipse):
        of_left = None if left_ellipse is None else left_ellipse.of(left, side="left")
        return Ellipses(radius.of(right), of_left, str(radius))
    if left_ellipse is not None:
        raise InvalidInputError(
            "left_ellipse is given, but the radius is no ErrorEllipse.",
            remedy="give the error ellipses of the right table as radius.",
        )
    return Radius(read_radius(radius, right), _radius_text(radius))


@dataclass(frozen=True)
class Radius:
    """A radius in degrees, for all or for each right row."""

    degrees: np.ndarray
    text: str

    def pairs(self, left, right):
        return Pairs(*find_pairs(left.ra, left.dec, right.ra, right.dec, self.degrees))

    def num_missing(self):
        return {"right_without_radius": int(np.sum(np.isnan(self.degrees)))}


@dataclass(frozen=True)
class Ellipses:
    """Error ellipses of the right rows, and of the left."""

    right: ErrorEllipse
    left: ErrorEllipse | None
    text: str

    def pairs(self, left, right):
        region = self.right.region
        of_left = self.left and self.left.scaled(region.containment).degrees()
        *pairs, _, offset = find_pairs_in_ellipses(
            left.ra, left.dec, right.ra, right.dec, region.degrees(), left_ellipses=of_left
        )
        given = self.right.containment
        return Pairs(*pairs, offset * axis_scale(region.containment) / axis_scale(given), given)

    def num_missing(self):
        missing = {"right_without_radius": int(np.sum(~np.isfinite(self.right.degrees()[0])))}
        if self.left:
            missing["left_without_radius"] = int(np.sum(~np.isfinite(self.left.degrees()[0])))
        return missing


def read_radius(radius, right):
    """The radius in degrees: a number, or one for each row of `right`, NaN where there is none."""
    given = radius
    if isinstance(radius, str) and radius not in right.colnames:
        radius = parse_quantity(radius)
    if isinstance(radius, str):
        values = column_floats(right, radius, u.deg, label="right table")
    elif isinstance(radius, u.Quantity) and radius.unit.is_equivalent(u.deg):
        values = to_floats(radius.to(u.deg))
    elif isinstance(radius, u.Quantity):
        raise InvalidInputError(
            f"The radius has the unit {str(radius.unit)!r}, which is no angle.",
            remedy="give it an angle's unit, e.g. 0.1*u.deg.",
        )
    else:
        raise InvalidInputError(
            f"The radius {given!r} is no angle with a unit and no column of the right table.",
            remedy="give it a unit, e.g. 0.1*u.deg.",
        )
    if values.shape not in ((), (len(right),)):
        raise InvalidInputError(
            f"There are radii of shape {values.shape} for {len(right)} rows of the right table.",
            remedy="give one radius for all, or one for each row.",
        )
    if values.shape == () and not (values >= 0 and np.isfinite(values)):
        raise InvalidInputError(
            f"The radius {radius} is negative or not a number.",
            remedy="give an angle of zero or more.",
        )
    negative = np.flatnonzero(values < 0)
    if len(negative):
        raise InvalidInputError(
            f"{len(negative)} radii are negative, the first are of rows "
            f"{', '.join(map(str, negative[:5]))} of the right table.",
            remedy="give angles of zero or more.",
        )
    return np.where(np.isfinite(values), values, np.nan)


def parse_quantity(text):
    """A quantity in words ('3 arcsec'), None where it is none."""
    try:
        return u.Quantity(text)
    except TypeError:
        return None


def _radius_text(radius):
    if isinstance(radius, str) or radius.shape == ():
        return str(radius)
    return "one for each row of the right table"
