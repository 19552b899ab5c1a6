# Licensed under a 3-clause BSD style license - see LICENSE
"""The core of the associations: candidates in their regions, what is learned from them, how they are judged.

Arrays in, arrays out, in degrees; `association` has the tables.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .density import FieldDensity, Fields, gaussian_lattice, offset_vectors, uniform_lattice, unit_vectors
from .ellipse import axis_scale
from .fluxes import FluxBins, FluxCounts, FluxPrior
from .likelihood import learn_share, position_density, posterior, prior_share
from .sphere import find_pairs, position_angle

__all__ = ["Candidates", "LeftSources", "Model", "Regions", "find_candidates", "judge", "learn"]

_LATTICE = 64
_SEEN = 0.2             # of the radius of a field: so near a source was looked, where fields are not known
_EM_STEPS, _FIELD_STEPS = 8, 2
_IGNORANCE = 40          # extended sources' likelihood ratios tell little
_UNKNOWN = ((0.5, 1.0, 0.0), (0.5, 1.0, 0.0))
_DENSEST = 0.95          # of the regions are less dense than what counts as the highest density
_FEWEST = 10            # known counterparts, of which fluxes are learned
_FEWEST_EXTENDED = 20   # extended sources, of which their own share is learned
_SECURE = 3 / 3600  # deg: counterparts of other wavelengths have errors of their own


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

    def chosen(self, rows):
        """Some of the regions."""
        arrays = {name: getattr(self, name)[rows] for name in ("rows", "ra", "dec", "major", "minor", "angle",
                                                               "extended")}
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
                (True, uniform_lattice(_LATTICE), 1.0)):
            rows = np.flatnonzero(self.extended == extended)
            share[rows] = whole * self._share(fields, rows, *lattice)
        return share

    def _share(self, fields, rows, along, across):
        major, minor = self.major[rows, None], self.minor[rows, None]
        angle = np.radians(self.angle[rows, None])

        def east(some):
            return major[some] * along * np.sin(angle[some]) + minor[some] * across * np.cos(angle[some])

        def north(some):
            return major[some] * along * np.cos(angle[some]) - minor[some] * across * np.sin(angle[some])

        return fields.share(self.ra[rows], self.dec[rows], (self.limit * self.major)[rows], east, north)


@dataclass(frozen=True)
class Candidates:
    """Pairs of a left source and a region, as numbers within `LeftSources` and `Regions`."""

    left: np.ndarray
    right: np.ndarray
    separation: np.ndarray
    density: np.ndarray    # of the counterpart, per square degree
    field: np.ndarray      # of field sources, per square degree
    neighbours: np.ndarray
    flux_bin: np.ndarray | None  # of the left source
    level: np.ndarray | None     # of the region: how bright the sources about its candidates are
    coverage: np.ndarray   # of each region
    about: np.ndarray      # density of left sources about each region, NaN where nothing was observed
    extended: np.ndarray   # of each region


@dataclass(frozen=True)
class Model:
    """What is learned: the share of counterparts, the flux distributions (None: not used), the folds."""

    shares: tuple          # share and exponent of coverage, of located and of extended sources
    prior: FluxPrior | None
    fold: np.ndarray       # of each left source that is known to be a counterpart, else -1
    right_fold: np.ndarray  # for which each region is judged
    source: str            # of the prior
    densest: float = 1.0   # of the densities about the regions
    weight: np.ndarray | None = None  # p_i of each left source, and 0 for one that is not there


def find_candidates(left, regions, density, fields):
    """
    All left sources in the regions, and how densely counterparts and field sources lie there.

    Parameters
    ----------
    left : `LeftSources`
    regions : `Regions`
    density : `~astroquery_cfx.crossmatch.density.FieldDensity`
        Of the left sources.
    fields : `~astroquery_cfx.crossmatch.density.Fields`

    Returns
    -------
    `Candidates`
        Ordered by region and separation.
    """
    widest = left.sigma.max(initial=0.0)
    reach = np.where(regions.extended, regions.major, regions.limit * np.hypot(regions.major, widest))
    i, j, separation = find_pairs(left.ra, left.dec, regions.ra, regions.dec, reach)
    angle = position_angle(regions.ra[j], regions.dec[j], left.ra[i], left.dec[i])
    extended, blur = regions.extended[j], np.where(regions.extended[j], 0.0, left.sigma[i])
    major, minor = np.hypot(regions.major[j], blur), np.hypot(regions.minor[j], blur)
    spread, offset = position_density(separation, angle, major, minor, regions.angle[j])
    spread = np.where(extended, 1 / (np.pi * major * minor), spread)
    keep = np.flatnonzero(offset <= regions.limit[j])
    i, j = i[keep], j[keep]
    rows, place = np.unique(i, return_inverse=True)
    field, neighbours = density.around(rows)
    neighbours, flux_bin, level = neighbours[place], None, None
    if left.flux is not None:
        flux_bin = left.flux_bin[i]
        around = np.append(left.flux_bin, left.bins.number + 1)[neighbours]
        level = left.bins.of_regions(left.bins.level(around), j)
    field, coverage = _mean_density(field[place], j), regions.coverage(fields)
    about = np.full(len(regions), np.nan)
    about[j] = field
    empty = np.flatnonzero(np.isnan(about) & (coverage > 0))
    about[empty] = density.at(regions.ra[empty], regions.dec[empty])
    return Candidates(i, j, separation[keep], spread[keep], field, neighbours, flux_bin, level, coverage,
                      about, regions.extended)


def _mean_density(density, right):
    """
    Mean density over each region, given that at its candidates: the harmonic mean.

    Candidates are more where it is dense: the mean of 1 / density is the area over their number.
    """
    if not len(right):
        return density
    number = np.bincount(right)
    return (number / np.maximum(np.bincount(right, 1 / density), 1e-300))[right]


def _secure(left, true_ra, true_dec):
    """Left source nearest to each known counterpart within its 95% error, -1 where there is none."""
    limit = np.maximum(left.sigma * axis_scale(0.95), _SECURE)
    i, j, separation = find_pairs(true_ra, true_dec, left.ra, left.dec, limit)
    order = np.lexsort((left.dec[j], left.ra[j], separation, i))
    i, j = i[order], j[order]
    first = np.concatenate(([True], i[1:] != i[:-1]))[:len(i)]
    secure = np.full(len(true_ra), -1)
    secure[i[first]] = j[first]
    return secure


def _folds(left, secure, candidates, number):
    """The fold of each known counterpart, and the fold for which each region is judged."""
    fold = np.full(len(left.ra), -1)
    known = np.unique(secure[secure >= 0])
    known = known[np.lexsort((left.dec[known], left.ra[known]))]
    fold[known] = np.arange(len(known)) % number
    right_fold = np.full(len(candidates.coverage), -1)
    seen = np.flatnonzero(fold[candidates.left] >= 0)[::-1]  # the nearest is written last
    right_fold[candidates.right[seen]] = fold[candidates.left[seen]]
    has_own = secure >= 0
    right_fold[has_own] = fold[secure[has_own]]
    return fold, right_fold


def learn(left, candidates, *, true=None, true_flux=None, folds=10):
    """
    Learn the flux distributions and the share of counterparts in the left catalogue.

    Parameters
    ----------
    left : `LeftSources`
    candidates : `Candidates`
    true : tuple of two `~numpy.ndarray`, optional
        Where the counterparts of the regions are known to be, NaN where they are not.
    true_flux : `~numpy.ndarray`, optional
        Fluxes of counterparts, as the user knows them.
    folds : int, optional
        Parts that the known counterparts are divided into; each is judged by the others.

    Returns
    -------
    `Model`
    """
    nobody = np.full(len(left.ra), -1), np.full(len(candidates.coverage), -1)
    about = candidates.about[np.isfinite(candidates.about)]
    densest = float(np.quantile(about, _DENSEST)) if len(about) else 1.0
    model = _with_share(candidates, Model(_UNKNOWN, None, *nobody, "none", densest))
    if left.flux is None:
        return _learn_by_turns(left, candidates, model)
    if true_flux is not None:
        return _learn_by_turns(left, candidates, replace(model, source="given"), true_flux)
    if true is not None:
        secure = _secure(left, *true)
        fold, right_fold = _folds(left, secure, candidates, folds)
        if np.sum(fold >= 0) >= _FEWEST:
            model = replace(model, fold=fold, right_fold=right_fold, source="known counterparts")
            return _learn_by_turns(left, candidates, model)
    return _learn_by_turns(left, candidates, replace(model, source="expectation-maximisation"))


def _learn_by_turns(left, candidates, model, true_flux=None):
    """
    Expectation and maximisation: who is a counterpart, and what fluxes counterparts and field sources have.

    What is a counterpart is no field source, as far as it is one. The fluxes of counterparts come from
    the candidates only if nothing better is known.
    """
    counts, folds = None, {}
    if left.flux is not None:
        counts = FluxCounts(left.bins, left.flux_bin, candidates.left, candidates.neighbours)
    if model.source == "known counterparts":
        held = np.full(len(left.ra), -1)
        np.maximum.at(held, candidates.left, model.right_fold[candidates.right])
        folds = {"fold": model.fold, "held": held}
    for _ in range(_EM_STEPS if model.source == "expectation-maximisation" else _FIELD_STEPS):
        weight = np.zeros(len(left.ra) + 1)
        np.maximum.at(weight, candidates.left, judge(left, candidates, model).p_i)
        model = replace(model, weight=weight)
        if counts is not None:
            model = replace(model, prior=FluxPrior(counts, weight=weight[:-1], true_flux=true_flux, **folds))
        model = _with_share(candidates, model)
    return model


def _with_share(candidates, model):
    ratio, _ = _ratio(candidates, model)
    total = np.bincount(candidates.right, ratio, minlength=len(candidates.coverage))
    about = _relative(candidates, model)
    shares = [learn_share(total[rows], candidates.coverage[rows], about[rows], ignorance=ignorance)
              for rows, ignorance in ((~candidates.extended, 0), (candidates.extended, _IGNORANCE))]
    if np.sum(candidates.extended & (total > 0)) < _FEWEST_EXTENDED:
        shares[1] = shares[0]
    return replace(model, shares=tuple(shares))


def _relative(candidates, model):
    """Density about each region, as a share of the highest."""
    return np.clip(np.nan_to_num(candidates.about, nan=model.densest) / model.densest, 1e-3, 1.0)


def prior_of(candidates, model):
    """Probability of each region that the left catalogue holds its counterpart."""
    point, extended = (prior_share(share, candidates.coverage, _relative(candidates, model))
                       for share in model.shares)
    return np.where(candidates.extended, extended, point)


def _field_share(candidates, model):
    """Of the sources about the candidates of a region the share that is no counterpart of anything."""
    if model.weight is None or not len(candidates.right):
        return 1.0
    of_pair = model.weight[candidates.neighbours].mean(axis=1)
    number = np.bincount(candidates.right)
    return 1 - (np.bincount(candidates.right, of_pair) / np.maximum(number, 1))[candidates.right]


def _ratio(candidates, model):
    """Likelihood ratios, and the density of field sources that are at least as bright."""
    field = candidates.field * _field_share(candidates, model)
    ratio, brighter = candidates.density / field, field
    if model.prior is not None:
        by_flux, share = model.prior.ratio(candidates.flux_bin, candidates.level,
                                           model.right_fold[candidates.right])
        ratio, brighter = ratio * by_flux, brighter * share
    return ratio, brighter


@dataclass(frozen=True)
class Judgement:
    """Of each pair; p_any of its region, rank in it, and the density of field sources as bright."""

    ratio: np.ndarray
    p_i: np.ndarray
    p_any: np.ndarray
    rank: np.ndarray
    brighter: np.ndarray
    confused: np.ndarray


def judge(left, candidates, model):
    """
    Probabilities and ranks of the candidates.

    Parameters
    ----------
    left : `LeftSources`
    candidates : `Candidates`
    model : `Model`

    Returns
    -------
    `Judgement`
    """
    ratio, brighter = _ratio(candidates, model)
    p_i, p_any = posterior(ratio, candidates.right, candidates.coverage, prior_of(candidates, model))
    rank = _rank(candidates, p_i)
    return Judgement(ratio, p_i, p_any[candidates.right], rank, brighter,
                     _confused(left, candidates, p_i, len(p_any)))


def _rank(candidates, p_i):
    order = np.lexsort((candidates.separation, -p_i, candidates.right))
    ordered = candidates.right[order]
    begin = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))[:len(ordered)])
    length = np.diff(np.append(begin, len(ordered)))
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order)) - np.repeat(begin, length) + 1
    return rank


def _confused(left, candidates, p_i, num_regions):
    """Regions with more than one serious candidate, and sources that are one for two regions."""
    best = np.zeros(num_regions)
    np.maximum.at(best, candidates.right, p_i)
    rivals = np.bincount(candidates.right, p_i >= 0.1 * best[candidates.right], minlength=num_regions)
    claims = np.bincount(candidates.left, p_i > 0.1, minlength=len(left.ra))
    return (rivals[candidates.right] > 1) | ((claims[candidates.left] > 1) & (p_i > 0.1))


def seen_fields(left, fields, radius):
    """
    The fields that were looked at; where they are not known, what lies near a left source.

    Parameters
    ----------
    left : `LeftSources`
    fields : tuple of two `~numpy.ndarray`, or None
        Centres in degrees.
    radius : float
        Of the fields, in degrees.

    Returns
    -------
    `~astroquery_cfx.crossmatch.density.Fields`
    """
    if fields is None:
        return Fields(unit_vectors(left.ra, left.dec), _SEEN * radius)
    return Fields(unit_vectors(*fields), radius)


def field_density(left, fields, *, neighbours, radius):
    """Density of the left sources within a radius, inside the fields where these are known."""
    return FieldDensity(left.ra, left.dec, widest=radius, neighbours=neighbours, fields=fields)
