# Licensed under a 3-clause BSD style license - see LICENSE
"""What is learned of fluxes, against loops by hand and against skies whose law is known."""

import numpy as np
import pytest
from association_skies import draw_sky
from astropy import units as u

from astroquery_cfx.association.associate import Problem
from astroquery_cfx.association.fluxes import FluxBins, FluxCounts


@pytest.fixture(scope="module")
def bins():
    return FluxBins(10.0 ** np.linspace(-15, -12, 7))


def test_level_of_others(bins):
    """The median of the others of a group, in bins of 0.2 dex, where there are four at least."""
    rng = np.random.default_rng(1)
    group = np.sort(rng.integers(0, 60, 400))
    index = rng.integers(0, bins.number + 1, 400)  # zero and missing fluxes among them
    index[group == 7], index[group == 8] = bins.number, 3
    expected = []
    for k in range(400):
        others = np.sort(np.delete(index, k)[np.delete(group, k) == group[k]])
        others = others[others < bins.positive]
        expected.append(others[(len(others) - 1) // 2] // 2 if len(others) >= 4 else bins.levels)
    assert bins.level_of_others(index, group).tolist() == expected
    assert bins.level_of_others(index[:0], group[:0]).tolist() == []


def test_a_source_counts_once_however_many_regions_it_is_near(bins):
    index = np.array([5, 9, 14, 20, 25])
    source, level = np.array([0, 1, 2, 3, 0, 1, 2]), np.array([4, 4, 4, 4, 6, 6, 6])
    counts = FluxCounts(bins, index, source, level)
    nobody = np.full(5, -1)
    field = counts.of_field(np.ones(5), nobody, 1)[0]
    np.testing.assert_allclose(
        field.sum(axis=0)[index], [1, 1, 1, 1, 0]
    )  # the last is near no region
    np.testing.assert_allclose(field[[4, 6]][:, index[0]], [0.5, 0.5])
    held = counts.of_field(np.ones(5), np.array([0, -1, -1, -1, -1]), 2)
    np.testing.assert_allclose(held.sum(axis=1)[:, 5], [0, 1])
    assert counts.level.tolist() == [5, 5, 5, 4, bins.levels]


def test_ratio_rises_and_does_not_favour_field_sources():
    """Over field sources of any depth the mean of q / n is 1, as that of every likelihood ratio."""
    ratio, level, false = [], [], []
    for seed in (21, 22, 23):
        left, right, fields = draw_sky(seed, num_fields=1200)
        problem = Problem.read(
            left,
            right,
            None,
            0.999,
            None,
            None,
            None,
            fields,
            8 * u.arcmin,
            "flux",
            None,
            10,
            None,
            24,
        )
        candidates, model = problem.solve()
        by_flux = model.prior.by_flux[..., : model.prior.bins.positive]
        assert np.all(np.diff(by_flux, axis=-1) >= 0)
        ratio.append(
            model.prior.ratio(
                candidates.flux_bin, candidates.level, model.right_fold[candidates.right]
            )[0]
        )
        level.append(candidates.level)
        false.append(np.asarray(left["truth"])[candidates.left] == "")
    ratio, level, false = (np.concatenate(parts) for parts in (ratio, level, false))
    for k in range(1, 9):
        assert 0.8 < ratio[false & (level == k)].mean() < 1.2
