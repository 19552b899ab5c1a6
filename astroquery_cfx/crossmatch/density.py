# Licensed under a 3-clause BSD style license - see LICENSE
"""How densely sources lie where a telescope has looked, and how much of a region it has looked at.

A pointed telescope sees a small part of the sky. Densities are measured there, from the nearest
neighbours of a source, and never over the whole sphere. Arrays in, arrays out; angles in degrees.
"""

import numpy as np

__all__ = ["FieldDensity", "Fields", "gaussian_lattice", "offset_vectors", "uniform_lattice", "unit_vectors"]

_GOLDEN = np.pi * (3 - np.sqrt(5))
_DISC_POINTS = 24
_SMALLEST = 1 / 3600   # deg: neighbours are never nearer than this, so that twins give no infinite density
_WHOLE_SKY = 360.0**2 / np.pi


def unit_vectors(ra, dec):
    """Unit vectors of positions in degrees, shape (n, 3)."""
    ra, dec = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def chord(angle):
    """Straight distance of unit vectors that are an angle in degrees apart."""
    return 2 * np.sin(np.radians(np.minimum(angle, 180)) / 2)


def angle_of(distance):
    """Angle in degrees of unit vectors at a straight distance."""
    return 2 * np.degrees(np.arcsin(np.clip(distance / 2, 0, 1)))


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
    scale = np.where(distance > 0, np.sin(np.radians(distance)) / np.where(distance > 0, distance, 1), 0.0)
    east, north, up = east * scale, north * scale, np.cos(np.radians(distance))
    outward = up * np.cos(dec) - north * np.sin(dec)
    return np.stack([outward * np.cos(ra) - east * np.sin(ra), outward * np.sin(ra) + east * np.cos(ra),
                     up * np.sin(dec) + north * np.cos(dec)], axis=-1)


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
    """

    def __init__(self, vectors, radius):
        from scipy.spatial import cKDTree

        self.radius = float(radius)
        self.tree = cKDTree(_thinned(np.asarray(vectors), np.radians(self.radius / 100)))

    def nearest(self, vectors):
        """Distance in degrees to the nearest centre; infinite where there is none."""
        if not self.tree.n:
            return np.full(len(vectors), np.inf)
        return angle_of(self.tree.query(vectors, workers=-1)[0])

    def contain(self, vectors):
        """Which unit vectors, of shape (..., 3), lie in a field."""
        reach = chord(self.radius)
        distance, _ = self.tree.query(vectors, distance_upper_bound=reach * (1 + 1e-12), workers=-1)
        return np.isfinite(distance)

    def share(self, ra, dec, reach, east, north):
        """
        Share of points about each centre that lie in a field.

        Parameters
        ----------
        ra, dec, reach : array_like of float, shape (n,)
            Centres, and the largest distance of their points, in degrees.
        east, north : callable
            ``offsets(rows)`` gives the offsets of the points of some centres, shape (rows, m).

        Returns
        -------
        `~numpy.ndarray`, shape (n,)
        """
        nearest = self.nearest(unit_vectors(ra, dec))
        share = (nearest + reach <= self.radius).astype(float)
        rim = np.flatnonzero((nearest + reach > self.radius) & (nearest - reach < self.radius))
        for rows in np.array_split(rim, max(1, len(rim) // 4096)):
            if len(rows):
                points = offset_vectors(ra[rows], dec[rows], east(rows), north(rows))
                share[rows] = self.contain(points).mean(axis=1)
        return share


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


class FieldDensity:
    """
    Density of sources about each of them, from its nearest neighbours.

    With the k-th nearest other source at a distance r it is k / (pi r^2), whose inverse is without bias in
    a Poisson field (the inverse is what likelihood ratios take). Where r would be more than the radius of
    a field it is (n + 1) / (pi r^2) from the n others within that radius, with the same property. Where
    fields are known, only that part of the disc is counted that lies in a field.

    Parameters
    ----------
    ra, dec : `~numpy.ndarray`, shape (n,)
        Positions in degrees, all finite.
    widest : float
        The largest distance of neighbours, in degrees.
    neighbours : int
        k.
    fields : `Fields`, optional
        What was looked at.
    """

    def __init__(self, ra, dec, *, widest, neighbours=24, fields=None):
        from scipy.spatial import cKDTree

        self.ra, self.dec, self.fields, self.widest = ra, dec, fields, widest
        self.number = neighbours
        self.vectors = unit_vectors(ra, dec)
        self.tree = cKDTree(self.vectors, balanced_tree=False)

    def around(self, rows):
        """
        Density at some of the sources, without themselves, and who their neighbours are.

        Parameters
        ----------
        rows : `~numpy.ndarray` of int, shape (m,)
            The sources.

        Returns
        -------
        density : `~numpy.ndarray`, shape (m,)
            Sources a square degree.
        neighbours : `~numpy.ndarray` of int, shape (m, k)
            Where there are fewer, the number of sources stands for those that are missing.
        """
        distance, found = self.tree.query(self.vectors[rows], k=self.number + 1,
                                          distance_upper_bound=chord(self.widest), workers=-1)
        others = _without_self(found, rows)
        full = np.isfinite(distance[:, -1])
        reach = np.where(full, angle_of(np.where(full, distance[:, -1], 0)), self.widest)
        reach = np.maximum(reach, _SMALLEST)
        count = np.where(full, self.number, np.sum(others < len(self.ra), axis=1) + 1)
        return self._over_area(count, self.ra[rows], self.dec[rows], reach), others

    def at(self, ra, dec):
        """Density at some places, in degrees, from the sources about them."""
        distance, _ = self.tree.query(unit_vectors(ra, dec), k=self.number,
                                      distance_upper_bound=chord(self.widest), workers=-1)
        full = np.isfinite(distance[:, -1])
        reach = np.where(full, angle_of(np.where(full, distance[:, -1], 0)), self.widest)
        return self._over_area(np.isfinite(distance).sum(axis=1), ra, dec, np.maximum(reach, _SMALLEST))

    def _over_area(self, count, ra, dec, reach):
        area = _WHOLE_SKY * np.sin(np.radians(reach) / 2) ** 2
        return count / (area if self.fields is None else area * self._seen_share(ra, dec, reach))

    def _seen_share(self, ra, dec, reach):
        east, north = uniform_lattice(_DISC_POINTS)
        share = self.fields.share(ra, dec, reach,
                                  lambda some: reach[some, None] * east,
                                  lambda some: reach[some, None] * north)
        return np.maximum(share, 1 / _DISC_POINTS)


def _without_self(found, rows):
    """Drop from each list of nearest sources the source itself, wherever twins have put it, or the last."""
    itself = found == rows[:, None]
    itself[~itself.any(axis=1), -1] = True
    return found[~itself].reshape(len(rows), found.shape[1] - 1)
