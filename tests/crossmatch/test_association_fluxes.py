# Licensed under a 3-clause BSD style license - see LICENSE
"""What is learned of fluxes, against loops by hand and against skies whose law is known."""

import numpy as np
import pytest
from association_skies import draw_sky
from astropy import units as u

from astroquery_cfx.crossmatch.association import Problem
from astroquery_cfx.crossmatch.fluxes import FluxBins, FluxCounts


@pytest.fixture(scope="module")
def bins():
    return FluxBins(10.0 ** np.linspace(-15, -12, 7))


def test_level_of_others(bins):
    rng = np.random.default_rng(1)
    index = rng.integers(0, bins.number + 2, (60, 7))  # zero, missing and absent fluxes among them
    index[0], index[1] = 3, bins.number
    expected = [[bins.level(np.delete(row, k)[None])[0] for k in range(7)] for row in index]
    assert bins.level_of_others(index).tolist() == np.array(expected).tolist()


def test_a_source_counts_once_however_many_it_neighbours(bins):
    index = np.array([5, 9, 14, 20, 25])
    neighbours = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2], [5, 5, 2]])
    counts = FluxCounts(bins, index, np.arange(5), neighbours)
    nobody = np.full(5, -1)
    field = counts.of_field(np.ones(5), nobody, 1)[0]
    np.testing.assert_allclose(field.sum(axis=0)[index], [1, 1, 1, 1, 0])  # the last is no neighbour
    held = counts.of_field(np.ones(5), np.array([0, -1, -1, -1, -1]), 2)
    np.testing.assert_allclose(held.sum(axis=1)[:, 5], [0, 1])


def test_ratio_rises_and_does_not_favour_field_sources():
    """Over field sources of any depth the mean of q / n is 1, as that of every likelihood ratio."""
    ratio, level, false = [], [], []
    for seed in (21, 22, 23):
        left, right, fields = draw_sky(seed, num_fields=1200)
        problem = Problem.read(left, right, None, 0.999, None, None, None, fields, 8 * u.arcmin, "flux", None,
                               10, None, 24)
        candidates, model = problem.solve()
        by_flux = model.prior.by_flux[..., :model.prior.bins.positive]
        assert np.all(np.diff(by_flux, axis=-1) >= 0)
        ratio.append(model.prior.ratio(candidates.flux_bin, candidates.level,
                                       model.right_fold[candidates.right])[0])
        level.append(candidates.level)
        false.append(np.asarray(left["truth"])[candidates.left] == "")
    ratio, level, false = (np.concatenate(parts) for parts in (ratio, level, false))
    for k in range(1, 9):
        assert 0.8 < ratio[false & (level == k)].mean() < 1.2
