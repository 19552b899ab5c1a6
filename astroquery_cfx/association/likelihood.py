# Licensed under a 3-clause BSD style license - see LICENSE
"""Probabilities of associations: pure functions of arrays, angles in degrees.

For the right source j and its candidates i: the density of finding the counterpart at the offset
of i (`position_density`), the ratio to the density of field sources (Sutherland & Saunders 1992,
MNRAS 259, 413), and the probability that i is the counterpart (`posterior`).
"""

import numpy as np

__all__ = [
    "LEAST_COVERAGE",
    "WIDER",
    "bayes_factor",
    "chance_probability",
    "learn_share",
    "learn_tail",
    "position_density",
    "posterior",
    "prior_share",
    "with_tail",
]

WIDER = 2.0  # times as wide: the position errors of some counterparts

LEAST_COVERAGE = 1 / 256  # coverage that is less is not told from none
_BY_COVERAGE = np.arange(10, -1, -1) / 10  # random pointing first
_BY_DENSITY = np.arange(11) / 20
_TAIL, _TAIL_WORTH = 0.05, 10.0  # share of counterparts with larger errors, before any is seen
_SQUARE_DEGREES = (180 / np.pi) ** 2


def position_density(separation, position_angle, major, minor, angle):
    """
    Density of an elliptical Gaussian at an offset from its centre.

    Parameters
    ----------
    separation, position_angle : array_like
        The offset, in degrees, east of north.
    major, minor, angle : array_like
        Standard deviations along the axes, and position angle of the major axis, in degrees.

    Returns
    -------
    density : `~numpy.ndarray`
        Per square degree.
    offset : `~numpy.ndarray`
        The offset in standard deviations.

    Examples
    --------
    >>> from astroquery_cfx.association.likelihood import position_density
    >>> density, offset = position_density(0.1, 0.0, 0.1, 0.05, 0.0)
    >>> round(float(density), 3), float(offset)
    (19.306, 1.0)
    """
    turn = np.radians(np.subtract(position_angle, angle))
    offset = separation * np.hypot(np.cos(turn) / major, np.sin(turn) / minor)
    return np.exp(-(offset**2) / 2) / (2 * np.pi * major * minor), offset


def bayes_factor(density):
    """
    Bayes factor of position: one source seen twice against two sources (Budavari & Szalay 2008).

    Their equation 16 for small errors, here with elliptical ones (ApJ 679, 301): 4 pi times the Gaussian
    density of the offset, whose covariance is the sum of those of both sides, per steradian.

    Parameters
    ----------
    density : array_like
        `position_density`, per square degree.

    Returns
    -------
    `~numpy.ndarray`
        Its decimal logarithm.

    Examples
    --------
    >>> import numpy as np
    >>> from astroquery_cfx.association.likelihood import bayes_factor
    >>> float(np.round(bayes_factor(1 / (360**2 / np.pi)), 6))  # spread over the whole sphere: says nothing
    0.0
    """
    with np.errstate(divide="ignore"):
        return np.log10(4 * np.pi * _SQUARE_DEGREES * np.asarray(density))


def chance_probability(separation, density):
    """
    Probability that a field source lies as near by chance (Downes et al. 1986, MNRAS 218, 31).

    Parameters
    ----------
    separation : array_like
        In degrees.
    density : array_like
        Field sources of at least that flux, per square degree.

    Returns
    -------
    `~numpy.ndarray`

    Examples
    --------
    >>> from astroquery_cfx.association.likelihood import chance_probability
    >>> round(float(chance_probability(0.1, 100.0)), 4)
    0.9568
    """
    return -np.expm1(-np.pi * np.square(separation) * density)


def posterior(ratio, right, coverage, prior, *, others=0.0):
    """
    Probability of each candidate to be the counterpart, given all candidates.

    ``p_i = P LR_i / w_j / ((1 - P) + P sum LR / w_j)``, where P is the probability that the counterpart is in
    the left catalogue. With ``P = c w_j`` it is ``c LR_i / ((1 - c w_j) + c sum LR)`` (Sutherland & Saunders
    1992, MNRAS 259, 413, eq. 7).

    Parameters
    ----------
    ratio : `~numpy.ndarray`, shape (pairs,)
        Likelihood ratios: density of counterparts over density of field sources.
    right : `~numpy.ndarray` of int, shape (pairs,)
        Row of the right side.
    coverage : `~numpy.ndarray`, shape (right rows,)
        w_j, the share of the weight of each region that was looked at.
    prior : `~numpy.ndarray`, shape (right rows,)
        P.
    others : float or `~numpy.ndarray`, shape (right rows,), optional
        Likelihood ratios of candidates that are not among the pairs.

    Returns
    -------
    p_i : `~numpy.ndarray`, shape (pairs,)
    p_any : `~numpy.ndarray`, shape (right rows,)

    Examples
    --------
    >>> import numpy as np
    >>> from astroquery_cfx.association.likelihood import posterior
    >>> posterior(np.array([1.0, 2.0]), np.array([0, 0]), np.array([1.0]), np.array([0.5]))
    (array([0.25, 0.5 ]), array([0.75]))
    """
    odds = prior / np.maximum(coverage, LEAST_COVERAGE)
    total = np.bincount(right, ratio, minlength=len(coverage)) * odds
    evidence = 1 - prior + total + others * odds
    return ratio * odds[right] / evidence[right], total / evidence


def prior_share(share, coverage, relative_density):
    """
    Probability that the left catalogue holds the counterpart: ``c w**a d**b``.

    A telescope that looks here and there sees the counterpart in w of all cases (a = 1). One that was
    pointed at it sees it however little of the region it sees (a = 0). Where it looked longer it sees more
    sources, and fainter counterparts (b > 0).

    Parameters
    ----------
    share : tuple of three float
        c, a and b.
    coverage, relative_density : array_like
        w, and d, the density of the left sources as a share of the highest.

    Returns
    -------
    `~numpy.ndarray`

    Examples
    --------
    >>> from astroquery_cfx.association.likelihood import prior_share
    >>> prior_share((0.8, 0.5, 0.0), [1.0, 0.25], [1.0, 0.1])
    array([0.8, 0.4])
    """
    share, by_coverage, by_density = share
    coverage = np.maximum(coverage, LEAST_COVERAGE)
    return share * coverage**by_coverage * np.asarray(relative_density) ** by_density


def learn_share(total, coverage, relative_density, *, ignorance=0.0):
    """
    The share of counterparts that the left catalogue holds, and how it falls with coverage and density.

    By maximum likelihood: that of all right sources is the product of ``(1 - P) + P sum LR / w`` with
    ``P = c w**a d**b``, times a prior that keeps P away from 0 and 1. For each a and b the logarithm is
    concave in c; these are sought by turns, in steps of 0.1 and 0.05.

    Parameters
    ----------
    total, coverage, relative_density : `~numpy.ndarray`, shape (right rows,)
        Sum of the likelihood ratios, w and d.
    ignorance : float, optional
        How many sources the prior is worth.

    Returns
    -------
    tuple of three float
        c, between 0.001 and 0.999, a, between 0 and 1, and b, between 0 and 0.5; 0.5, 1 and 0 where nothing
        can be learned.

    Examples
    --------
    >>> import numpy as np
    >>> from astroquery_cfx.association.likelihood import learn_share
    >>> share = learn_share(np.array([1e6] * 300 + [0.0] * 700), np.ones(1000), np.ones(1000))
    >>> round(share[0], 3), share[1:]
    (0.3, (1.0, 0.0))
    """
    use = (coverage > 0) | (total > 0)
    coverage, density = np.maximum(coverage[use], LEAST_COVERAGE), relative_density[use]
    gain = total[use] / coverage - 1
    if not len(gain):
        return 0.5, 1.0, 0.0

    def part(by_coverage, by_density):
        return coverage**by_coverage * density**by_density

    by_coverage, by_density = 1.0, 0.0
    for _ in range(3):
        before = by_density
        by_coverage = _best(_BY_COVERAGE, gain, part(_BY_COVERAGE[:, None], by_density), ignorance)
        by_density = _best(_BY_DENSITY, gain, part(by_coverage, _BY_DENSITY[:, None]), ignorance)
        if by_density == before:
            break
    share, _ = _best_shares(gain, part(by_coverage, by_density)[None], ignorance, steps=50)
    return float(share[0]), by_coverage, by_density


def _best(powers, gain, part, ignorance):
    """The power whose part, a row for each, gives the largest posterior."""
    return float(powers[np.argmax(_best_shares(gain, part, ignorance, steps=12)[1])])


def _best_shares(gain, part, ignorance, *, steps):
    """For each row of part the c for which the posterior of ``P = c part`` is largest, and its logarithm."""
    # Sorted: the order of the rows does not matter to the last bit.
    gain, part, weight = np.sort(gain * part), np.sort(part), ignorance / 2 / len(gain)
    low, high = np.full((len(part), 1), 0.001), np.full((len(part), 1), 0.999)
    for _ in range(steps):
        c = (low + high) / 2
        slope = (gain / (1 + c * gain)).sum(axis=1, keepdims=True)
        if weight:
            slope += weight * (1 / c - part / (1 - c * part)).sum(axis=1, keepdims=True)
        low, high = np.where(slope > 0, c, low), np.where(slope > 0, high, c)
    value = np.log1p(c * gain).sum(axis=1)
    if weight:
        value += weight * (np.log(c * part) + np.log1p(-c * part)).sum(axis=1)
    return c[:, 0], value


def learn_tail(offset, weight):
    """
    The share of counterparts whose position errors are `WIDER`, by maximum likelihood.

    Parameters
    ----------
    offset : `~numpy.ndarray`, shape (pairs,)
        In standard deviations.
    weight : `~numpy.ndarray`, shape (pairs,)
        The probability of each to be the counterpart.

    Returns
    -------
    float
        With a prior of `_TAIL`, worth ten counterparts.

    Examples
    --------
    >>> import numpy as np
    >>> from astroquery_cfx.association.likelihood import learn_tail
    >>> rng = np.random.default_rng(1)
    >>> offset = np.concatenate([rng.rayleigh(1, 9000), rng.rayleigh(2, 1000)])
    >>> round(learn_tail(offset, np.ones(10000)), 2)
    0.1
    """
    excess = _widened(offset) - 1
    low, high = 0.0, 0.5
    for _ in range(20):
        tail = (low + high) / 2
        slope = np.sum(weight * excess / (1 + tail * excess))
        slope += _TAIL_WORTH * (_TAIL / max(tail, 1e-9) - (1 - _TAIL) / (1 - tail))
        low, high = (tail, high) if slope > 0 else (low, tail)
    return tail


def with_tail(density, offset, tail):
    """
    The density of a Gaussian at an offset, of which a share is `WIDER`.

    Parameters
    ----------
    density, offset : array_like
        Of `position_density`.
    tail : float
        The share.

    Returns
    -------
    `~numpy.ndarray`
    """
    return density * (1 + tail * (_widened(offset) - 1))


def _widened(offset):
    """The density of a wider Gaussian, as a share of that of the Gaussian."""
    return np.exp(np.square(offset) * (1 - 1 / WIDER**2) / 2) / WIDER**2
