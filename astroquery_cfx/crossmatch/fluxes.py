# Licensed under a 3-clause BSD style license - see LICENSE
"""What fluxes counterparts have, and what fluxes field sources have where they lie.

The fluxes are counted in bins of their logarithm, and one for fluxes of zero. That a flux is missing is
mostly the field's doing (another detector), and judged apart. How bright sources are that a catalogue
holds depends on how deep the telescope looked: all is taken as a function of the median flux of a
source's neighbours, its level.
Arrays in, arrays out.
"""

import numpy as np

__all__ = ["FluxBins", "FluxPrior"]

_STEP = 0.1           # dex, of the bins of flux
_LEVEL_STEP = 0.2     # dex, of the bins of the level
_FIELD_WIDTH = 0.1    # dex, by which field sources are smoothed: more would blow up a steep law
_LEVEL_WIDTH = 0.12
_TRUE_LEVEL_WIDTH = 0.4
_FIELD_SHRINK = 30.0  # sources that the mean of all levels is worth at each level
_TRUE_SHRINK = 10.0
_TRUE_FLOOR = 1.0     # counterparts that the mean field is worth among all counterparts


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
        low, high = (np.log10([flux.min(), flux.max()]) if len(flux) else (0.0, 0.0))
        self.low = np.floor(low / _STEP) * _STEP
        self.positive = int((high - self.low) / _STEP) + 1
        self.number = self.positive + 1  # without the one for missing fluxes
        self.levels = int((self.positive - 1) * _STEP / _LEVEL_STEP) + 1

    def index(self, flux):
        """The bin of each flux; beyond the ends, the first or the last."""
        with np.errstate(divide="ignore", invalid="ignore"):
            place = np.floor((np.log10(flux) - self.low) / _STEP)
        place = np.clip(np.nan_to_num(place, nan=0, posinf=0, neginf=0), 0, self.positive - 1).astype(int)
        place = np.where(flux > 0, place, self.positive)
        return np.where(np.isfinite(flux), place, self.number)

    def level(self, index):
        """The bin of the median positive flux of each row of bins; the last + 1 where there is none."""
        place = np.sort(np.where(index < self.positive, index, self.number), axis=1)
        count = np.sum(place < self.number, axis=1)
        if not index.shape[1]:
            return np.full(len(index), self.levels)
        median = np.take_along_axis(place, (np.maximum(count - 1, 0) // 2)[:, None], axis=1)[:, 0]
        return np.where(count > 0, (median * _STEP / _LEVEL_STEP).astype(int), self.levels)

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

    def smooth(self, counts, width):
        """Smooth histograms, of shape (..., number), over the positive bins by a Gaussian, in dex."""
        place = np.arange(self.positive) * _STEP / width
        kernel = np.exp(-((place[:, None] - place) ** 2) / 2)
        kernel /= kernel.sum(axis=1, keepdims=True)
        smooth = np.array(counts, dtype=float)
        smooth[..., :self.positive] = counts[..., :self.positive] @ kernel
        return smooth

    def natural_width(self, counts):
        """Silverman's width (1986) of a Gaussian that smooths so many counts, in dex."""
        counts = counts[:self.positive]
        number = counts.sum()
        if number < 2:
            return 1.0
        place = np.arange(self.positive) * _STEP
        mean = np.average(place, weights=counts)
        spread = np.sqrt(np.average((place - mean) ** 2, weights=counts))
        return max(0.2, 0.9 * spread * number**-0.2)


class FluxPrior:
    """
    The ratio of the flux distributions of counterparts, q, and of field sources, n, learned from both.

    Parameters
    ----------
    flux : `~numpy.ndarray`, shape (left rows,)
        Fluxes; NaN where missing.
    rows : `~numpy.ndarray` of int, shape (m,)
        Left rows.
    neighbours : `~numpy.ndarray` of int, shape (m, k)
        Their neighbours, from which the field is learned.
    weight : `~numpy.ndarray`, shape (left rows,)
        The probability of each source to be a counterpart, as far as it is no field source.
    fold : `~numpy.ndarray` of int, shape (left rows,), optional
        The fold of each source that is known to be a counterpart, -1 of all others: these teach q, and
        are no field sources, except to the fold that they belong to. By default the weights teach q.
    true_flux : `~numpy.ndarray`, optional
        Fluxes of counterparts, as the user knows them, instead.
    """

    def __init__(self, flux, rows, neighbours, *, weight, fold=None, true_flux=None):
        self.bins = FluxBins(flux if true_flux is None else np.concatenate((flux, true_flux)))
        # A neighbour that is not there is in no bin.
        self.index = np.append(self.bins.index(flux), self.bins.number + 1)
        self.num_folds = 1 if fold is None else int(fold.max(initial=-1)) + 2  # the last: of nobody
        owner = np.append(np.full(len(flux), -1) if fold is None else fold, -1)
        weight = np.append(weight, 0.0)
        self._learn_field(neighbours, owner, weight)
        level = np.full(len(flux) + 1, -1)
        level[rows] = self.bins.level(self.index[neighbours])
        sure = weight if fold is None else (owner >= 0).astype(float)
        self._learn_counterparts(level, owner, sure, true_flux)
        self._learn_missing(neighbours, level, owner, sure, true_flux)

    def _learn_field(self, neighbours, owner, weight):
        index = self.index[neighbours]
        level = np.broadcast_to(self.bins.level(index)[:, None], index.shape)
        field = 1 - weight
        alone = self.bins.count(level, index, np.where(owner < 0, field, 0.0)[neighbours])
        known = self._by_fold(level, index, owner[neighbours], field[neighbours])
        counts = alone + np.concatenate((known, np.zeros_like(alone)[None]))
        self.mean_field = self.bins.smooth(counts.sum(axis=1), _FIELD_WIDTH) + 0.5 / self.bins.number
        self.mean_field /= self.mean_field.sum(axis=-1, keepdims=True)
        self.field = self.bins.shares(counts, self.mean_field, width=_FIELD_WIDTH, level_width=_LEVEL_WIDTH,
                                      shrink=_FIELD_SHRINK)

    def _by_fold(self, level, index, owner, weight):
        counts = [self.bins.count(level[owner == k], index[owner == k], weight[owner == k])
                  for k in range(self.num_folds - 1)]
        return np.reshape(counts, (len(counts), self.bins.levels + 1, self.bins.number))

    def _learn_counterparts(self, level, owner, weight, true_flux):
        level = np.where(level < 0, self.bins.levels, level)
        if true_flux is not None:
            index = self.bins.index(true_flux)
            counts = self.bins.count(np.full(len(index), self.bins.levels), index)[None]
        else:
            all_folds = self.bins.count(level, self.index, weight)
            counts = all_folds - np.concatenate((self._by_fold(level, self.index, owner, weight),
                                                 np.zeros_like(all_folds)[None]))
        number = counts.sum(axis=(1, 2))[:, None]
        width = self.bins.natural_width(counts[-1].sum(axis=0))
        mean = self.bins.smooth(counts.sum(axis=1), width) + _TRUE_FLOOR * self.mean_field
        mean /= number + _TRUE_FLOOR
        self.true = self.bins.shares(counts, mean, width=width, level_width=_TRUE_LEVEL_WIDTH,
                                     shrink=_TRUE_SHRINK)
        if true_flux is not None:
            self.true[:] = mean[:, None, :]

    def _learn_missing(self, neighbours, level, owner, sure, true_flux):
        """Shares of missing fluxes at each level: of field sources, and of counterparts by the odds ratio."""
        index = self.index[neighbours]
        there = index <= self.bins.number
        at = np.broadcast_to(self.bins.level(index)[:, None], index.shape)[there]
        missing = index[there] == self.bins.number
        every, lost = (np.bincount(at, weight, minlength=self.bins.levels + 1) for weight in (None, missing))
        mean = lost.sum() / max(every.sum(), 1)
        share = np.clip((lost + _FIELD_SHRINK * mean) / (every + _FIELD_SHRINK), 0.001, 0.99)
        self.missing_field = share
        odds = []
        for k in range(self.num_folds):
            use = (sure > 0) & (owner != k) & (level >= 0) & (true_flux is None)
            seen = sure[use] @ (self.index[use] == self.bins.number)
            odds.append(_log_odds(seen, share[level[use]], sure[use]))
        self.missing_true = 1 / (1 + (1 / share - 1) * np.exp(-np.array(odds))[:, None])

    def ratio(self, rows, neighbours, region, fold):
        """
        The ratio q / n of some sources, and the share of field sources that are as bright.

        Parameters
        ----------
        rows, region, fold : `~numpy.ndarray` of int, shape (m,)
            The sources, the region of which they are candidates and which has one level, and the fold for
            which they are judged (-1: none).
        neighbours : `~numpy.ndarray` of int, shape (m, k)

        Returns
        -------
        ratio, brighter : `~numpy.ndarray`, shape (m,)
        """
        fold = np.where((fold < 0) | (self.num_folds == 1), self.num_folds - 1, fold)
        index, level = self.index[rows], self._region_level(self.bins.level(self.index[neighbours]), region)
        missing = index == self.bins.number
        cell = fold, level, np.where(missing, 0, index)
        lost = self.missing_true[fold, level], self.missing_field[level]
        ratio = np.where(missing, lost[0] / lost[1],
                         self.true[cell] / self.field[cell] * (1 - lost[0]) / (1 - lost[1]))
        return ratio, np.where(missing, 1.0, self._share_above()[cell])

    def _region_level(self, level, region):
        known = level < self.bins.levels
        number = np.bincount(region, known)
        mean = np.bincount(region, np.where(known, level, 0)) / np.maximum(number, 1)
        return np.where(number > 0, np.round(mean), self.bins.levels).astype(int)[region]

    def _share_above(self):
        """Share of field sources that are at least as bright; zero is below all."""
        bright = np.cumsum(self.field[..., :-1][..., ::-1], axis=-1)[..., ::-1]
        return np.concatenate([bright, np.ones((*bright.shape[:-1], 1))], axis=-1)


def _log_odds(seen, share, weight):
    """By how much the log odds of each share are to be raised so that so many are expected; shrunk to 0."""
    logit = np.append(np.log(share / (1 - share)), 0.0)
    weight, target = np.append(weight, 2.0), seen + 1.0  # two more, of which one is missing, say nothing
    low, high = -4.0, 4.0
    for _ in range(40):
        middle = (low + high) / 2
        expected = weight @ (1 / (1 + np.exp(-logit - middle)))
        low, high = (middle, high) if expected < target else (low, middle)
    return (low + high) / 2
