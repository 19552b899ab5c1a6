# Licensed under a 3-clause BSD style license - see LICENSE
"""The formulas of the associations and the fits of their parameters. Arrays in, arrays out.

The likelihood ratio LR_i of candidate i compares the density of counterparts at its place with that
of field sources (Sutherland & Saunders 1992, MNRAS 259, 413: L = q f / n). The prior P_j says
whether the left catalogue holds a counterpart of the right source j at all; the posterior p_i is
their reliability. Arrays of pairs are ordered by right source, whose indices are in ``right``.
Angles are in degrees.
"""

import numpy as np

from ..arrays import starts_run
from ..crossmatch.ellipse import ellipse_offset

# Smaller coverages are treated as zero: the 64 points per region of `density` cannot resolve them.
# As a region without any coverage may still hold sources, this also keeps 1 / w finite.
MIN_COVERAGE = 1 / 256

# Offsets in 4FGL have heavier tails than the published ellipses (10% of the pulsars in DR4, not 5%,
# lie outside of the 95% ellipse): a share of the counterparts has errors this many times as large.
_TAIL_SCALE = 2.0
# Prior of that share: its mean, and its strength in counterparts.
_TAIL_SHARE, _TAIL_PRIOR_STRENGTH = 0.05, 10.0

# Exponents that `fit_prior` tries. The first of equals wins: if the data say nothing, these are
# random pointing (1) and no dependence on the density (0).
_COVERAGE_EXPONENTS = np.arange(10, -1, -1) / 10
_DENSITY_EXPONENTS = np.arange(11) / 20

# Standard deviation of the Gaussian prior (mean 0) of the crowding exponent. It is wide: an
# exponent of 2 already means four times the odds at half the distance to the neighbours.
_CROWDING_WIDTH = 2.0
# Newton's method on a concave function; the limit of a step keeps the first ones from overshooting.
_NEWTON_STEPS, _MAX_NEWTON_STEP = 6, 1.0


def position_density(separation, position_angle, major, minor, angle):
    """
    Return the density of an elliptical Gaussian at an offset, and the offset in sigma.

    This is f of Sutherland & Saunders (1992), per square degree. Semi-axes are standard deviations.
    """
    offset = ellipse_offset(separation, position_angle, major, minor, angle)
    return np.exp(-(offset**2) / 2) / (2 * np.pi * major * minor), offset


def with_tail(density, offset, tail):
    """Return the density of a Gaussian of which a share is `_TAIL_SCALE` times as wide."""
    return density * (1 + tail * (_tail_ratio(offset) - 1))


def fit_tail(offset, weight):
    """Return the share of larger errors by maximum posterior; offsets in sigma, weights are p_i."""
    excess = _tail_ratio(offset) - 1

    def slope(tail):
        prior = _TAIL_PRIOR_STRENGTH * (_TAIL_SHARE / tail - (1 - _TAIL_SHARE) / (1 - tail))
        return np.sum(weight * excess / (1 + tail * excess)) + prior

    return float(find_zero(slope, 0.0, 0.5, steps=20))


def _tail_ratio(offset):
    """Return the density of the wide Gaussian over that of the narrow one."""
    return np.exp(np.square(offset) * (1 - 1 / _TAIL_SCALE**2) / 2) / _TAIL_SCALE**2


def bayes_factor(density):
    """
    Return log10 of the Bayes factor of position: one source against two, from `position_density`.

    Budavari & Szalay (2008, ApJ 679, 301), equation 16, here for ellipses: 4 pi times the density
    per steradian, which is 1 for a density that is uniform over the sphere.
    """
    with np.errstate(divide="ignore"):
        return np.log10(4 * np.pi * (180 / np.pi) ** 2 * np.asarray(density))


def chance_probability(separation, density):
    """
    Return the Poisson probability of a field source within a separation.

    Downes et al. (1986, MNRAS 218, 31), with the density of field sources at least as bright.
    """
    return -np.expm1(-np.pi * np.square(separation) * density)


def posterior(ratio, right, coverage, prior, *, other_ratios=0.0):
    """
    Return p_i of each pair, and p_any, that of any candidate, of each right source.

    ``p_i = (P / w) LR_i / ((1 - P) + (P / w) sum LR)`` is the reliability of Sutherland & Saunders
    (1992) with Q = P. The coverage w enters as counterparts in the left catalogue lie in the
    observed part only. ``other_ratios`` sums likelihood ratios of rivals that are not in the pairs.
    """
    odds = prior / np.maximum(coverage, MIN_COVERAGE)
    total = np.bincount(right, ratio, minlength=len(coverage)) * odds
    evidence = 1 - prior + total + other_ratios * odds
    return ratio * odds[right] / evidence[right], total / evidence


def prior_probability(parameters, coverage, relative_density):
    """
    Return the prior that the left catalogue holds the counterpart: ``P = c w**a d**e``.

    A telescope that is pointed at random observes the counterpart in w of all cases (a = 1). One
    that was pointed at it does so however little of the region it covers (a = 0). Deeper exposures
    have a higher density d (relative to the highest) and hold fainter counterparts (e > 0).
    """
    c, a, e = parameters
    return c * np.maximum(coverage, MIN_COVERAGE) ** a * np.asarray(relative_density) ** e


def fit_prior(total, coverage, relative_density, *, strength=0.0):
    """
    Return c, a and e of `prior_probability` by maximum posterior; (0.5, 1, 0) without any data.

    The likelihood is the product of ``(1 - P) + P sum LR / w`` over all right sources, with
    ``total`` the sum LR. Its prior, worth ``strength`` right sources, is a Beta distribution that
    keeps P away from 0 and 1. Given the exponents the logarithm is concave in c; they are varied in
    turn on a grid.
    """
    use = (coverage > 0) | (total > 0)
    coverage, density = np.maximum(coverage[use], MIN_COVERAGE), relative_density[use]
    gain = total[use] / coverage - 1
    if not len(gain):
        return 0.5, 1.0, 0.0

    def best(exponents, parts):
        return float(exponents[np.argmax(_fit_share(gain, parts, strength, steps=12)[1])])

    e = 0.0
    for _ in range(3):
        previous = e
        a = best(_COVERAGE_EXPONENTS, coverage ** _COVERAGE_EXPONENTS[:, None] * density**e)
        e = best(_DENSITY_EXPONENTS, coverage**a * density ** _DENSITY_EXPONENTS[:, None])
        if e == previous:
            break
    c, _ = _fit_share(gain, (coverage**a * density**e)[None], strength, steps=50)
    return float(c[0]), a, e


def _fit_share(gain, parts, strength, *, steps):
    """Return the best c of ``P = c part`` for each row of parts, and its log posterior."""
    # Sorted, so that the order of the input does not change the last bits of the sums.
    gain, parts, weight = np.sort(gain * parts), np.sort(parts), strength / 2 / len(gain)

    def slope(c):
        c = c[:, None]
        total = (gain / (1 + c * gain)).sum(axis=1)
        if weight:
            total += weight * (1 / c - parts / (1 - c * parts)).sum(axis=1)
        return total

    c = find_zero(slope, np.full(len(parts), 0.001), np.full(len(parts), 0.999), steps=steps)
    value = np.log1p(c[:, None] * gain).sum(axis=1)
    if weight:
        value += weight * (np.log(c[:, None] * parts) + np.log1p(-c[:, None] * parts)).sum(axis=1)
    return c, value


def fit_crowding(log_ratio, log_crowding, right, known, fold, folds):
    """
    Return the exponent b of the crowding k without each fold and, last, of all: shape (folds + 1,).

    A conditional logit (McFadden 1974): the likelihood is the product of the probabilities of the
    known counterparts among the candidates of their regions, ``LR_i k_i**b / sum LR k**b``.
    ``known`` says which pairs are known counterparts, ``fold`` is the fold of each right source (-1
    for none).
    """
    use = np.isin(right, right[known])
    right, place = np.unique(right[use], return_inverse=True)
    if not len(right):
        return np.zeros(folds + 1)
    begin = np.flatnonzero(starts_run(place))
    log_ratio, log_crowding, known = log_ratio[use], log_crowding[use], known[use]
    # Relative to the known counterpart: then the slope of the log-likelihood is minus the mean.
    of_known = np.bincount(place, known * log_crowding) / np.bincount(place, known)
    log_crowding = log_crowding - of_known[place]

    def moments(exponent):
        """Return mean and variance of the log crowding over the candidates of each region."""
        weight = log_ratio + exponent[:, None] * log_crowding
        weight = np.exp(weight - np.maximum.reduceat(weight, begin, axis=1)[:, place])
        total = np.add.reduceat(weight, begin, axis=1)
        weight *= log_crowding
        mean = np.add.reduceat(weight, begin, axis=1) / total
        weight *= log_crowding
        return mean, np.add.reduceat(weight, begin, axis=1) / total - mean**2

    exponent = np.zeros(1)
    kept = np.ones((1, len(right)))
    for step in range(_NEWTON_STEPS + 2):
        if step == _NEWTON_STEPS:  # each fold starts from the result of all, and needs two steps
            kept = np.array([fold[right] != k for k in range(folds)] + [kept[0]], dtype=float)
            exponent = np.repeat(exponent, folds + 1)
        mean, variance = moments(exponent)
        slope = -(kept * mean).sum(axis=1) - exponent / _CROWDING_WIDTH**2
        curvature = (kept * variance).sum(axis=1) + 1 / _CROWDING_WIDTH**2
        exponent = exponent + np.clip(slope / curvature, -_MAX_NEWTON_STEP, _MAX_NEWTON_STEP)
    return exponent


def crowding_factor(log_crowding, right, exponent):
    """Return ``k**b`` of each pair over its mean in the region: it compares rivals, not regions."""
    begin = np.flatnonzero(starts_run(right))
    number = np.diff(np.append(begin, len(right)))
    factor = exponent * log_crowding
    factor = np.exp(factor - np.repeat(np.maximum.reduceat(factor, begin), number))
    return factor / np.repeat(np.add.reduceat(factor, begin) / number, number)


def find_zero(function, low, high, *, steps):
    """Return where a falling function crosses zero, by bisection, element by element."""
    for _ in range(steps):
        middle = (low + high) / 2
        too_low = function(middle) > 0
        low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
    return middle
