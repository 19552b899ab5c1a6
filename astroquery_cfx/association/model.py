# Licensed under a 3-clause BSD style license - see LICENSE
"""What is learned from the candidates of associations, and how they are judged by it.

Arrays in, arrays out, in degrees; `candidates` finds them, `association` has the tables.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..arrays import distinct, first_of_each, starts_run
from ..crossmatch.ellipse import axis_scale
from ..crossmatch.sphere import find_pairs
from .crowding import crowding_factor, learn_crowding
from .fluxes import FluxCounts, FluxPrior
from .likelihood import (
    LEAST_COVERAGE,
    learn_share,
    learn_tail,
    posterior,
    prior_share,
    with_tail,
)

__all__ = ["Judgement", "Model", "judge", "learn", "prior_of"]

_EM_STEPS, _FIELD_STEPS = 8, 2
_IGNORANCE = 40  # likelihood ratios of extended sources, and of positions alone, tell little
_UNKNOWN = ((0.5, 1.0, 0.0), (0.5, 1.0, 0.0))
_DENSEST = 0.95  # of the regions are less dense than what counts as the highest density
_FEWEST = 10  # known counterparts, of which fluxes are learned
_FEWEST_EXTENDED = 20  # extended sources, of which their own share is learned
_EVEN = (0.0,)  # crowded places are like others
_SURE = 100.0  # field sources that the density of a region is worth: it is known to a tenth
_SECURE = 3 / 3600  # deg: counterparts of other wavelengths have errors of their own


@dataclass(frozen=True)
class Model:
    """What is learned of counterparts: how many there are, where they lie, and their fluxes."""

    shares: tuple  # share and exponents of coverage and density, of located and of extended sources
    prior: FluxPrior | None  # None: fluxes are not used
    known: np.ndarray  # the left source that is the known counterpart of each region, else -1
    fold: np.ndarray  # of each left source that is known to be a counterpart, else -1
    right_fold: np.ndarray  # for which each region is judged
    source: str  # of the prior
    densest: float = 1.0  # of the densities about the regions
    tail: float = 0.05  # share of the counterparts with larger position errors
    crowding: tuple = _EVEN  # power, without each fold, and at last that of all
    weight: np.ndarray | None = None  # p_i of each left source


def _secure(left, among, true_ra, true_dec):
    """Of some left sources the one nearest to each known counterpart, within its 95% error; -1 for none."""
    rows = distinct(among)
    ra, dec = left.ra[rows], left.dec[rows]
    i, j, separation = find_pairs(
        true_ra, true_dec, ra, dec, np.maximum(left.sigma[rows] * axis_scale(0.95), _SECURE)
    )
    nearest = first_of_each(i, np.lexsort((dec[j], ra[j], separation, i)))
    secure = np.full(len(true_ra), -1)
    secure[i[nearest]] = rows[j[nearest]]
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
    Learn what tells counterparts from field sources, and how many the left catalogue holds.

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
    about = candidates.about[np.isfinite(candidates.about)]
    model = Model(
        _UNKNOWN,
        None,
        *_known(left, candidates, true, true_flux, folds),
        densest=float(np.quantile(about, _DENSEST)) if len(about) else 1.0,
    )
    return _learn_by_turns(left, candidates, model, true_flux)


def _known(left, candidates, true, true_flux, folds):
    """The known counterpart of each region, the folds of both sides, and where the prior comes from."""
    size = len(candidates.coverage)
    nobody = np.full(size, -1), np.full(len(left.ra), -1), np.full(size, -1)
    if left.flux is None:
        return *nobody, "none"
    if true_flux is not None:
        return *nobody, "given"
    if true is not None:
        secure = _secure(left, candidates.members.left, *true)
        fold, right_fold = _folds(left, secure, candidates, folds)
        if np.sum(fold >= 0) >= _FEWEST:
            return secure, fold, right_fold, "known counterparts"
    return *nobody, "expectation-maximisation"


def _learn_by_turns(left, candidates, model, true_flux=None):
    """
    Expectation and maximisation: who is a counterpart, and what fluxes counterparts and field sources have.

    What is a counterpart is no field source, as far as it is one. The fluxes of counterparts come from
    the candidates only if nothing better is known.
    """
    counts, folds = None, {}
    if left.flux is not None:
        counts = FluxCounts(
            left.bins, left.flux_bin, candidates.members.left, candidates.members.level
        )
    if model.source == "known counterparts":
        held = np.full(len(left.ra), -1)
        np.maximum.at(held, candidates.left, model.right_fold[candidates.right])
        folds = {"fold": model.fold, "held": held}
    for _ in range(_EM_STEPS if model.source == "expectation-maximisation" else _FIELD_STEPS):
        ratio, _ = _ratio(candidates, model)
        model = _with_share(candidates, model, ratio)
        p_i, _ = _probabilities(candidates, model, ratio)
        weight = np.zeros(len(left.ra))
        np.maximum.at(weight, candidates.left, p_i)
        model = replace(model, weight=weight, tail=_tail(candidates, model, p_i))
        if counts is not None:
            model = replace(
                model, prior=FluxPrior(counts, weight=weight, true_flux=true_flux, **folds)
            )
    model = _with_crowding(candidates, model)
    return _with_share(candidates, model, _ratio(candidates, model)[0])


def _tail(candidates, model, p_i):
    """The share of counterparts with larger errors: of the known ones, where these are, and of the others."""
    known = model.known[candidates.right]
    weight = np.where(known >= 0, candidates.left == known, p_i)
    located = ~candidates.extended[candidates.right]
    return learn_tail(candidates.offset[located], weight[located])


def _with_crowding(candidates, model):
    """Whether counterparts lie in crowded places, from the known ones and their rivals."""
    known = (candidates.left == model.known[candidates.right]) & ~candidates.extended[
        candidates.right
    ]
    if np.sum(known) < _FEWEST:
        return model
    ratio, _ = _ratio(candidates, replace(model, crowding=_EVEN))
    with np.errstate(divide="ignore"):
        power = learn_crowding(
            np.log(ratio),
            candidates.log_crowding,
            candidates.right,
            known,
            model.right_fold,
            int(model.fold.max()) + 1,
        )
    return replace(model, crowding=tuple(power.tolist()))


def _with_share(candidates, model, ratio):
    total = np.bincount(candidates.right, ratio, minlength=len(candidates.coverage))
    about = _relative(candidates, model)
    ignorance = _IGNORANCE if model.source == "none" else 0
    shares = [
        learn_share(total[rows], candidates.coverage[rows], about[rows], ignorance=worth)
        for rows, worth in ((~candidates.extended, ignorance), (candidates.extended, _IGNORANCE))
    ]
    if np.sum(candidates.extended & (total > 0)) < _FEWEST_EXTENDED:
        shares[1] = shares[0]
    return replace(model, shares=tuple(shares))


def _relative(candidates, model):
    """Density about each region, as a share of the highest."""
    return np.clip(np.nan_to_num(candidates.about, nan=model.densest) / model.densest, 1e-3, 1.0)


def prior_of(candidates, model):
    """Probability of each region that the left catalogue holds its counterpart."""
    point, extended = (
        prior_share(share, candidates.coverage, _relative(candidates, model))
        for share in model.shares
    )
    return np.where(candidates.extended, extended, point)


def _ratio(candidates, model):
    """Likelihood ratios, and the density of field sources that are at least as bright."""
    field, right, extended = (
        candidates.field,
        candidates.right,
        candidates.extended[candidates.right],
    )
    if model.weight is not None:  # of the sources about a region some are counterparts
        field = field * (
            1 - candidates.members.share(model.weight, len(candidates.coverage))[right]
        )
    density = with_tail(candidates.density, candidates.offset, model.tail)
    ratio, brighter = np.where(extended, candidates.density, density) / field, field
    if model.crowding != _EVEN:
        fold = model.right_fold[right]  # -1, the last, stands for all
        ratio *= crowding_factor(candidates.log_crowding, right, np.array(model.crowding)[fold])
    if model.prior is not None:
        by_flux, share = model.prior.ratio(
            candidates.flux_bin, candidates.level, model.right_fold[right]
        )
        ratio, brighter = ratio * by_flux, brighter * share
    if model.weight is not None:
        ratio *= np.where(
            extended, 1.0, _excess(candidates, ratio * (1 - model.weight[candidates.left]))
        )
    return ratio, brighter


def _excess(candidates, ratio):
    """
    By how much there are fewer field sources than expected, weighted by what they look like.

    The likelihood ratios of field sources add up to the coverage, in the mean. Where many of them do not,
    it is the density that is wrong, which is known to a tenth only: it falls off within the fields.
    """
    coverage, right = np.maximum(candidates.coverage, LEAST_COVERAGE), candidates.right
    total = np.bincount(right, ratio, minlength=len(coverage))
    number = total**2 / np.maximum(np.bincount(right, ratio**2, minlength=len(coverage)), 1e-300)
    return ((_SURE + number) / (_SURE + number * total / coverage))[right]


def _probabilities(candidates, model, ratio):
    return posterior(ratio, candidates.right, candidates.coverage, prior_of(candidates, model))


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
    p_i, p_any = _probabilities(candidates, model, ratio)
    return Judgement(
        ratio,
        p_i,
        p_any[candidates.right],
        _rank(candidates, p_i),
        brighter,
        _confused(left, candidates, p_i, len(p_any)),
    )


def _rank(candidates, p_i):
    order = np.lexsort((-p_i, candidates.right))  # which keeps the order by separation
    begin = np.flatnonzero(starts_run(candidates.right[order]))
    length = np.diff(np.append(begin, len(order)))
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order)) - np.repeat(begin, length) + 1
    return rank


def _confused(left, candidates, p_i, num_regions):
    """Regions with more than one serious candidate, and sources that are one for two regions."""
    best = np.zeros(num_regions)
    np.maximum.at(best, candidates.right, p_i)
    rivals = np.bincount(
        candidates.right, p_i >= 0.1 * best[candidates.right], minlength=num_regions
    )
    claims = np.bincount(candidates.left, p_i > 0.1, minlength=len(left.ra))
    return (rivals[candidates.right] > 1) | ((claims[candidates.left] > 1) & (p_i > 0.1))
