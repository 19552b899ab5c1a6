# Licensed under a 3-clause BSD style license - see LICENSE
"""Whether counterparts lie where sources crowd: in clusters of stars, nuclei of galaxies, jets.

How much that tells is learned from the known counterparts and their rivals alone, and it tells rivals apart,
never regions. Arrays in, arrays out; angles in degrees.
"""

import numpy as np

from ..arrays import starts_run
from ..crossmatch.sphere import angle_of, chord, unit_vectors

__all__ = ["crowding_factor", "learn_crowding", "nearest_distances"]

_WIDTH = 2.0  # of the prior of the power
_STEPS, _LARGEST_STEP = 6, 1.0  # of Newton's method


def nearest_distances(ra, dec, rows, number, widest):
    """
    Distances of some sources to their nearest others.

    Parameters
    ----------
    ra, dec : `~numpy.ndarray`, shape (n,)
        All sources, in degrees.
    rows : `~numpy.ndarray` of int, shape (m,)
        Those in question.
    number : int
        How many others.
    widest : float
        Stands for distances that are larger.

    Returns
    -------
    `~numpy.ndarray`, shape (m, number)
        In degrees.
    """
    from scipy.spatial import cKDTree

    vectors = unit_vectors(ra, dec)
    tree = cKDTree(vectors, balanced_tree=False, compact_nodes=False)
    distance, _ = tree.query(
        vectors[rows], k=number + 1, distance_upper_bound=chord(widest), workers=-1
    )
    return np.where(np.isfinite(distance), angle_of(distance), widest)[:, 1:]


def learn_crowding(log_ratio, log_crowding, right, known, fold, folds):
    """
    The power of the crowding that tells counterparts from their rivals, by conditional likelihood.

    That is the product of the probabilities of the known counterparts among the candidates of their
    regions, ``LR_i k_i**b / sum LR k**b``, times a Gaussian prior of b about 0, of width 2. The logarithm
    is concave in b.

    Parameters
    ----------
    log_ratio, log_crowding : `~numpy.ndarray`, shape (pairs,)
        Logarithms of the likelihood ratio without the crowding, and of the crowding k.
    right : `~numpy.ndarray` of int, shape (pairs,)
        The regions, in order.
    known : `~numpy.ndarray` of bool, shape (pairs,)
        Which candidates are known counterparts.
    fold : `~numpy.ndarray` of int, shape (regions,)
        The fold of each region, -1 for none.
    folds : int
        How many there are.

    Returns
    -------
    `~numpy.ndarray`, shape (folds + 1,)
        The power without each fold, and at last that of all.
    """
    use = np.isin(right, right[known])
    right, place = np.unique(right[use], return_inverse=True)
    if not len(right):
        return np.zeros(folds + 1)
    begin = np.flatnonzero(starts_run(place))
    log_ratio, log_crowding, known = log_ratio[use], log_crowding[use], known[use]
    # Measured from that of the known counterpart, the mean of the crowding is the slope.
    of_known = np.bincount(place, known * log_crowding) / np.bincount(place, known)
    log_crowding = log_crowding - of_known[place]

    def moments(power):
        weight = log_ratio + power[:, None] * log_crowding
        weight = np.exp(weight - np.maximum.reduceat(weight, begin, axis=1)[:, place])
        total = np.add.reduceat(weight, begin, axis=1)
        weight *= log_crowding
        mean = np.add.reduceat(weight, begin, axis=1) / total
        weight *= log_crowding
        return mean, np.add.reduceat(weight, begin, axis=1) / total - mean**2

    power = np.zeros(1)
    kept = np.ones((1, len(right)))
    for step in range(_STEPS + 2):
        if step == _STEPS:  # near the power of all: two more steps for each fold
            kept = np.array([fold[right] != k for k in range(folds)] + [kept[0]], dtype=float)
            power = np.repeat(power, folds + 1)
        mean, variance = moments(power)
        slope = -(kept * mean).sum(axis=1) - power / _WIDTH**2
        curvature = (kept * variance).sum(axis=1) + 1 / _WIDTH**2
        power = power + np.clip(slope / curvature, -_LARGEST_STEP, _LARGEST_STEP)
    return power


def crowding_factor(log_crowding, right, power):
    """
    What the crowding adds to the likelihood ratios, with a mean of 1 over the candidates of each region.

    Parameters
    ----------
    log_crowding : `~numpy.ndarray`, shape (pairs,)
        Logarithm of the crowding.
    right : `~numpy.ndarray` of int, shape (pairs,)
        The regions, in order.
    power : `~numpy.ndarray`, shape (pairs,)
        Of `learn_crowding`.

    Returns
    -------
    `~numpy.ndarray`, shape (pairs,)
    """
    begin = np.flatnonzero(starts_run(right))
    number = np.diff(np.append(begin, len(right)))
    factor = power * log_crowding
    factor = np.exp(factor - np.repeat(np.maximum.reduceat(factor, begin), number))
    return factor / np.repeat(np.add.reduceat(factor, begin) / number, number)
