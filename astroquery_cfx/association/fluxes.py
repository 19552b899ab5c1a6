# Licensed under a 3-clause BSD style license - see LICENSE
"""What fluxes counterparts have, and what fluxes field sources have where they lie.

The fluxes are counted in bins of their logarithm, and one for fluxes of zero. That a flux is missing is
mostly the field's doing (another detector), and judged apart. How bright sources are that a catalogue
holds depends on how deep the telescope looked: all is taken as a function of the median flux of a
source's neighbours, its level.
Arrays in, arrays out.
"""

import numpy as np

from ..arrays import distinct

__all__ = ["FluxBins", "FluxCounts", "FluxPrior"]

_STEP = 0.1  # dex, of the bins of flux
_LEVEL_STEP = 0.2  # dex, of the bins of the level
_FEWEST = 4  # others, of which the median is taken
_FIELD_WIDTH = 0.1  # dex, by which field sources are smoothed: more would blow up a steep law
_LEVEL_WIDTH = 0.25
_TRUE_LEVEL_WIDTH = 0.4
_FIELD_SHRINK = 30.0  # sources that the mean of all levels is worth at each level
_TRUE_SHRINK = 10.0
_TRUE_FLOOR = 1.0  # counterparts that the mean field is worth among all counterparts


class FluxBins:
    """
    Bins of log10 flux; then one for zero (and negative) and one for missing fluxes.

    Parameters
    ----------
    flux : `~numpy.ndarray`
        Fluxes, from which the range is taken; NaN where missing.
    """

    def __init__(self, flux):
        flux = flux[np.isfinite(flux) & (flux > 0)]
        low, high = np.log10([flux.min(), flux.max()]) if len(flux) else (0.0, 0.0)
        self.low = np.floor(low / _STEP) * _STEP
        self.positive = int((high - self.low) / _STEP) + 1
        self.number = self.positive + 1  # without the one for missing fluxes
        self.levels = int((self.positive - 1) * _STEP / _LEVEL_STEP) + 1

    def index(self, flux):
        """The bin of each flux; beyond the ends, the first or the last."""
        index = np.where(np.isfinite(flux), self.positive, self.number)
        bright = np.flatnonzero((flux > 0) & (index == self.positive))
        place = np.floor((np.log10(flux[bright]) - self.low) / _STEP)
        index[bright] = np.clip(place, 0, self.positive - 1)
        return index

    def level_of_others(self, index, group):
        """
        How bright the others of the same group are: the bin of their median positive flux.

        Parameters
        ----------
        index : `~numpy.ndarray` of int, shape (m,)
            The bin of each flux.
        group : `~numpy.ndarray` of int, shape (m,)
            The group of each, from 0 on.

        Returns
        -------
        `~numpy.ndarray` of int, shape (m,)
            `levels` where there are no others.
        """
        positive = index < self.positive
        place = np.where(positive, index, self.number)
        order = np.argsort(group * (self.number + 1) + place)
        place, group, positive = place[order], group[order], positive[order]
        first = np.searchsorted(group, group)
        count = np.bincount(group, positive)[group].astype(int) if len(group) else group
        others = count - positive
        middle = np.maximum(others - 1, 0) // 2
        middle += positive & (np.arange(len(group)) - first <= middle)
        median = place[np.minimum(first + middle, len(group) - 1)]
        level = np.empty(len(group), dtype=int)
        level[order] = np.where(
            others >= _FEWEST, (median * _STEP / _LEVEL_STEP).astype(int), self.levels
        )
        return level

    def of_groups(self, level, group, size):
        """One level for each of so many groups, the mean of its members'."""
        known = level < self.levels
        number = np.bincount(group[known], minlength=size)
        total = np.bincount(group[known], level[known], minlength=size)
        return np.where(number > 0, np.round(total / np.maximum(number, 1)), self.levels).astype(
            int
        )

    def count(self, level, index, weight=None):
        """Histogram over levels and bins, shape (levels + 1, number); missing fluxes are not counted."""
        use = index < self.number
        cell = (level * self.number + index)[use]
        shape = (self.levels + 1, self.number)
        weight = None if weight is None else weight[use]
        return np.bincount(cell, weight, minlength=shape[0] * shape[1]).reshape(shape).astype(float)

    def shares(self, counts, mean, *, width, level_width, shrink):
        """
        Distribution of fluxes at each level, from counts and their neighbours' in flux and in level.

        Parameters
        ----------
        counts : `~numpy.ndarray`, shape (folds, levels + 1, number)
            The counts.
        mean : `~numpy.ndarray`, shape (folds, number)
            The distribution at all levels.
        width, level_width : float
            Standard deviations of the Gaussians that smooth, in dex.
        shrink : float
            How many counts the mean is worth.

        Returns
        -------
        `~numpy.ndarray`, shape (folds, levels + 1, number)
        """
        near = np.eye(self.levels + 1)
        place = np.arange(self.levels) * _LEVEL_STEP / level_width
        near[:-1, :-1] = np.exp(-((place[:, None] - place) ** 2) / 2)
        local = near @ self.smooth(counts, width) + shrink * mean[:, None, :]
        return local / local.sum(axis=-1, keepdims=True)

    def shifted_shares(self, counts, mean, *, width, level_width, shrink):
        """
        As `shares`, of distributions that shift with the level, as those of field sources do.

        What is alike at two levels is the share at a distance from the level, not at a flux. Taken at the
        same flux, a deep field would borrow bright sources from shallow ones. ``mean`` is the distribution
        where the level is not known.
        """
        smooth = self.smooth(counts, width)[:, :-1]
        level, place = np.arange(self.levels), self._distance_from_level()
        aligned = np.zeros((len(counts), self.levels, place.max() + 1))
        aligned[:, level[:, None], place] = smooth
        every = aligned.sum(axis=1, keepdims=True) + 0.5 / self.number
        apart = (level[:, None] - level) * _LEVEL_STEP / level_width
        local = np.exp(-(apart**2) / 2) @ aligned + shrink * every / every.sum(
            axis=-1, keepdims=True
        )
        local = np.concatenate((local[:, level[:, None], place], mean[:, None, :]), axis=1)
        return local / local.sum(axis=-1, keepdims=True)

    def _distance_from_level(self):
        """A number for each level and bin, the same where the flux is as far from the level."""
        step, lowest = round(_LEVEL_STEP / _STEP), np.arange(self.levels)[::-1, None]
        shifted = step * lowest + np.arange(self.positive)
        fixed = shifted.max() + 1 + np.arange(self.number - self.positive)
        return np.concatenate((shifted, np.broadcast_to(fixed, (self.levels, len(fixed)))), axis=1)

    def smooth(self, counts, width):
        """Smooth histograms, of shape (..., number), over the positive bins by a Gaussian, in dex."""
        place = np.arange(self.positive) * _STEP / width
        kernel = np.exp(-((place[:, None] - place) ** 2) / 2)
        kernel /= kernel.sum(axis=1, keepdims=True)
        smooth = np.array(counts, dtype=float)
        smooth[..., : self.positive] = counts[..., : self.positive] @ kernel
        return smooth

    def natural_width(self, counts):
        """Silverman's width (1986) of a Gaussian that smooths so many counts, in dex."""
        counts = counts[: self.positive]
        number = counts.sum()
        if number < 2:
            return 1.0
        place = np.arange(self.positive) * _STEP
        mean = np.average(place, weights=counts)
        spread = np.sqrt(np.average((place - mean) ** 2, weights=counts))
        return max(0.2, 0.9 * spread * number**-0.2)


class FluxCounts:
    """
    The fluxes of the sources about the regions, in bins: all that learning takes from them.

    A source is counted once, whatever the number of regions that it lies near, at the level of the others
    there: without itself, for it would be at a level that it helped to set.

    Parameters
    ----------
    bins : `FluxBins`
        The bins.
    index : `~numpy.ndarray` of int, shape (left rows,)
        The bin of each left row.
    source : `~numpy.ndarray` of int, shape (pairs,)
        Left rows, one for each region that they lie near.
    level : `~numpy.ndarray` of int, shape (pairs,)
        How bright the others are there.
    """

    def __init__(self, bins, index, source, level):
        self.bins, self.index = bins, index
        self.level = bins.of_groups(level, source, len(index))
        self.rows = distinct(source)
        missing = index[source] == bins.number
        self._count_missing(missing, level)
        self.source = source[~missing]
        self.cell = level[~missing] * bins.number + index[self.source]
        self.share = 1 / np.bincount(self.source, minlength=len(index))[self.source]

    def _count_missing(self, missing, level):
        """The share of field sources without a flux, at each level."""
        every, lost = (
            np.bincount(level, weight, minlength=self.bins.levels + 1) for weight in (None, missing)
        )
        mean = lost.sum() / max(every.sum(), 1)
        self.missing = np.clip((lost + _FIELD_SHRINK * mean) / (every + _FIELD_SHRINK), 0.001, 0.99)

    def of_field(self, weight, held, num_folds):
        """Histograms over levels and bins of all sources, each without those that its fold holds back."""
        return self._without(
            self.cell, weight[self.source] * self.share, held[self.source], num_folds
        )

    def of_counterparts(self, weight, fold, num_folds):
        """The same of the sources themselves, by the level of their neighbours."""
        rows = np.flatnonzero((weight > 0) & (self.index < self.bins.number))
        cell = self.level[rows] * self.bins.number + self.index[rows]
        return self._without(cell, weight[rows], fold[rows], num_folds)

    def _without(self, cell, weight, fold, num_folds):
        shape = num_folds, self.bins.levels + 1, self.bins.number
        key = np.where(fold < 0, num_folds - 1, fold) * (shape[1] * shape[2]) + cell
        counts = np.bincount(key, weight, minlength=np.prod(shape)).reshape(shape)
        every = counts.sum(axis=0)
        counts[-1] = 0.0
        return every - counts


class FluxPrior:
    """
    The ratio of the flux distributions of counterparts, q, and of field sources, n, learned from both.

    The ratio rises with flux, or stays: field sources are the fewer the brighter they are. That keeps the
    chance of single sources out of it (isotonic regression, Barlow et al. 1972).

    Parameters
    ----------
    counts : `FluxCounts`
        The fluxes.
    weight : `~numpy.ndarray`, shape (left rows,)
        The probability of each source to be a counterpart, as far as it is no field source.
    fold : `~numpy.ndarray` of int, shape (left rows,), optional
        The fold of each source that is known to be a counterpart, -1 of all others: these teach q, and
        are no field sources. By default the weights teach q.
    held : `~numpy.ndarray` of int, shape (left rows,), optional
        The fold that each source is held back from, as a candidate that is judged in it; -1 of all others.
    true_flux : `~numpy.ndarray`, optional
        Fluxes of counterparts, as the user knows them, instead.
    """

    def __init__(self, counts, *, weight, fold=None, held=None, true_flux=None):
        self.bins = counts.bins
        nobody = np.full(len(weight), -1)
        self.num_folds = 1 if fold is None else int(fold.max(initial=-1)) + 2  # the last: of nobody
        known = nobody if fold is None else fold
        self._learn_field(
            counts.of_field(
                np.where(known < 0, 1 - weight, 0.0),
                nobody if held is None else held,
                self.num_folds,
            )
        )
        sure = weight if fold is None else (known >= 0).astype(float)
        if true_flux is None:
            self._learn_counterparts(counts.of_counterparts(sure, known, self.num_folds))
        else:
            index = self.bins.index(true_flux)
            self._learn_counterparts(
                self.bins.count(np.full(len(index), self.bins.levels), index)[None]
            )
        self._learn_missing(counts, known, np.zeros(len(sure)) if true_flux is not None else sure)
        self.by_flux = self._rising(self.true / self.field)

    def _learn_field(self, counts):
        self.mean_field = (
            self.bins.smooth(counts.sum(axis=1), _FIELD_WIDTH) + 0.5 / self.bins.number
        )
        self.mean_field /= self.mean_field.sum(axis=-1, keepdims=True)
        self.field = self.bins.shifted_shares(
            counts,
            self.mean_field,
            width=_FIELD_WIDTH,
            level_width=_LEVEL_WIDTH,
            shrink=_FIELD_SHRINK,
        )

    def _learn_counterparts(self, counts):
        number = counts.sum(axis=(1, 2))[:, None]
        width = self.bins.natural_width(counts[-1].sum(axis=0))
        mean = self.bins.smooth(counts.sum(axis=1), width) + _TRUE_FLOOR * self.mean_field
        mean /= number + _TRUE_FLOOR
        self.true = self.bins.shares(
            counts, mean, width=width, level_width=_TRUE_LEVEL_WIDTH, shrink=_TRUE_SHRINK
        )

    def _rising(self, ratio):
        from scipy.optimize import isotonic_regression

        # All in one: each distribution is lifted above the one before, and so none is pooled with another.
        positive = self.bins.positive
        values, weights = ratio[..., :positive], self.field[..., :positive]
        lift = np.arange(values[..., 0].size).reshape(values[..., :1].shape) * (values.max() + 1)
        blocks = isotonic_regression((values + lift).ravel(), weights=weights.ravel()).blocks
        pooled = np.add.reduceat((values * weights).ravel(), blocks[:-1]) / np.add.reduceat(
            weights.ravel(), blocks[:-1]
        )
        ratio[..., :positive] = np.repeat(pooled, np.diff(blocks)).reshape(values.shape)
        return ratio

    def _learn_missing(self, counts, fold, sure):
        """Shares of missing fluxes at each level: of field sources, and of counterparts by the odds ratio."""
        self.missing_field = counts.missing
        rows = counts.rows[sure[counts.rows] > 0]
        missing, share = counts.index[rows] == self.bins.number, counts.missing[counts.level[rows]]
        odds = [
            _log_odds(sure[rows][use] @ missing[use], share[use], sure[rows][use])
            for use in (fold[rows] != k for k in range(self.num_folds))
        ]
        self.missing_true = 1 / (
            1 + (1 / self.missing_field - 1) * np.exp(-np.array(odds))[:, None]
        )

    def ratio(self, index, level, fold):
        """
        The ratio q / n of some sources, and the share of field sources that are as bright.

        Parameters
        ----------
        index, level, fold : `~numpy.ndarray` of int, shape (m,)
            The bins of the sources, the levels of the regions of which they are candidates, and the folds
            for which these are judged (-1: none).

        Returns
        -------
        ratio, brighter : `~numpy.ndarray`, shape (m,)
        """
        fold = np.where((fold < 0) | (self.num_folds == 1), self.num_folds - 1, fold)
        missing = index == self.bins.number
        cell = fold, level, np.where(missing, 0, index)
        lost = self.missing_true[fold, level], self.missing_field[level]
        ratio = np.where(
            missing, lost[0] / lost[1], self.by_flux[cell] * (1 - lost[0]) / (1 - lost[1])
        )
        return ratio, np.where(missing, 1.0, self._share_above()[cell])

    def _share_above(self):
        """Share of field sources that are at least as bright; zero is below all."""
        bright = np.cumsum(self.field[..., :-1][..., ::-1], axis=-1)[..., ::-1]
        return np.concatenate([bright, np.ones((*bright.shape[:-1], 1))], axis=-1)


def _log_odds(seen, share, weight):
    """By how much the log odds of each share are to be raised so that so many are expected; shrunk to 0."""
    logit = np.append(np.log(share / (1 - share)), 0.0)
    weight, target = (
        np.append(weight, 2.0),
        seen + 1.0,
    )  # two more, of which one is missing, say nothing
    low, high = -4.0, 4.0
    for _ in range(40):
        middle = (low + high) / 2
        expected = weight @ (1 / (1 + np.exp(-logit - middle)))
        low, high = (middle, high) if expected < target else (low, middle)
    return (low + high) / 2
