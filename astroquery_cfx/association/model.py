# Licensed under a 3-clause BSD style license - see LICENSE
"""The model of the counterparts: learned from the candidates, and applied to them."""

from dataclasses import dataclass, replace

import numpy as np

from ..arrays import distinct, first_of_each
from ..crossmatch.ellipse import axis_scale
from ..crossmatch.sphere import find_pairs
from . import likelihood
from .candidates import Candidates
from .fluxes import FluxCounts, FluxRatio
from .options import Inputs

# Rounds of expectation and maximisation (EM, Dempster et al. 1977): enough for q to settle if it is
# learned from the candidates. If q is known only the field has to be cleared of counterparts.
_EM_ROUNDS, _FIELD_ROUNDS = 8, 2
# Prior strength of P in right sources, for positions alone and for extended sources: without
# fluxes, or in a large template, the likelihood ratios stay near 1 and hardly determine P.
_PRIOR_STRENGTH = 40
# P before anything is learned: even odds, random pointing, no dependence on the density.
_FIRST_PRIOR = ((0.5, 1.0, 0.0), (0.5, 1.0, 0.0))
# Quantile of the local densities that is the unit of d in P; the maximum is an outlier.
_DENSEST = 0.95
_MIN_KNOWN = 10  # known counterparts; q or the crowding cannot be learned from fewer
_MIN_EXTENDED = 20  # extended sources with candidates; fewer share the prior of the others
_NO_CROWDING = (0.0,)
# Prior strength: the local density is known to about 10%, i.e. worth 100 sources. It falls off from
# the centre of a field to its rim, which the measured density does not follow.
_DENSITY_PRIOR_STRENGTH = 100.0
# Known counterparts match within the 95% error of the left source, but at least within 3 arcsec:
# positions from other wavelengths have errors, and jets or cores, of their own.
_MATCH_RADIUS = 3 / 3600
# Candidates within this factor of the best p_i are rivals; from this p_i on a candidate is serious.
_RIVAL, _SERIOUS = 0.1, 0.1


@dataclass(frozen=True)
class Model:
    """What is learned about counterparts: how many there are, where they lie, and their fluxes."""

    prior_parameters: tuple  # c, a, e of `prior_probability`: for located and for extended sources
    known: np.ndarray  # left source that is the known counterpart of each region, -1 for none
    fold: np.ndarray  # of each left source that is a known counterpart, -1 for all others
    right_fold: np.ndarray  # that judges each region: what all but this fold teach; -1 for all
    source: str  # where q comes from
    densest: float  # the highest local density
    tail: float = 0.05  # share of the counterparts with larger position errors
    flux_ratio: FluxRatio | None = None  # q / n; None: fluxes are not used
    crowding: tuple = _NO_CROWDING  # exponent without each fold, and last that of all
    weight: np.ndarray | None = None  # largest p_i of each left source

    def prior(self, candidates: Candidates):
        """Return the prior of each region that the left catalogue holds its counterpart."""
        coverage, density = candidates.coverage, self.relative_density(candidates)
        located, extended = (
            likelihood.prior_probability(parameters, coverage, density)
            for parameters in self.prior_parameters
        )
        return np.where(candidates.extended, extended, located)

    def relative_density(self, candidates: Candidates):
        """Return the local density of each region as a share of the highest, at least 0.001."""
        density = np.nan_to_num(candidates.local_density, nan=self.densest)
        return np.clip(density / self.densest, 1e-3, 1.0)

    def likelihood_ratios(self, candidates: Candidates):
        """Return the likelihood ratios, and the density of field sources at least as bright."""
        right, size = candidates.right, len(candidates.coverage)
        extended, fold = candidates.extended[right], self.right_fold[right]  # -1, the last: all
        field = candidates.local_density[right]
        if self.weight is not None:
            # Neighbours count as field sources less their probability of being a counterpart. One
            # more, which counts in full, keeps the density above zero.
            left, of = candidates.near_left, candidates.near_right
            number = np.bincount(of, minlength=size) + 1
            field = field * (1 - np.bincount(of, self.weight[left], minlength=size) / number)[right]
        density = likelihood.with_tail(candidates.density, candidates.offset, self.tail)
        ratio, brighter = np.where(extended, candidates.density, density) / field, field
        if self.crowding != _NO_CROWDING:
            exponent = np.array(self.crowding)[fold]
            ratio *= likelihood.crowding_factor(candidates.log_crowding, right, exponent)
        if self.flux_ratio is not None and candidates.level is not None:
            level = candidates.level[right]
            by_flux, share = self.flux_ratio.of_sources(candidates.left, level, fold)
            ratio, brighter = ratio * by_flux, brighter * share
        if self.weight is not None:
            # In the mean, the likelihood ratios of the field sources in a region add up to its
            # coverage. If they add up to x times that, from n sources (effective number, Kish
            # 1965), the density is x times as high as measured. The estimate is the mean of x with
            # the weight n, and of 1 with the strength of the prior.
            coverage = np.maximum(candidates.coverage, likelihood.MIN_COVERAGE)
            field_ratio = ratio * (1 - self.weight[candidates.left])
            total = np.bincount(right, field_ratio, minlength=size)
            squares = np.bincount(right, field_ratio**2, minlength=size)
            effective = total**2 / np.maximum(squares, 1e-300)
            prior = _DENSITY_PRIOR_STRENGTH
            correction = (prior + effective) / (prior + effective * total / coverage)
            ratio *= np.where(extended, 1.0, correction[right])
        return ratio, brighter

    def posterior(self, candidates: Candidates, ratio, *, other_ratios=0.0):
        """Return p_i of each candidate and p_any of each region."""
        right, coverage, prior = candidates.right, candidates.coverage, self.prior(candidates)
        return likelihood.posterior(ratio, right, coverage, prior, other_ratios=other_ratios)


def learn(inputs: Inputs, candidates: Candidates) -> Model:
    """
    Learn the model of the counterparts from the candidates.

    Expectation: the p_i of all candidates. Maximisation: the prior P, the share of larger position
    errors, the flux distributions, and the field densities, in which sources count less the more
    they are counterparts. The crowding comes last, from the known counterparts and their rivals.
    """
    left, right = candidates.sources, candidates.right
    model = _first_model(inputs, candidates)
    counts, rounds = None, _FIELD_ROUNDS
    if left.bins is not None:
        counts = FluxCounts(left.bins, candidates.near_left, candidates.near_level)
        if model.source == "expectation-maximisation":
            rounds = _EM_ROUNDS
    # A region is not judged by its own candidates: its fold holds them back from n.
    held = np.full(len(left.ra), -1)
    np.maximum.at(held, candidates.left, model.right_fold[right])
    known, located = model.known[right], ~candidates.extended[right]
    for _ in range(rounds):
        ratio, _ = model.likelihood_ratios(candidates)
        model = _with_prior(model, candidates, ratio)
        p_i, _ = model.posterior(candidates, ratio)
        weight = np.zeros(len(left.ra))
        np.maximum.at(weight, candidates.left, p_i)
        certain = np.where(known >= 0, candidates.left == known, p_i)
        tail = likelihood.fit_tail(candidates.offset[located], certain[located])
        model = replace(model, weight=weight, tail=tail)
        if counts is not None:
            flux_ratio = FluxRatio(counts, weight, model.fold, held, inputs.true_flux)
            model = replace(model, flux_ratio=flux_ratio)
    ratio, _ = model.likelihood_ratios(candidates)
    is_known = (candidates.left == known) & located
    if np.sum(is_known) >= _MIN_KNOWN:
        with np.errstate(divide="ignore"):
            log_ratio = np.log(ratio)
        log_crowding, folds = candidates.log_crowding, int(model.fold.max()) + 1
        exponents = likelihood.fit_crowding(
            log_ratio, log_crowding, right, is_known, model.right_fold, folds
        )
        model = replace(model, crowding=tuple(exponents.tolist()))
        ratio, _ = model.likelihood_ratios(candidates)
    return _with_prior(model, candidates, ratio)


def _first_model(inputs: Inputs, candidates: Candidates) -> Model:
    """Return the model before the first round: known counterparts and their folds, even odds."""
    left, size = candidates.sources, len(candidates.coverage)
    known, right_fold = np.full(size, -1), np.full(size, -1)
    fold, source = np.full(len(left.ra), -1), "expectation-maximisation"
    if left.bins is None:
        source = "none"
    elif inputs.true_flux is not None:
        source = "given"
    elif inputs.true_positions is not None:
        # The nearest left source within the match radius; of equal distances by position.
        near = distinct(candidates.near_left)
        ra, dec = left.ra[near], left.dec[near]
        radius = np.maximum(left.sigma[near] * axis_scale(0.95), _MATCH_RADIUS)
        i, j, separation = find_pairs(*inputs.true_positions, ra, dec, radius)
        first = first_of_each(i, np.lexsort((dec[j], ra[j], separation, i)))
        matched = np.full(size, -1)
        matched[i[first]] = near[j[first]]
        rows = np.unique(matched[matched >= 0])
        if len(rows) >= _MIN_KNOWN:
            known, source = matched, "known counterparts"
            # Folds by position, so that the order of the rows does not matter.
            rows = rows[np.lexsort((left.dec[rows], left.ra[rows]))]
            fold[rows] = np.arange(len(rows)) % inputs.options.folds
            # A region is judged without its own known counterpart; if it has none, without the
            # nearest known counterpart of others among its candidates (that is written last).
            others = np.flatnonzero(fold[candidates.left] >= 0)[::-1]
            right_fold[candidates.right[others]] = fold[candidates.left[others]]
            right_fold[known >= 0] = fold[known[known >= 0]]
    density = candidates.local_density[np.isfinite(candidates.local_density)]
    densest = float(np.quantile(density, _DENSEST)) if len(density) else 1.0
    return Model(_FIRST_PRIOR, known, fold, right_fold, source, densest)


def _with_prior(model: Model, candidates: Candidates, ratio) -> Model:
    """Return the model with the prior P fitted, for located and for extended sources."""
    total = np.bincount(candidates.right, ratio, minlength=len(candidates.coverage))
    density, extended = model.relative_density(candidates), candidates.extended
    strength = _PRIOR_STRENGTH if model.source == "none" else 0
    parameters = [
        likelihood.fit_prior(total[rows], candidates.coverage[rows], density[rows], strength=worth)
        for rows, worth in ((~extended, strength), (extended, _PRIOR_STRENGTH))
    ]
    if np.sum(extended & (total > 0)) < _MIN_EXTENDED:
        parameters[1] = parameters[0]
    return replace(model, prior_parameters=tuple(parameters))


@dataclass(frozen=True)
class Judgement:
    """What the model says about each candidate; ``brighter`` as in `Model.likelihood_ratios`."""

    ratio: np.ndarray
    p_i: np.ndarray
    p_any: np.ndarray
    rank: np.ndarray
    brighter: np.ndarray
    confused: np.ndarray


def judge(candidates: Candidates, model: Model) -> Judgement:
    """Return probabilities and ranks of the candidates, and which are not the only serious ones."""
    left, right = candidates.left, candidates.right
    ratio, brighter = model.likelihood_ratios(candidates)
    p_i, p_any = model.posterior(candidates, ratio)

    order = np.lexsort((-p_i, right))  # a stable sort: of equal p_i the nearer comes first
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order)) - np.searchsorted(right, right) + 1

    best = np.zeros(len(p_any))
    np.maximum.at(best, right, p_i)
    rivals = np.bincount(right, p_i >= _RIVAL * best[right], minlength=len(best))
    serious = p_i > _SERIOUS
    claims = np.bincount(left, serious, minlength=len(candidates.sources.ra))
    confused = (rivals[right] > 1) | ((claims[left] > 1) & serious)
    return Judgement(ratio, p_i, p_any[right], rank, brighter, confused)
