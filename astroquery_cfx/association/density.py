# Licensed under a 3-clause BSD style license - see LICENSE
"""How densely sources lie where a telescope has looked, and how much of a region it has looked at.

A pointed telescope sees a small part of the sky. Densities are measured there, from the sources about a
place, and never over the whole sphere. Arrays in, arrays out; angles in degrees.
"""

from dataclasses import dataclass

import numpy as np

from ..crossmatch.sphere import angle_of, chord, unit_vectors

__all__ = [
    "Fields",
    "Surroundings",
    "gaussian_lattice",
    "offset_vectors",
    "surroundings",
    "uniform_lattice",
]

_GOLDEN = np.pi * (3 - np.sqrt(5))
_SMALLEST = (
    1 / 3600
)  # deg: discs are never smaller than this, so that twins give no infinite density
_WHOLE_SKY = 360.0**2 / np.pi


def offset_vectors(ra, dec, east, north):
    """
    Unit vectors at offsets from centres, in the zenithal equidistant plane about each.

    Parameters
    ----------
    ra, dec : array_like of float, shape (n,)
        The centres in degrees.
    east, north : array_like of float, shape (n, m)
        Offsets in degrees.

    Returns
    -------
    `~numpy.ndarray`, shape (n, m, 3)
    """
    ra, dec = np.radians(ra)[:, None], np.radians(dec)[:, None]
    distance = np.hypot(east, north)
    scale = np.where(
        distance > 0, np.sin(np.radians(distance)) / np.where(distance > 0, distance, 1), 0.0
    )
    east, north, up = east * scale, north * scale, np.cos(np.radians(distance))
    outward = up * np.cos(dec) - north * np.sin(dec)
    return np.stack(
        [
            outward * np.cos(ra) - east * np.sin(ra),
            outward * np.sin(ra) + east * np.cos(ra),
            up * np.sin(dec) + north * np.cos(dec),
        ],
        axis=-1,
    )


def gaussian_lattice(number, containment):
    """Points that share a 2-D Gaussian of unit width evenly, out to a containment: two arrays."""
    share = (np.arange(number) + 0.5) / number * containment
    return _spiral(np.sqrt(-2 * np.log1p(-share)))


def uniform_lattice(number):
    """Points that share the unit disc evenly: two arrays."""
    return _spiral(np.sqrt((np.arange(number) + 0.5) / number))


def _spiral(radius):
    angle = np.arange(len(radius)) * _GOLDEN
    return radius * np.cos(angle), radius * np.sin(angle)


class Fields:
    """
    The part of the sky that was looked at: the union of discs.

    Parameters
    ----------
    vectors : `~numpy.ndarray`, shape (n, 3)
        Unit vectors of the centres.
    radius : float
        Radius of each disc in degrees.
    step : float, optional
        Centres that are nearer to each other than this share of the radius count as one.
    """

    def __init__(self, vectors, radius, step=0.01):
        from scipy.spatial import cKDTree

        self.radius = float(radius)
        centers = _thinned(np.asarray(vectors), np.radians(self.radius * step))
        self.tree = cKDTree(centers, balanced_tree=False)

    def contain(self, vectors):
        """Which unit vectors, of shape (..., 3), lie in a field."""
        return np.isfinite(self._distance(vectors, self.radius))

    def share(self, ra, dec, reach, points):
        """
        The share of points about some places that lie in a field.

        Parameters
        ----------
        ra, dec, reach : `~numpy.ndarray`, shape (n,)
            The places, and how far the points are from them at most, in degrees.
        points : callable
            ``points(rows)`` gives the unit vectors of the points about some of the places, of shape
            (rows, m, 3).

        Returns
        -------
        `~numpy.ndarray`, shape (n,)
        """
        limit = self.radius + float(np.max(reach, initial=0.0))
        distance = self._distance(unit_vectors(ra, dec), limit)
        nearest = np.where(np.isfinite(distance), angle_of(distance), np.inf)
        share = (nearest + reach <= self.radius).astype(float)
        rim = np.flatnonzero((nearest + reach > self.radius) & (nearest - reach < self.radius))
        if len(rim):
            share[rim] = self.contain(points(rim)).mean(axis=1)
        return share

    def _distance(self, vectors, limit):
        """Straight distance to the nearest centre; infinite beyond an angle in degrees."""
        if not self.tree.n:
            return np.full(np.shape(vectors)[:-1], np.inf)
        limit = chord(limit) * (1 + 1e-12)
        return self.tree.query(vectors, distance_upper_bound=limit, workers=-1)[0]


def _thinned(vectors, step):
    """One vector for all in the same small cell: fields are visited again and again."""
    cells = np.round(vectors / step).astype(np.int64)
    span = 2 * int(1 / step) + 3
    key = np.unique((cells[:, 0] * span + cells[:, 1]) * span + cells[:, 2])
    # The middle of the cell, so that the order of the rows does not matter.
    half = span // 2
    rest, z = np.divmod(key + half, span)
    x, y = np.divmod(rest + half, span)
    middle = np.stack([x, y - half, z - half], axis=-1) * step
    return middle / np.linalg.norm(middle, axis=1, keepdims=True)


@dataclass(frozen=True)
class Surroundings:
    """
    The sources about some places, and how densely they lie there.

    Attributes
    ----------
    pairs : `~numpy.ndarray` of int
        Which of the given pairs of a source and a place lie in the disc about the place.
    number : `~numpy.ndarray`, shape (places,)
        The number of sources in each disc.
    density : `~numpy.ndarray`, shape (places,)
        Sources a square degree, where the sky was observed; NaN where nothing was.
    """

    pairs: np.ndarray
    number: np.ndarray
    density: np.ndarray


def surroundings(place, separation, *, ra, dec, least, widest, neighbours, fields, points=64):
    """
    The nearest sources about each place: so many, or all in a disc.

    With the k-th nearest source at a distance r, k / (pi r^2) is a density whose inverse is without bias in a
    Poisson field (the inverse is what likelihood ratios take); with n within a given radius, (n + 1) / (pi
    r^2) is. Of the disc only that part is counted that lies in a field.

    Parameters
    ----------
    place : `~numpy.ndarray` of int, shape (pairs,)
        Places of the sources within the larger of `least` and `widest`, ordered by place and separation.
    separation : `~numpy.ndarray`, shape (pairs,)
        How far the sources are from the places, in degrees.
    ra, dec : `~numpy.ndarray`, shape (places,)
        In degrees.
    least : `~numpy.ndarray`, shape (places,)
        The smallest radius of the discs.
    widest : float
        The largest radius of discs that are not given by `least`.
    neighbours : int
        How many sources a disc should hold.
    fields : `Fields`
        What was observed.
    points : int, optional
        How many points share each disc.

    Returns
    -------
    `Surroundings`
    """
    size = len(ra)
    begin = np.searchsorted(place, np.arange(size + 1))
    nth = np.minimum(begin[:-1] + neighbours - 1, len(separation) - 1)
    full = np.diff(begin) >= neighbours
    reach = np.full(size, widest)
    if len(separation):
        reach = np.where(full, np.minimum(separation[nth], widest), widest)
    by_number = full & (reach >= least)
    radius = np.maximum(np.maximum(reach, least), _SMALLEST)
    inside = np.flatnonzero(separation <= radius[place])
    number = np.bincount(place[inside], minlength=size)
    along, across = uniform_lattice(points)
    seen = fields.share(
        ra,
        dec,
        radius,
        lambda rows: offset_vectors(
            ra[rows], dec[rows], radius[rows, None] * along, radius[rows, None] * across
        ),
    )
    area = _WHOLE_SKY * np.sin(np.radians(radius) / 2) ** 2 * np.maximum(seen, 1 / points)
    density = np.where(by_number, number, number + 1) / area
    return Surroundings(inside, number, np.where((seen > 0) | (number > 0), density, np.nan))
