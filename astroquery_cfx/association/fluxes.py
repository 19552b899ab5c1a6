# Licensed under a 3-clause BSD style license - see LICENSE
"""The flux distributions of counterparts, q, and of field sources, n: arrays in, arrays out.

q / n is the flux factor of the likelihood ratio of Sutherland & Saunders (1992, MNRAS 259, 413).
Fluxes are counted in bins of log10 flux, with one more bin for fluxes of zero. How faint the
sources are that a catalogue holds depends on the depth of the exposure; so all distributions are
functions of the level: the median flux of the neighbours of a source, a proxy for that depth.
Whether a flux is missing depends on the exposure as well (another detector, say) and has a
probability of its own at each level.
"""

import numpy as np

from ..arrays import distinct
from .likelihood import find_zero

# Widths of the bins of flux and of level, in dex: finer than the smoothing of either.
_STEP, _LEVEL_STEP = 0.1, 0.2
_MIN_NEIGHBOURS = 4  # a median of fewer says little about the depth: the level is unknown

# Smoothing of n over flux, in dex. The number counts of field sources fall steeply (N(>S) ~
# S**-1.2), and a wide kernel would carry faint sources to the bright end, where it matters.
_FIELD_WIDTH = 0.1
# Smoothing over the level, in dex. Counterparts are few, and depend less on the depth.
_FIELD_LEVEL_WIDTH, _COUNTERPART_LEVEL_WIDTH = 0.25, 0.4
# Prior strengths in sources: of the distribution at all levels, at each level; and of n in q, so
# that q is nowhere zero.
_FIELD_PRIOR_STRENGTH, _COUNTERPART_PRIOR_STRENGTH, _FIELD_FLOOR = 30.0, 10.0, 1.0
# Half a source is spread over all bins of n (as in Jeffreys's prior), so that n is nowhere zero.
_PSEUDO_COUNT = 0.5
# Silverman's width is never below this, in dex: fluxes of counterparts have errors of their own.
_MIN_WIDTH = 0.2
# Limits of the share of missing fluxes: never impossible, never all there is.
_MISSING_SHARES = (0.001, 0.99)
# Prior of the log odds ratio of missing fluxes, in counterparts at even odds; and its limits.
_MISSING_PRIOR_STRENGTH, _MAX_LOG_ODDS = 2.0, 4.0


class FluxBins:
    """
    Fluxes in bins of log10 flux, and levels over the same range: ``index`` is the bin of each.

    The bin ``num_positive`` is that of zero (and negative) fluxes, ``num_bins`` stands for missing
    ones, which have no bin in a histogram. The level ``num_levels`` stands for an unknown one.
    """

    def __init__(self, flux) -> None:
        positive = flux[np.isfinite(flux) & (flux > 0)]
        low, high = (0.0, 0.0) if not len(positive) else np.log10([positive.min(), positive.max()])
        self.low = np.floor(low / _STEP) * _STEP
        self.num_positive = int((high - self.low) / _STEP) + 1
        self.num_bins = self.num_positive + 1
        self.num_levels = int((self.num_positive - 1) * _STEP / _LEVEL_STEP) + 1
        self.index = self.bins_of(flux)

    def bins_of(self, flux):
        """Return the bin of each flux; beyond the range, the first or the last."""
        index = np.where(np.isfinite(flux), self.num_positive, self.num_bins)
        bright = np.flatnonzero((flux > 0) & (index == self.num_positive))
        place = np.floor((np.log10(flux[bright]) - self.low) / _STEP)
        index[bright] = np.clip(place, 0, self.num_positive - 1)
        return index

    def level_of_others(self, index, group):
        """
        Return the level of each member of a group: the median bin of the others, of positive flux.

        It is the lower median, and without the member itself: a bright source would be found at a
        level that it helped to raise.
        """
        positive = index < self.num_positive
        place = np.where(positive, index, self.num_bins)
        order = np.argsort(group * (self.num_bins + 1) + place)
        place, group, positive = place[order], group[order], positive[order]
        first = np.searchsorted(group, group)
        count = np.bincount(group, positive)[group].astype(int) if len(group) else group
        others = count - positive
        middle = np.maximum(others - 1, 0) // 2
        # A member at or before the median of the others is itself skipped in the sorted group.
        middle += positive & (np.arange(len(group)) - first <= middle)
        median = place[np.minimum(first + middle, len(group) - 1)]
        level = np.empty(len(group), dtype=int)
        known = others >= _MIN_NEIGHBOURS
        levels = (median * _STEP / _LEVEL_STEP).astype(int)
        level[order] = np.where(known, levels, self.num_levels)
        return level

    def group_levels(self, level, group, size: int):
        """Return one level per group, the rounded mean of those of its members that are known."""
        known = level < self.num_levels
        number = np.bincount(group[known], minlength=size)
        mean = np.bincount(group[known], level[known], minlength=size) / np.maximum(number, 1)
        return np.where(number > 0, np.round(mean), self.num_levels).astype(int)

    def smooth(self, counts, width: float):
        """Return histograms (..., num_bins), smoothed by a Gaussian of a width in dex."""
        place = np.arange(self.num_positive) * _STEP / width
        kernel = np.exp(-((place[:, None] - place) ** 2) / 2)
        kernel /= kernel.sum(axis=1, keepdims=True)
        smooth = np.array(counts, dtype=float)
        smooth[..., : self.num_positive] = counts[..., : self.num_positive] @ kernel
        return smooth

    def natural_width(self, counts) -> float:
        """Return the kernel width for a histogram in dex, by Silverman's rule (1986, eq. 3.31)."""
        counts = counts[: self.num_positive]
        number = counts.sum()
        if number < 2:
            return 1.0  # as wide as the distribution may be
        place = np.arange(self.num_positive) * _STEP
        mean = np.average(place, weights=counts)
        spread = np.sqrt(np.average((place - mean) ** 2, weights=counts))
        return max(_MIN_WIDTH, 0.9 * spread * number**-0.2)


class FluxCounts:
    """
    Histograms of the fluxes of the sources about the regions, over levels and bins.

    ``source`` and ``level`` are the left sources about each region and their levels there. A source
    counts once, however many regions it is near.
    """

    def __init__(self, bins: FluxBins, source, level) -> None:
        self.bins, index = bins, bins.index
        self.level = bins.group_levels(level, source, len(index))
        self.rows = distinct(source)
        missing = index[source] == bins.num_bins
        every, lost = (
            np.bincount(level, weight, minlength=bins.num_levels + 1) for weight in (None, missing)
        )
        mean = lost.sum() / max(every.sum(), 1)
        smooth = (lost + _FIELD_PRIOR_STRENGTH * mean) / (every + _FIELD_PRIOR_STRENGTH)
        self.missing_share = np.clip(smooth, *_MISSING_SHARES)
        self.source = source[~missing]
        self.cell = level[~missing] * bins.num_bins + index[self.source]
        self.share = 1 / np.bincount(self.source, minlength=len(index))[self.source]

    def of_field(self, weight, held, num_folds: int):
        """Return weighted histograms of all sources, without those that each fold holds back."""
        near = self.source
        return self._by_fold(self.cell, weight[near] * self.share, held[near], num_folds)

    def of_counterparts(self, weight, fold, num_folds: int):
        """Return weighted histograms of counterparts, at their mean levels, without each fold."""
        rows = np.flatnonzero((weight > 0) & (self.bins.index < self.bins.num_bins))
        cell = self.level[rows] * self.bins.num_bins + self.bins.index[rows]
        return self._by_fold(cell, weight[rows], fold[rows], num_folds)

    def _by_fold(self, cell, weight, fold, num_folds: int):
        """Return one histogram without each fold, and as the last that of all."""
        shape = num_folds, self.bins.num_levels + 1, self.bins.num_bins
        key = np.where(fold < 0, num_folds - 1, fold) * (shape[1] * shape[2]) + cell
        counts = np.bincount(key, weight, minlength=int(np.prod(shape))).reshape(shape)
        every = counts.sum(axis=0)
        counts[-1] = 0.0
        return every - counts


class FluxRatio:
    """
    The ratio q / n of the flux distributions of counterparts and field sources, at each level.

    In the positive bins the ratio rises with flux or stays (isotonic regression, Barlow et al.
    1972): the brighter, the fewer the field sources. So single sources cannot make peaks.

    ``weight`` is the probability that a left source is a counterpart; the rest of it counts as
    field. ``fold`` is the fold of a known counterpart, -1 for all others. If there are any, they
    alone teach q and are not field sources; otherwise the weights do, or ``true_flux``. ``held`` is
    the fold that holds a source back from n because it is judged in it, -1 for none.
    """

    def __init__(self, counts: FluxCounts, weight, fold, held, true_flux=None) -> None:
        self.bins = bins = counts.bins
        self.num_folds = int(fold.max(initial=-1)) + 2  # one for each fold, and last that of all
        self._fit_field(counts.of_field(np.where(fold < 0, 1 - weight, 0.0), held, self.num_folds))
        certain = weight if self.num_folds == 1 else (fold >= 0).astype(float)
        if true_flux is None:
            histogram = counts.of_counterparts(certain, fold, self.num_folds)
        else:  # their levels are not known
            index, certain = bins.bins_of(true_flux), np.zeros(len(weight))
            histogram = np.zeros((1, bins.num_levels + 1, bins.num_bins))
            histogram[0, -1] = np.bincount(index, minlength=bins.num_bins + 1)[: bins.num_bins]
        self._fit_counterparts(histogram)
        self._fit_missing(counts, fold, certain)
        self._fit_ratio()

    def _fit_field(self, counts) -> None:
        """
        Fit n(flux | level), shape (folds, levels, bins).

        Neighbouring levels are aligned at the level before they are averaged: what they share is
        the distribution relative to the depth. At the same flux, a deep exposure would borrow its
        bright sources from shallow ones.
        """
        bins = self.bins
        self.mean_field = bins.smooth(counts.sum(axis=1), _FIELD_WIDTH)
        self.mean_field += _PSEUDO_COUNT / bins.num_bins
        self.mean_field /= self.mean_field.sum(axis=-1, keepdims=True)
        # A number for each level and bin, the same where the flux is as far from the level.
        level = np.arange(bins.num_levels)
        place = round(_LEVEL_STEP / _STEP) * level[::-1, None] + np.arange(bins.num_positive)
        zero = np.full((bins.num_levels, 1), place.max() + 1)
        place = np.concatenate((place, zero), axis=1)
        aligned = np.zeros((len(counts), bins.num_levels, place.max() + 1))
        aligned[:, level[:, None], place] = bins.smooth(counts, _FIELD_WIDTH)[:, :-1]
        every = aligned.sum(axis=1, keepdims=True) + _PSEUDO_COUNT / bins.num_bins
        apart = (level[:, None] - level) * _LEVEL_STEP / _FIELD_LEVEL_WIDTH
        local = np.exp(-(apart**2) / 2) @ aligned
        local += _FIELD_PRIOR_STRENGTH * every / every.sum(axis=-1, keepdims=True)
        unknown = self.mean_field[:, None, :]
        field = np.concatenate((local[:, level[:, None], place], unknown), axis=1)
        self.field = field / field.sum(axis=-1, keepdims=True)

    def _fit_counterparts(self, counts) -> None:
        """Fit q(flux | level), shape (folds, levels, bins): first at all levels, then at each."""
        bins = self.bins
        width = bins.natural_width(counts[-1].sum(axis=0))
        mean = bins.smooth(counts.sum(axis=1), width) + _FIELD_FLOOR * self.mean_field
        mean /= counts.sum(axis=(1, 2))[:, None] + _FIELD_FLOOR
        nearness = np.eye(bins.num_levels + 1)  # an unknown level is near to no other
        place = np.arange(bins.num_levels) * _LEVEL_STEP / _COUNTERPART_LEVEL_WIDTH
        nearness[:-1, :-1] = np.exp(-((place[:, None] - place) ** 2) / 2)
        local = nearness @ bins.smooth(counts, width)
        local += _COUNTERPART_PRIOR_STRENGTH * mean[:, None, :]
        self.counterparts = local / local.sum(axis=-1, keepdims=True)

    def _fit_missing(self, counts: FluxCounts, fold, certain) -> None:
        """
        Fit the probability of a missing flux at each level, for field sources and for counterparts.

        The odds of counterparts are those of the field times one factor for all levels, which is
        such that as many missing fluxes are expected as there are.
        """
        self.missing_field = counts.missing_share
        rows = counts.rows[certain[counts.rows] > 0]
        missing = counts.bins.index[rows] == self.bins.num_bins
        share = counts.missing_share[counts.level[rows]]

        def log_odds_ratio(use):
            weight = np.append(certain[rows][use], _MISSING_PRIOR_STRENGTH)
            logit = np.append(np.log(share[use] / (1 - share[use])), 0.0)
            found = certain[rows][use] @ missing[use] + _MISSING_PRIOR_STRENGTH / 2

            def excess(shift):
                return found - weight @ (1 / (1 + np.exp(-logit - shift)))

            return find_zero(excess, -_MAX_LOG_ODDS, _MAX_LOG_ODDS, steps=41)

        log_odds = np.array([log_odds_ratio(fold[rows] != k) for k in range(self.num_folds)])
        odds = np.exp(-log_odds)[:, None]
        self.missing_counterparts = 1 / (1 + (1 / self.missing_field - 1) * odds)

    def _fit_ratio(self) -> None:
        from scipy.optimize import isotonic_regression  # heavy, and only needed here

        self.by_flux = self.counterparts / self.field
        # One call for all: each distribution is lifted above the one before, so none is pooled.
        positive = self.bins.num_positive
        values, weights = self.by_flux[..., :positive], self.field[..., :positive]
        lift = np.arange(values[..., 0].size).reshape(values[..., :1].shape) * (values.max() + 1)
        blocks = isotonic_regression((values + lift).ravel(), weights=weights.ravel()).blocks
        pooled = np.add.reduceat((values * weights).ravel(), blocks[:-1])
        pooled /= np.add.reduceat(weights.ravel(), blocks[:-1])
        self.by_flux[..., :positive] = np.repeat(pooled, np.diff(blocks)).reshape(values.shape)

    def of_sources(self, rows, level, fold):
        """
        Return q / n of some sources, and the share of field sources that are at least as bright.

        ``level`` and ``fold`` are those of the regions; -1, the last fold, is that of all.
        """
        index = self.bins.index[rows]
        missing = index == self.bins.num_bins
        cell = fold, level, np.where(missing, 0, index)
        lost_true, lost_field = self.missing_counterparts[fold, level], self.missing_field[level]
        ratio = np.where(
            missing, lost_true / lost_field, self.by_flux[cell] * (1 - lost_true) / (1 - lost_field)
        )
        # Cumulative from the bright end; fluxes of zero are fainter than all.
        brighter = np.cumsum(self.field[..., :-1][..., ::-1], axis=-1)[..., ::-1]
        brighter = np.concatenate([brighter, np.ones((*brighter.shape[:-1], 1))], axis=-1)
        return ratio, np.where(missing, 1.0, brighter[cell])
