# Licensed under a 3-clause BSD style license - see LICENSE
"""The candidates: left sources in the regions of right sources, and what describes them."""

from dataclasses import dataclass

import numpy as np

from ..arrays import distinct
from ..crossmatch.sphere import find_pairs, position_angle, unit_vectors
from .density import Fields, local_density, nearest_distances
from .likelihood import position_density
from .options import Inputs, LeftSources

# Without fields a place counts as observed within this share of a field radius of a left source; a
# larger one would see beyond the rims. Sources closer than a tenth of that are merged.
_SEEN, _SEEN_STEP = 0.3, 0.1
# Crowding: the mean log distance to this many nearest others. Those beyond this share of a field
# radius make no crowd, and within 1 arcsec, Chandra's resolution, all distances are alike.
_CROWD, _CROWD_REACH, _CROWD_RESOLUTION = 3, 0.5, 1 / 3600


@dataclass(frozen=True)
class Candidates:
    """Pairs of a left source and a region, ordered by region and separation, and the regions."""

    # Of each pair: indices into `LeftSources` and `Regions`, degrees, offset in sigma, density of
    # counterparts per square degree, and the crowding if there may be known counterparts.
    left: np.ndarray
    right: np.ndarray
    separation: np.ndarray
    offset: np.ndarray
    density: np.ndarray
    log_crowding: np.ndarray | None
    # Of each region. The density of left sources is NaN where nothing was observed.
    extended: np.ndarray
    coverage: np.ndarray
    local_density: np.ndarray
    level: np.ndarray | None
    # The neighbours: pairs of a left source and a region within its disc of `local_density`.
    near_left: np.ndarray
    near_right: np.ndarray
    near_level: np.ndarray | None
    sources: LeftSources


def find_candidates(inputs: Inputs) -> Candidates:
    """Find all left sources in the regions, and measure coverage and density about each region."""
    left, regions, field_radius = inputs.left, inputs.regions, inputs.options.field_radius_deg
    major = np.hypot(regions.major, left.sigma.max(initial=0.0))  # widened by the left errors
    reach = np.where(regions.extended, regions.major, regions.limit * major)
    crowd_reach = _CROWD_REACH * field_radius
    # One search, as wide as density and crowding need it: the candidates are among these pairs.
    radius = np.maximum(reach, field_radius) + crowd_reach
    i, j, separation = find_pairs(left.ra, left.dec, regions.ra, regions.dec, radius)
    fields = inputs.fields
    if fields is None:
        seen = distinct(i)
        vectors = unit_vectors(left.ra[seen], left.dec[seen])
        fields = Fields(vectors, _SEEN * field_radius, step=_SEEN_STEP)
    crowd = distinct(i[(separation <= reach[j] + crowd_reach) & ~regions.extended[j]])

    neighbours = inputs.options.neighbours
    inside, field_density = local_density(
        regions, j, separation, reach, field_radius, neighbours, fields
    )
    i, j, separation = i[inside], j[inside], separation[inside]
    level = region_level = None
    if left.bins is not None:
        level = left.bins.level_of_others(left.bins.index[i], j)
        region_level = left.bins.group_levels(level, j, len(regions))
    near_left, near_right = i, j

    within = np.flatnonzero(separation <= reach[j])
    i, j, separation = i[within], j[within], separation[within]
    angle = position_angle(regions.ra[j], regions.dec[j], left.ra[i], left.dec[i])
    extended = regions.extended[j]
    sigma = np.where(extended, 0.0, left.sigma[i])  # which matters little beside a template
    major, minor = np.hypot(regions.major[j], sigma), np.hypot(regions.minor[j], sigma)
    gaussian, offset = position_density(separation, angle, major, minor, regions.angle[j])
    density = np.where(extended, 1 / (np.pi * major * minor), gaussian)
    inside = np.flatnonzero(offset <= regions.limit[j])
    i, j, extended = i[inside], j[inside], extended[inside]

    log_crowding = None
    if inputs.true_positions is not None:
        located = np.flatnonzero(~extended)
        rows = np.searchsorted(crowd, i[located])
        distance = nearest_distances(left.ra[crowd], left.dec[crowd], rows, _CROWD, crowd_reach)
        log_crowding = np.zeros(len(i))  # extended sources take no part
        log_crowding[located] = -np.log(np.maximum(distance, _CROWD_RESOLUTION)).mean(axis=1)
    return Candidates(
        left=i,
        right=j,
        separation=separation[inside],
        offset=offset[inside],
        density=density[inside],
        log_crowding=log_crowding,
        extended=regions.extended,
        coverage=regions.coverage(fields),
        local_density=field_density,
        level=region_level,
        near_left=near_left,
        near_right=near_right,
        near_level=level,
        sources=left,
    )
