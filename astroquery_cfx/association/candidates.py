# Licensed under a 3-clause BSD style license - see LICENSE
"""The candidates of associations: left sources in the regions of right sources, and what lies about them.

Arrays in, arrays out, in degrees; `learning` learns from them, `association` has the tables.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..arrays import distinct
from ..crossmatch.ellipse import axis_scale
from ..crossmatch.sphere import find_pairs, position_angle, unit_vectors
from .crowding import nearest_distances
from .density import (
    Fields,
    gaussian_lattice,
    offset_vectors,
    surroundings,
    uniform_lattice,
)
from .fluxes import FluxBins
from .likelihood import position_density

__all__ = ["Candidates", "LeftSources", "Regions", "Survey", "find_candidates"]

_LATTICE = 64
_SEEN = 0.3  # of the radius of a field: so near a source was looked, where fields are not known
_CROWD = 3  # nearest others that tell how crowded a place is
_CROWD_REACH = 0.5  # of the radius of a field: others that are farther away make no crowd
_NEAREST = 1 / 3600  # deg: nearer others are not told apart


@dataclass(frozen=True)
class LeftSources:
    """Left rows that have a position: row numbers, degrees, standard deviation of the position, flux."""

    rows: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    sigma: np.ndarray
    flux: np.ndarray | None

    @cached_property
    def bins(self):
        """The bins of the fluxes."""
        return FluxBins(self.flux)

    @cached_property
    def flux_bin(self):
        """The bin of each flux."""
        return self.bins.index(self.flux)


@dataclass(frozen=True)
class Survey:
    """What is known of the observations, and how many neighbours tell the density."""

    centers: tuple | None
    radius: float
    neighbours: int

    @cached_property
    def fields(self):
        """The fields; None where they are not known."""
        return None if self.centers is None else Fields(unit_vectors(*self.centers), self.radius)

    @property
    def crowd_reach(self):
        """So far a source looks for those that make a crowd with it, in degrees."""
        return _CROWD_REACH * self.radius

    def fields_about(self, ra, dec):
        """The fields; where they are not known, what lies near a source."""
        return self.fields or Fields(unit_vectors(ra, dec), _SEEN * self.radius, step=0.1)


@dataclass(frozen=True)
class Regions:
    """
    Where the counterparts of the right rows are looked for, of rows that have a position and a region.

    Axes are standard deviations of a Gaussian, or the extent of an extended source.
    """

    rows: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    major: np.ndarray
    minor: np.ndarray
    angle: np.ndarray
    extended: np.ndarray
    containment: float

    def __len__(self):
        return len(self.rows)

    @property
    def limit(self):
        """The edge of each region, in units of its axes."""
        return np.where(self.extended, 1.0, axis_scale(self.containment))

    def reach(self, blur):
        """The radius of the disc that holds each region, blurred by the errors of the other side."""
        return np.where(self.extended, self.major, self.limit * np.hypot(self.major, blur))

    def chosen(self, rows):
        """Some of the regions."""
        arrays = {
            name: getattr(self, name)[rows]
            for name in ("rows", "ra", "dec", "major", "minor", "angle", "extended")
        }
        return replace(self, **arrays)

    def moved(self, east, north):
        """The regions at other places; offsets in degrees."""
        vector = offset_vectors(self.ra, self.dec, east[:, None], north[:, None])[:, 0]
        ra = np.degrees(np.arctan2(vector[:, 1], vector[:, 0])) % 360
        return replace(self, ra=ra, dec=np.degrees(np.arcsin(np.clip(vector[:, 2], -1, 1))))

    def coverage(self, fields):
        """Share of the weight of each region that lies in the fields and in the region."""
        share = np.zeros(len(self))
        for extended, lattice, whole in (
            (False, gaussian_lattice(_LATTICE, self.containment), self.containment),
            (True, uniform_lattice(_LATTICE), 1.0),
        ):
            rows = np.flatnonzero(self.extended == extended)
            share[rows] = whole * self.chosen(rows)._share(fields, *lattice)
        return share

    def _share(self, fields, along, across):
        return fields.share(
            self.ra,
            self.dec,
            self.limit * self.major,
            lambda rows: offset_vectors(
                self.ra[rows], self.dec[rows], *self._offsets(rows, along, across)
            ),
        )

    def _offsets(self, rows, along, across):
        """Offsets to the east and to the north of points that are given along the axes."""
        along, across = self.major[rows, None] * along, self.minor[rows, None] * across
        angle = np.radians(self.angle[rows, None])
        return (
            along * np.sin(angle) + across * np.cos(angle),
            along * np.cos(angle) - across * np.sin(angle),
        )


@dataclass(frozen=True)
class Members:
    """The left sources about each region, as pairs, and the level of fluxes of the others there."""

    left: np.ndarray
    right: np.ndarray
    level: np.ndarray | None

    def share(self, weight, size):
        """Mean weight of the members of each region, and of one more that has none: some are left always."""
        number = np.bincount(self.right, minlength=size) + 1
        return np.bincount(self.right, weight[self.left], minlength=size) / number


@dataclass(frozen=True)
class Candidates:
    """Pairs of a left source and a region, as numbers within `LeftSources` and `Regions`."""

    left: np.ndarray
    right: np.ndarray
    separation: np.ndarray
    offset: np.ndarray  # in standard deviations of both sides
    density: np.ndarray  # of the counterpart, per square degree
    field: np.ndarray  # of field sources, per square degree
    flux_bin: np.ndarray | None  # of the left source
    level: np.ndarray | None  # of the other sources about the region: how bright they are
    coverage: np.ndarray  # of each region
    about: np.ndarray  # density of left sources about each region, NaN where nothing was observed
    extended: np.ndarray  # of each region
    members: Members
    sources: LeftSources
    near: np.ndarray  # rows of the left sources about the regions that are not extended
    crowd_reach: float  # so far about these regions, in degrees

    @cached_property
    def log_crowding(self):
        """
        How crowded the places of the candidates are: mean logarithm of 1 / distance to the nearest others.

        0 for the candidates of extended sources.
        """
        crowding, ra, dec = (
            np.zeros(len(self.left)),
            self.sources.ra[self.near],
            self.sources.dec[self.near],
        )
        located = np.flatnonzero(~self.extended[self.right])
        distance = nearest_distances(
            ra, dec, np.searchsorted(self.near, self.left[located]), _CROWD, self.crowd_reach
        )
        crowding[located] = -np.log(np.maximum(distance, _NEAREST)).mean(axis=1)
        return crowding


def find_candidates(left, regions, survey):
    """
    All left sources in the regions, and how densely counterparts and field sources lie there.

    Parameters
    ----------
    left : `LeftSources`
    regions : `Regions`
    survey : `Survey`

    Returns
    -------
    `Candidates`
        Ordered by region and separation.
    """
    reach = regions.reach(left.sigma.max(initial=0.0))
    i, j, separation = find_pairs(
        left.ra,
        left.dec,
        regions.ra,
        regions.dec,
        np.maximum(reach, survey.radius) + survey.crowd_reach,
    )
    about = distinct(i)
    fields = survey.fields_about(left.ra[about], left.dec[about])
    near = distinct(i[(separation <= reach[j] + survey.crowd_reach) & ~regions.extended[j]])
    around = surroundings(
        j,
        separation,
        ra=regions.ra,
        dec=regions.dec,
        least=reach,
        widest=survey.radius,
        neighbours=survey.neighbours,
        fields=fields,
    )
    i, j, separation = i[around.pairs], j[around.pairs], separation[around.pairs]
    level = None if left.flux is None else left.bins.level_of_others(left.flux_bin[i], j)
    members = Members(i, j, level)
    inside, offset, density = _position(left, regions, i, j, separation, reach)
    i, j = i[inside], j[inside]
    return Candidates(
        i,
        j,
        separation[inside],
        offset,
        density,
        around.density[j],
        None if level is None else left.flux_bin[i],
        None if level is None else left.bins.of_groups(level, members.right, len(regions))[j],
        regions.coverage(fields),
        around.density,
        regions.extended,
        members,
        left,
        near,
        survey.crowd_reach,
    )


def _position(left, regions, i, j, separation, reach):
    """Which pairs are candidates, their offsets in standard deviations, and the density of counterparts."""
    near = np.flatnonzero(separation <= reach[j])
    i, j, separation = i[near], j[near], separation[near]
    angle = position_angle(regions.ra[j], regions.dec[j], left.ra[i], left.dec[i])
    extended = regions.extended[j]
    blur = np.where(extended, 0.0, left.sigma[i])
    major, minor = np.hypot(regions.major[j], blur), np.hypot(regions.minor[j], blur)
    density, offset = position_density(separation, angle, major, minor, regions.angle[j])
    density = np.where(extended, 1 / (np.pi * major * minor), density)
    inside = np.flatnonzero(offset <= regions.limit[j])
    return near[inside], offset[inside], density[inside]
