# Licensed under a 3-clause BSD style license - see LICENSE
"""Where the telescope looked: fields, regions and their coverage, and the local density of sources.

A pointed telescope sees a small part of the sky. Densities are therefore measured there, from the
sources nearest to a region, never over the whole sphere. Arrays in, arrays out; angles in degrees.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..crossmatch.ellipse import axis_scale
from ..crossmatch.sphere import angle_of, chord, unit_vectors

# Points per region for integrals over it. The steps of 1/64 are below the error of taking fields
# for discs (those of ACIS are squares).
_POINTS = 64
_SHARES = (np.arange(_POINTS) + 0.5) / _POINTS
# The smallest disc of a density, 1 arcsec, so that two rows at one place have a finite density.
_MIN_RADIUS = 1 / 3600
_WHOLE_SKY = 360.0**2 / np.pi  # square degrees


def _spiral(radius):
    """Return points at these radii, with the golden angle from one to the next (Vogel 1979)."""
    angle = np.arange(len(radius)) * (np.pi * (3 - np.sqrt(5)))
    return radius * np.cos(angle), radius * np.sin(angle)


_DISC = _spiral(np.sqrt(_SHARES))  # points that cover the unit disc evenly


def offset_vectors(ra, dec, east, north):
    """
    Return unit vectors at offsets from centres, in the zenithal equidistant projection about each.

    Centres have the shape (n,), offsets (n, m), the vectors (n, m, 3).
    """
    ra, dec = np.radians(ra)[:, None], np.radians(dec)[:, None]
    distance = np.hypot(east, north)
    scale = np.sin(np.radians(distance)) / np.where(distance > 0, distance, 1)
    east, north, up = east * scale, north * scale, np.cos(np.radians(distance))
    outward = up * np.cos(dec) - north * np.sin(dec)
    x = outward * np.cos(ra) - east * np.sin(ra)
    y = outward * np.sin(ra) + east * np.cos(ra)
    return np.stack([x, y, up * np.sin(dec) + north * np.cos(dec)], axis=-1)


class Fields:
    """
    The observed part of the sky: the union of discs of one radius about some unit vectors.

    Fields are visited again and again: centres closer than ``step`` times the radius are merged.
    """

    def __init__(self, vectors: np.ndarray, radius: float, step: float = 0.01) -> None:
        from scipy.spatial import cKDTree  # heavy, and only needed here

        self.radius = radius
        # The middle of each cell of a cubic grid that holds a centre: their order does not matter.
        size = np.radians(radius * step)
        cells = np.round(vectors / size).astype(np.int64)
        span = 2 * int(1 / size) + 3
        key = (cells[:, 0] * span + cells[:, 1]) * span + cells[:, 2]
        centers = cells[np.unique(key, return_index=True)[1]] * size
        centers /= np.linalg.norm(centers, axis=1, keepdims=True)
        self.tree = cKDTree(centers, balanced_tree=False)

    def share(self, ra, dec, reach, points):
        """
        Return the share of the points about each place that lies in a field.

        No point is farther than ``reach`` from its place. ``points(rows)`` returns the unit vectors
        about some places, shape (rows, m, 3); it is called for places at the rim of a field only.
        """
        distance = self._nearest(unit_vectors(ra, dec), self.radius + np.max(reach, initial=0.0))
        nearest = np.where(np.isfinite(distance), angle_of(distance), np.inf)
        share = (nearest + reach <= self.radius).astype(float)
        rim = np.flatnonzero((nearest + reach > self.radius) & (nearest - reach < self.radius))
        if len(rim):
            share[rim] = np.isfinite(self._nearest(points(rim), self.radius)).mean(axis=1)
        return share

    def _nearest(self, vectors, limit):
        """Return the chord length to the nearest centre, infinite beyond the limit in degrees."""
        if not self.tree.n:
            return np.full(np.shape(vectors)[:-1], np.inf)
        bound = chord(limit) * (1 + 1e-12)  # rounding must not exclude the rim
        return self.tree.query(vectors, distance_upper_bound=bound, workers=-1)[0]


@dataclass(frozen=True)
class Regions:
    """
    The regions in which the counterparts of right sources are sought. ``rows`` are right rows.

    Axes are standard deviations of a Gaussian; or the semi-axes of the template of an extended
    source, all of whose places are equally likely.
    """

    rows: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    major: np.ndarray
    minor: np.ndarray
    angle: np.ndarray
    extended: np.ndarray
    containment: float

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def limit(self) -> np.ndarray:
        """The edge of each region in units of its axes."""
        return np.where(self.extended, 1.0, axis_scale(self.containment))

    def select(self, rows: np.ndarray) -> Regions:
        """Return some of the regions."""
        names = ("rows", "ra", "dec", "major", "minor", "angle", "extended")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def coverage(self, fields: Fields) -> np.ndarray:
        """Return the share of the weight of each region, within its edge, that was observed."""
        gaussian = _spiral(np.sqrt(-2 * np.log1p(-_SHARES * self.containment)))  # of equal weight

        def points(rows):
            extended, angle = self.extended[rows, None], np.radians(self.angle[rows, None])
            along = self.major[rows, None] * np.where(extended, _DISC[0], gaussian[0])
            across = self.minor[rows, None] * np.where(extended, _DISC[1], gaussian[1])
            east = along * np.sin(angle) + across * np.cos(angle)
            north = along * np.cos(angle) - across * np.sin(angle)
            return offset_vectors(self.ra[rows], self.dec[rows], east, north)

        observed = fields.share(self.ra, self.dec, self.limit * self.major, points)
        return np.where(self.extended, 1.0, self.containment) * observed


def local_density(
    regions: Regions, right, separation, reach, field_radius: float, neighbours: int, fields: Fields
):
    """
    Return which pairs lie in the disc about their region, and the density of sources in each disc.

    A disc reaches to the k-th neighbour, but not beyond the radius of a field unless the region
    does (``reach``). If that neighbour sets the radius r the density is k / (pi r**2), else, with n
    sources in the disc, (n + 1) / (pi r**2): the inverse of both, which likelihood ratios take, is
    unbiased in a Poisson field. Only the observed part of a disc counts; the density is NaN if
    there is none. Pairs are ordered by right source and separation, out to the larger of reach and
    field radius.
    """
    size = len(regions)
    begin = np.searchsorted(right, np.arange(size + 1))
    nth = np.minimum(begin[:-1] + neighbours - 1, len(separation) - 1)
    full = np.diff(begin) >= neighbours
    radius = np.full(size, field_radius)
    if len(separation):
        radius = np.where(full, np.minimum(separation[nth], field_radius), field_radius)
    set_by_neighbour = full & (radius >= reach)
    radius = np.maximum(np.maximum(radius, reach), _MIN_RADIUS)
    inside = np.flatnonzero(separation <= radius[right])
    number = np.bincount(right[inside], minlength=size)

    def points(rows):
        east, north = (radius[rows, None] * axis for axis in _DISC)
        return offset_vectors(regions.ra[rows], regions.dec[rows], east, north)

    observed = fields.share(regions.ra, regions.dec, radius, points)
    # The area of a spherical cap. Where there are sources at least one of the points was observed.
    area = _WHOLE_SKY * np.sin(np.radians(radius) / 2) ** 2 * np.maximum(observed, 1 / _POINTS)
    density = np.where(set_by_neighbour, number, number + 1) / area
    return inside, np.where((observed > 0) | (number > 0), density, np.nan)


def nearest_distances(ra, dec, rows, number: int, widest: float):
    """Return the distances of rows to their nearest others, at most ``widest``, (rows, number)."""
    from scipy.spatial import cKDTree  # heavy, and only needed here

    vectors = unit_vectors(ra, dec)
    tree = cKDTree(vectors, balanced_tree=False, compact_nodes=False)
    limit = chord(widest)
    distance, _ = tree.query(vectors[rows], number + 1, distance_upper_bound=limit, workers=-1)
    return np.where(np.isfinite(distance), angle_of(distance), widest)[:, 1:]  # without itself
