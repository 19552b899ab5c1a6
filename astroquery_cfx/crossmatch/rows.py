# Licensed under a 3-clause BSD style license - see LICENSE
"""Row numbers and keys: the first of each, the different ones. Arrays in, arrays out."""

import numpy as np

__all__ = ["distinct", "first_of_each", "starts_run"]


def starts_run(key):
    """Which values are the first of a run of equal ones."""
    return np.concatenate(([True], key[1:] != key[:-1]))[:len(key)]


def first_of_each(key, order):
    """Which rows come first of those with the same key, in an order that puts equal keys together."""
    first = np.zeros(len(key), dtype=bool)
    first[order] = starts_run(key[order])
    return first


def distinct(rows):
    """The different numbers among whole ones, from 0 on, in order."""
    return np.flatnonzero(np.bincount(rows))
