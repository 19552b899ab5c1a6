# Licensed under a 3-clause BSD style license - see LICENSE
"""What is learned from fluxes, against loops by hand and against skies whose law is known."""

import numpy as np
import pytest
from association_skies import draw_sky
from scipy.stats import norm

from astroquery_cfx.association.candidates import find_candidates
from astroquery_cfx.association.fluxes import FluxBins, FluxCounts, FluxRatio
from astroquery_cfx.association.model import learn
from astroquery_cfx.association.options import AssociationOptions

ZERO, MISSING = 30, 31


def binned(index):
    """Sources in some of 30 bins from 1e-15 on (30: zero, 31: no flux); two more set the range."""
    flux = 10 ** (-15 + 0.1 * (np.array([*index, 0, 29]) + 0.5))
    flux[:-2][np.array(index) == ZERO] = 0
    flux[:-2][np.array(index) == MISSING] = np.nan
    bins = FluxBins(flux)
    assert bins.index[:-2].tolist() == list(index)
    return bins


def test_bins():
    flux = np.array([1.1e-15, 1e-12, 0.0, -1e-14, np.nan, np.inf, 2e-14, 1.99e-14])
    bins = FluxBins(flux)
    assert (bins.num_positive, bins.num_bins, bins.num_levels) == (31, 32, 16)
    assert bins.index.tolist() == [0, 30, 31, 31, 32, 32, 13, 12]
    assert bins.bins_of(np.array([1e-20, 1.0, 1.3e-15, 1.2e-15])).tolist() == [0, 30, 1, 0]
    nothing = FluxBins(np.array([0.0, np.nan]))
    assert (nothing.num_positive, nothing.num_levels, nothing.index.tolist()) == (1, 1, [1, 2])


def test_level_of_others():
    """The lower median of the others of a group, in levels of 0.2 dex, of four at least."""
    bins = binned([])
    rng = np.random.default_rng(1)
    group = np.sort(rng.integers(0, 60, 400))
    index = rng.integers(0, bins.num_bins + 1, 400)  # zero and missing fluxes among them
    index[group == 7], index[group == 8] = MISSING, 3
    expected = []
    for k in range(400):
        others = np.sort(np.delete(index, k)[np.delete(group, k) == group[k]])
        others = others[others < ZERO]
        expected.append(others[(len(others) - 1) // 2] // 2 if len(others) >= 4 else 15)
    assert bins.level_of_others(index, group).tolist() == expected
    assert bins.level_of_others(index[:0], group[:0]).tolist() == []


def test_level_of_a_group_is_the_mean_of_the_known_ones():
    bins = binned([])
    level, group = np.array([3, 4, 4, 15, 15, 0, 15]), np.array([1, 1, 1, 1, 2, 4, 4])
    assert bins.group_levels(level, group, 6).tolist() == [15, 4, 15, 15, 0, 15]


def test_smoothing_is_by_a_gaussian():
    bins = binned([])
    counts = np.zeros((2, 31))
    counts[0, 10], counts[1, 30] = 3.0, 5.0
    smooth = bins.smooth(counts, 0.25)
    weight = np.exp(-((0.1 * (np.arange(30) - 10) / 0.25) ** 2) / 2)
    norms = [np.exp(-((0.1 * (np.arange(30) - k) / 0.25) ** 2) / 2).sum() for k in range(30)]
    np.testing.assert_allclose(smooth[0, :30], 3 * weight[10] / norms[10] * weight, rtol=1e-9)
    assert smooth[1].tolist() == [0] * 30 + [5]  # fluxes of zero have no neighbours
    assert counts[0, 10] == 3


def test_width_of_the_kernel():
    """Silverman's rule; not below 0.2 dex, and 1 dex where there is nothing to go by."""
    bins = binned([])
    values = np.repeat([5, 12, 25], [10, 20, 10])
    counts = np.bincount(values, minlength=31).astype(float)
    counts[30] = 1000  # which have no logarithm
    expected = 0.9 * np.std(0.1 * values) * 40**-0.2
    assert expected > 0.2
    assert bins.natural_width(counts) == pytest.approx(expected)
    assert bins.natural_width(np.bincount([3, 3, 3], minlength=31)) == 0.2
    assert bins.natural_width(np.bincount([3], minlength=31)) == 1
    assert bins.natural_width(np.bincount([3, 20], minlength=31)) < 1


def test_a_source_counts_once_however_many_regions_it_is_near():
    bins = binned([5, 9, 14, 20, 25])
    source, level = np.array([0, 1, 2, 3, 0, 1, 2]), np.array([4, 4, 4, 4, 6, 6, 6])
    counts = FluxCounts(bins, source, level)
    nobody, ones = np.full(7, -1), np.ones(7)
    field = counts.of_field(ones, nobody, 1)[0]
    # The last is near no region.
    np.testing.assert_allclose(field.sum(axis=0)[[5, 9, 14, 20, 25]], [1, 1, 1, 1, 0])
    np.testing.assert_allclose(field[[4, 6], 5], [0.5, 0.5])
    held = counts.of_field(ones, np.array([0, -1, -1, -1, -1, -1, -1]), 2)
    np.testing.assert_allclose(held.sum(axis=1)[:, 5], [0, 1])
    np.testing.assert_allclose(held.sum(axis=1)[:, 9], [1, 1])
    assert counts.level[:5].tolist() == [5, 5, 5, 4, bins.num_levels]
    assert counts.rows.tolist() == [0, 1, 2, 3]


def test_histograms_without_each_fold():
    index = [5, 5, 9, ZERO, MISSING]
    bins = binned(index)
    counts = FluxCounts(bins, np.arange(5), np.full(5, 3))
    weight = np.array([1.0, 0.5, 0.25, 0.5, 1.0, 0, 0])
    found = counts.of_counterparts(weight, np.array([0, 1, 1, -1, 0, -1, -1]), 3)
    assert found.shape == (3, 16, 31)
    assert found.sum() == found[:, 3].sum()
    expected = [[0.5, 0.25, 0.5], [1, 0, 0.5], [1.5, 0.25, 0.5]]  # without 0, without 1, all
    np.testing.assert_allclose(found[:, 3][:, [5, 9, ZERO]], expected)


def test_shares_of_missing_fluxes():
    """Those at a level, and 30 sources with the share at all levels; from 0.1 to 99%."""
    index = [MISSING] * 8 + [5] * 32
    level = np.array([2] * 8 + [2] * 12 + [7] * 20)
    counts = FluxCounts(binned(index), np.arange(40), level)
    assert counts.missing_share[2] == pytest.approx((8 + 30 * 0.2) / (20 + 30))
    assert counts.missing_share[7] == pytest.approx((0 + 30 * 0.2) / (20 + 30))
    assert counts.missing_share[0] == pytest.approx(0.2)
    assert np.all(
        FluxCounts(binned([5] * 9), np.arange(9), np.zeros(9, int)).missing_share == 0.001
    )
    counts = FluxCounts(binned([MISSING] * 9), np.arange(9), np.zeros(9, int))
    assert np.all(counts.missing_share == 0.99)


@pytest.fixture(scope="module")
def learned():
    """Field and counterparts at three levels, which shift the field but not the counterparts."""
    rng, size = np.random.default_rng(3), 40_000
    level = rng.choice([2, 5, 8], size)
    true = rng.random(size) < 0.3
    place = np.where(true, rng.normal(18, 3, size), 2 * level + rng.exponential(3, size))
    bins = binned(np.clip(np.floor(place), 0, 29).astype(int))
    nobody = np.full(size + 2, -1)
    weight = np.append(true, [False, False]).astype(float)
    return FluxRatio(FluxCounts(bins, np.arange(size), level), weight, nobody, nobody)


def test_ratio_is_that_of_the_laws(learned):
    ratio = learned
    k = np.arange(30)
    q = np.diff(norm.cdf(np.arange(31), 18, np.hypot(3, 2)))  # smoothed by 0.2 dex
    for one in (2, 5, 8):
        n = np.exp(-np.maximum(k - 2 * one, 0) / 3) - np.exp(-np.maximum(k + 1 - 2 * one, 0) / 3)
        behind = k > 2 * one + 1  # the kernel blurs the edge
        use = behind & (n > 0.01) & (q > 0.01) & (k < 22)  # where the ratio rises
        if one < 8:
            assert use.sum() >= 3
            np.testing.assert_allclose(ratio.by_flux[0, one, :30][use], q[use] / n[use], rtol=0.2)
        assert ratio.field[0, one].sum() == pytest.approx(1)
        behind &= n > 0.02
        np.testing.assert_allclose(ratio.field[0, one, :30][behind], n[behind], atol=0.01)
        np.testing.assert_allclose(ratio.counterparts[0, one, :30], q, atol=0.005)


def test_field_is_smoothed_where_it_stands():
    """All of one level in one bin: a Gaussian of 0.1 dex about it, and it moves with the level."""
    bins = binned([10] * 3000 + [14] * 3000)
    level = np.array([5] * 3000 + [7] * 3000)
    nobody = np.full(6002, -1)
    counts = FluxCounts(bins, np.arange(6000), level)
    field = FluxRatio(counts, np.zeros(6002), nobody, nobody, np.array([1e-13, 1e-13])).field[0]
    assert field[5].argmax() == 10
    assert field[6].argmax() == 12  # where no source was: between its neighbours
    assert field[7].argmax() == 14
    np.testing.assert_allclose(field[6, 11] / field[6, 12], np.exp(-0.5), rtol=0.02)
    np.testing.assert_allclose(field[6, 2:20], field[5, 0:18], rtol=0.05, atol=1e-4)
    # Where the level is not known: all sources as they are.
    np.testing.assert_allclose(field[15, 10] / field[15, 14], 1, rtol=1e-6)
    assert np.all(field > 0)


def test_levels_learn_from_their_neighbours():
    """By Gaussians of 0.25 dex for n, which shifts with the level, and of 0.4 dex for q."""
    index, level = [10] * 4000 + [18] * 4000, np.repeat([5, 7], 4000)
    bins = binned(index)
    counts, nobody = FluxCounts(bins, np.arange(8000), level), np.full(8002, -1)
    field = FluxRatio(counts, np.zeros(8002), nobody, nobody, np.array([1e-13] * 2)).field[0]
    # At level 5 those of level 7, 4 bins above theirs, are seen in bin 14.
    weight = np.exp(-((0.4 / 0.25) ** 2) / 2)
    assert field[5, 14] / field[5, 10] == pytest.approx(weight, rel=0.03)
    assert field[7, 14] / field[7, 18] == pytest.approx(weight, rel=0.03)
    assert field[0, 0] > field[0, 4]  # far from both: the nearer counts more
    fold = np.append(np.arange(8000) % 2, [-1, -1])
    q = FluxRatio(counts, np.zeros(8002), fold, nobody).counterparts[-1]
    assert q[5, 18] / q[5, 10] == pytest.approx(np.exp(-0.5), rel=0.03)
    assert q[9, 10] / q[9, 18] == pytest.approx(np.exp(-2) / np.exp(-0.5), rel=0.03)
    assert q[15, 10] == pytest.approx(q[15, 18], rel=0.03)  # unknown: the mean


def test_prior_strengths_of_the_levels():
    """A level with few sources: 30 of the mean for n, 10 for q, and 1 of the field in all q."""
    index, level = [10] * 3 + [25] * 2000, np.array([2] * 3 + [12] * 2000)
    bins = binned(index)
    counts, nobody = FluxCounts(bins, np.arange(2003), level), np.full(2005, -1)
    ratio = FluxRatio(counts, np.zeros(2005), nobody, nobody, np.array([1e-13] * 2))
    # Level 2 has its bin 10 (6 bins above it); bin 25 of level 12 is 1 bin above that.
    own, others = ratio.field[0, 2, 8:13].sum(), ratio.field[0, 2, 3:8].sum()
    assert own / others == pytest.approx((3 + 30 * 3 / 2003) / (30 * 2000 / 2003), rel=0.05)
    fold = np.append(np.arange(2003) % 2, [-1, -1])
    q = FluxRatio(counts, np.zeros(2005), fold, nobody).counterparts[-1]
    assert q[2, 5:16].sum() / q[2, 20:].sum() == pytest.approx(3 / 10, rel=0.05)
    # n of all levels is even where there is no field source: one of them among 2004.
    assert q[15, 0] == pytest.approx(1 / 31 / 2004, rel=0.01)


def test_ratio_is_the_isotonic_regression(learned):
    """By pooling adjacent violators, one after the other, with the field as weights."""
    ratio = learned
    raw, weights = ratio.counterparts[0] / ratio.field[0], ratio.field[0]
    for level in range(16):
        blocks = []
        for value, weight in zip(raw[level, :30], weights[level, :30], strict=True):
            blocks.append([value, weight, 1])
            while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
                value2, weight2, number2 = blocks.pop()
                value1, weight1, number1 = blocks.pop()
                pooled = (value1 * weight1 + value2 * weight2) / (weight1 + weight2)
                blocks.append([pooled, weight1 + weight2, number1 + number2])
        expected = np.repeat([block[0] for block in blocks], [block[2] for block in blocks])
        np.testing.assert_allclose(ratio.by_flux[0, level, :30], expected, rtol=1e-9)
        assert ratio.by_flux[0, level, 30] == raw[level, 30]  # zero is a class of its own


def test_ratio_and_brighter_share_of_sources():
    index = [5, 20, ZERO, MISSING, 5, 20]
    bins = binned(index * 50)
    level = np.array([3, 3, 3, 3, 6, 6] * 50)
    counts = FluxCounts(bins, np.arange(300), level)
    rng = np.random.default_rng(5)
    weight, fold = np.append(rng.random(300), [0, 0]), np.full(302, -1)
    fold[:40] = np.arange(40) % 4
    ratio = FluxRatio(counts, weight, fold, np.where(fold >= 0, fold, -1))
    rows, folds = np.arange(12), np.array([-1, 0, 1, 2, 3, -1] * 2)
    levels = np.array([3, 3, 3, 3, 6, 6] * 2)
    found, brighter = ratio.of_sources(rows, levels, folds)
    for k in range(12):
        lost_true, lost_field = ratio.missing_counterparts[folds[k], levels[k]], 0
        lost_field = ratio.missing_field[levels[k]]
        one = index[k % 6]
        if one == MISSING:
            expected, share = lost_true / lost_field, 1.0
        else:
            expected = ratio.by_flux[folds[k], levels[k], one] * (1 - lost_true) / (1 - lost_field)
            share = 1.0 if one == ZERO else ratio.field[folds[k], levels[k], one:30].sum()
        assert found[k] == pytest.approx(expected)
        assert brighter[k] == pytest.approx(share)
    assert len(set(ratio.by_flux[:, 3, 20])) == 5  # each fold has its own


def test_known_counterparts_alone_teach_and_are_not_field():
    """Weights of others make them less of a field; a fold does not see what it holds back."""
    index = [25] * 20 + [5] * 200
    bins = binned(index)
    counts = FluxCounts(bins, np.arange(220), np.full(220, 3))
    fold, weight = np.full(222, -1), np.zeros(222)
    fold[:20], weight[20:] = np.arange(20) % 2, 0.5
    nobody = np.full(222, -1)
    ratio = FluxRatio(counts, weight, fold, nobody)
    assert ratio.counterparts.shape[0] == 3
    assert ratio.counterparts[-1, 3].argmax() == 25
    assert ratio.counterparts[-1, 3, :12].sum() < 0.1
    assert ratio.field[-1, 3, 23:28].sum() < 0.02  # the counterparts are not field sources
    half = FluxRatio(counts, np.where(weight > 0, 0.9999, 0), fold, nobody)
    assert half.field[-1, 3, 5] < ratio.field[-1, 3, 5]  # hardly any field source is left
    held = FluxRatio(counts, weight, fold, np.append(np.full(220, 0), [-1, -1]))
    assert held.field[0, 3, 5] < held.field[1, 3, 5] == pytest.approx(ratio.field[1, 3, 5])
    # Without known ones the weights teach.
    taught = FluxRatio(counts, np.where(weight > 0, 0.5, 0), nobody, nobody)
    assert taught.counterparts[0, 3].argmax() == 5


def test_given_fluxes_teach():
    index = [5] * 200
    counts = FluxCounts(binned(index), np.arange(200), np.full(200, 3))
    nobody = np.full(202, -1)
    fluxes = np.array([10 ** (-15 + 0.1 * 22.5)] * 60 + [0.0] * 20 + [np.nan] * 5)
    q = FluxRatio(counts, np.full(202, 0.5), nobody, nobody, fluxes).counterparts[0]
    assert q[3, 30] == pytest.approx(20 / 80, abs=0.02)  # the missing ones do not count
    assert q[3, :30].argmax() == 22
    np.testing.assert_allclose(q[3], q[10], rtol=1e-9)  # their level is not known


@pytest.mark.parametrize(("number", "lost"), [(100, 40), (100, 0), (10, 10), (400, 80)])
def test_odds_of_a_missing_flux(number, lost):
    """One level: the share of the counterparts, with two more at even odds of the field's."""
    index = [MISSING] * lost + [20] * (number - lost) + [MISSING] * 200 + [5] * 800
    counts = FluxCounts(binned(index), np.arange(len(index)), np.full(len(index), 4))
    fold = np.full(len(index) + 2, -1)
    fold[:number] = 0
    nobody = np.full(len(fold), -1)
    ratio = FluxRatio(counts, np.zeros(len(fold)), fold, nobody)
    n = counts.missing_share[4]
    assert n == pytest.approx((200 + lost) / len(index), rel=1e-6)
    shifts = np.linspace(-4, 4, 80_001)
    share = 1 / (1 + (1 / n - 1) * np.exp(-shifts))
    expected = number * share + 2 / (1 + np.exp(-shifts))
    best = share[np.abs(expected - (lost + 1)).argmin()]
    assert ratio.missing_counterparts[-1, 4] == pytest.approx(best, abs=1e-4)
    # Without fold 0 there is nobody left: as the field.
    assert ratio.missing_counterparts[0, 4] == pytest.approx(n)
    # Counterparts whose fluxes are given, not known sources, say nothing of missing ones.
    given = FluxRatio(counts, np.ones(len(fold)), nobody, nobody, np.array([1e-13, 1e-13]))
    assert given.missing_counterparts[0, 4] == pytest.approx(n)


def test_ratio_rises_and_does_not_favour_field_sources():
    """Over field sources of any depth the mean of q / n is 1, as that of every likelihood ratio."""
    ratio, level, false = [], [], []
    for seed in (21, 22, 23):
        left, right, fields = draw_sky(seed, num_fields=1200)
        inputs = AssociationOptions(fields=fields, flux="flux").read(left, right)
        candidates = find_candidates(inputs)
        model = learn(inputs, candidates)
        by_flux = model.flux_ratio.by_flux[..., : inputs.left.bins.num_positive]
        assert np.all(np.diff(by_flux, axis=-1) >= 0)
        levels = candidates.level[candidates.right]
        fold = model.right_fold[candidates.right]
        ratio.append(model.flux_ratio.of_sources(candidates.left, levels, fold)[0])
        level.append(levels)
        false.append(np.asarray(left["truth"])[candidates.left] == "")
    ratio, level, false = (np.concatenate(parts) for parts in (ratio, level, false))
    for k in range(1, 9):
        assert 0.8 < ratio[false & (level == k)].mean() < 1.2
