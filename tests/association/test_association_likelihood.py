# Licensed under a 3-clause BSD style license - see LICENSE
"""The formulas of the associations, against scipy, closed forms, and draws from known laws."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal, poisson

from astroquery_cfx.association.likelihood import (
    bayes_factor,
    chance_probability,
    crowding_factor,
    find_zero,
    fit_crowding,
    fit_prior,
    fit_tail,
    position_density,
    posterior,
    prior_probability,
    with_tail,
)


def gaussian(separation, position_angle, covariance):
    """The density of a 2-D Gaussian at an offset to (east, north)."""
    angle = np.radians(position_angle)
    offset = np.stack([separation * np.sin(angle), separation * np.cos(angle)], axis=-1)
    return multivariate_normal([0, 0], covariance).pdf(offset)


def covariance(major, minor, angle):
    """Of an ellipse whose major axis has a position angle east of north, in (east, north)."""
    angle = np.radians(angle)
    axes = np.array([[np.sin(angle), np.cos(angle)], [np.cos(angle), -np.sin(angle)]])
    return axes.T @ np.diag([major**2, minor**2]) @ axes


def test_position_density_is_that_of_a_gaussian():
    rng = np.random.default_rng(1)
    separation, angle = rng.uniform(0, 0.3, 50), rng.uniform(0, 360, 50)
    density, offset = position_density(separation, angle, 0.1, 0.04, 30.0)
    expected = gaussian(separation, angle, covariance(0.1, 0.04, 30.0))
    np.testing.assert_allclose(density, expected, rtol=1e-10)
    peak = 1 / (2 * np.pi * 0.1 * 0.04)
    np.testing.assert_allclose(offset, np.sqrt(-2 * np.log(expected / peak)), rtol=1e-8)


def test_tail_is_a_gaussian_of_twice_the_width():
    rng = np.random.default_rng(2)
    separation, angle = rng.uniform(0, 0.5, 50), rng.uniform(0, 360, 50)
    narrow, wide = (gaussian(separation, angle, k * covariance(0.1, 0.04, 70.0)) for k in (1, 4))
    density, offset = position_density(separation, angle, 0.1, 0.04, 70.0)
    np.testing.assert_allclose(
        with_tail(density, offset, 0.2), 0.8 * narrow + 0.2 * wide, rtol=1e-10
    )


@pytest.mark.parametrize("tail", [0.02, 0.2])
def test_share_of_larger_errors_is_found(tail):
    rng = np.random.default_rng(3)
    wide = rng.random(20_000) < tail
    offset = rng.rayleigh(1, 20_000) * np.where(wide, 2, 1)
    assert fit_tail(offset, np.ones(20_000)) == pytest.approx(tail, abs=0.02)


@pytest.mark.parametrize(("far", "expected"), [(0, 0.05), (1, 1.5 / 11), (5, 5.5 / 15), (99, 0.5)])
def test_prior_of_the_share_of_larger_errors_is_worth_ten_counterparts(far, expected):
    """With n counterparts so far out that they have larger errors: (0.5 + n) / (10 + n)."""
    offset = np.append(np.full(far, 20.0), 30.0)
    weight = np.append(np.ones(far), 0.0)  # the last is not a counterpart
    assert fit_tail(offset, weight) == pytest.approx(expected, abs=2e-6)


def test_a_near_counterpart_speaks_against_larger_errors():
    """At offset 0 the wide Gaussian has a quarter of the density of the narrow one."""

    def minus_log_posterior(t):
        prior = 10 * (0.05 * np.log(t) + 0.95 * np.log(1 - t))
        return -(40 * np.log(1 - 0.75 * t) + prior)

    expected = minimize_scalar(minus_log_posterior, bounds=(1e-6, 0.5), options={"xatol": 1e-9}).x
    assert fit_tail(np.zeros(80), np.full(80, 0.5)) == pytest.approx(expected, abs=1e-5)


def test_bayes_factor():
    """Budavari & Szalay (2008), equation 16, for two circular errors; 0 if uniform."""
    sigma, separation = np.radians([0.3, 0.4]) / 3600, np.radians(0.5 / 3600)
    variance = np.sum(sigma**2)
    expected = 2 / variance * np.exp(-(separation**2) / (2 * variance))
    density, _ = position_density(0.5 / 3600, 77.0, 0.5 / 3600, 0.5 / 3600, 0.0)
    assert bayes_factor(density) == pytest.approx(np.log10(expected), abs=1e-10)
    assert bayes_factor(1 / 41252.96124941927) == pytest.approx(0, abs=1e-12)
    assert bayes_factor(0.0) == -np.inf


def test_chance_probability_is_that_of_a_poisson_field():
    separation, density = np.array([0.0, 0.05, 0.2]), np.array([100.0, 100.0, 3.0])
    expected = poisson.sf(0, np.pi * separation**2 * density)
    np.testing.assert_allclose(chance_probability(separation, density), expected, rtol=1e-12)


def test_posterior_by_the_list_of_hypotheses():
    """Either one of the candidates is the counterpart, or none: priors times likelihoods."""
    ratio, right = np.array([2.0, 5.0, 0.5]), np.array([0, 0, 2])
    coverage, prior = np.array([0.8, 1.0, 0.5]), np.array([0.6, 0.3, 0.4])
    others = np.array([3.0, 0.0, 0.0])
    p_i, p_any = posterior(ratio, right, coverage, prior, other_ratios=others)
    first = np.array([0.4, 0.6 / 0.8 * 2, 0.6 / 0.8 * 5, 0.6 / 0.8 * 3])
    last = np.array([0.6, 0.4 / 0.5 * 0.5])
    np.testing.assert_allclose(p_i, [*(first / first.sum())[1:3], last[1] / last.sum()])
    np.testing.assert_allclose(p_any, [p_i[0] + p_i[1], 0, p_i[2]])
    alone, _ = posterior(ratio, right, coverage, prior)
    np.testing.assert_allclose(alone[:2], first[1:3] / first[:3].sum())


def test_small_coverages_are_treated_as_zero():
    """And zero as 1/256, so that a source in a region without coverage gets a finite odds."""
    for coverage in (0.0, 1 / 300):
        p_i, _ = posterior(np.ones(1), np.zeros(1, int), np.array([coverage]), np.array([0.5]))
        assert p_i[0] == pytest.approx(256 / 257)
        assert prior_probability((0.8, 1.0, 0.0), coverage, 1.0) == pytest.approx(0.8 / 256)


def test_prior_probability():
    np.testing.assert_allclose(
        prior_probability((0.8, 0.5, 0.25), [1.0, 0.25, 0.25], [1.0, 1.0, 0.0625]), [0.8, 0.4, 0.2]
    )


def log_posterior(parameters, total, coverage, density, strength):
    """That of `fit_prior`, as its docstring has it; the prior is spread over the right sources."""
    p = prior_probability(parameters, coverage, density)
    prior = strength / 2 / len(p) * (np.log(p) + np.log(1 - p))
    return np.sum(np.log(1 - p + p * total / coverage) + prior)


def right_sources(a, e, correlation):
    """Coverages and densities, which may go together, and ratios of the probability that P has."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 4000))
    y = correlation * x + np.sqrt(1 - correlation**2) * y
    coverage, density = (
        np.clip(10 ** (scale * (one - 2)), least, 1)
        for one, scale, least in ((x, 0.4, 0.02), (y, 0.6, 0.001))
    )
    has_one = rng.random(4000) < prior_probability((0.7, a, e), coverage, density)
    # A measurement from N(0, 1), or from N(2.5, 1) if there is a counterpart, has this ratio.
    measured = rng.normal(size=4000) + 2.5 * has_one
    return coverage * np.exp(2.5 * measured - 2.5**2 / 2), coverage, density


@pytest.mark.parametrize("strength", [0.0, 40.0])
@pytest.mark.parametrize(
    ("a", "e", "correlation"),
    [(1.0, 0.0, 0), (0.3, 0.25, 0), (0.0, 0.5, 0), (0.3, 0.25, 0.8), (0.3, 0.25, -0.8)],
)
def test_prior_is_fitted_at_the_maximum(a, e, correlation, strength):
    """No step of the exponents is better; where these go together it takes more than one turn."""
    data = *right_sources(a, e, correlation), strength
    c, found_a, found_e = fit_prior(*data[:3], strength=strength)
    assert (c, found_a, found_e) == pytest.approx((0.7, a, e), abs=0.25)
    best = log_posterior((c, found_a, found_e), *data)
    for step in (-1e-4, 1e-4):
        assert log_posterior((c + step, found_a, found_e), *data) < best
    steps = [(found_a + 0.1, found_e), (found_a - 0.1, found_e)]
    steps += [(found_a, found_e + 0.05), (found_a, found_e - 0.05)]
    for exponents in steps:
        if 0 <= exponents[0] <= 1 and 0 <= exponents[1] <= 0.5:
            assert highest(exponents, *data) < best


def highest(exponents, *data):
    found = minimize_scalar(
        lambda c: -log_posterior((c, *exponents), *data), bounds=(0.001, 0.999), method="bounded"
    )
    return -found.fun


def test_prior_at_its_limits_and_without_data():
    ones = np.ones(50)
    assert fit_prior(1e9 * ones, ones, ones) == pytest.approx((0.999, 1, 0), abs=1e-9)
    assert fit_prior(0 * ones, ones, ones) == pytest.approx((0.001, 1, 0), abs=1e-9)
    # The prior is Beta(21, 21): 20 with and 20 without a counterpart, beside the 50 without.
    assert fit_prior(0 * ones, ones, ones, strength=40.0)[0] == pytest.approx(20 / 90, abs=1e-9)
    assert fit_prior(np.zeros(0), np.zeros(0), np.zeros(0)) == (0.5, 1.0, 0.0)
    assert fit_prior(np.zeros(3), np.zeros(3), np.ones(3)) == (0.5, 1.0, 0.0)  # nothing observed


def test_unobserved_regions_without_candidates_do_not_count():
    total, coverage = (
        np.array([1e6] * 3 + [0.0] * 7 + [0.0] * 90),
        np.array([1.0] * 10 + [0.0] * 90),
    )
    assert fit_prior(total, coverage, np.ones(100))[0] == pytest.approx(0.3, abs=1e-5)
    total[-1] = 0.5  # a candidate where no point was observed: it does, at 1/256
    assert fit_prior(total, coverage, np.ones(100))[0] > 0.33


def regions_with_known_counterparts(rng, power, regions=2000, size=12):
    """Candidates of which one is the counterpart, with a probability that goes as LR k**power."""
    log_ratio, log_crowding = rng.normal(0, 1.5, (2, regions, size))
    weight = np.exp(log_ratio + power * log_crowding)
    total = weight.cumsum(axis=1)
    chosen = (rng.random((regions, 1)) * total[:, -1:] > total).sum(axis=1)
    known = np.zeros((regions, size), dtype=bool)
    known[np.arange(regions), chosen] = True
    right = np.repeat(np.arange(regions), size)
    return log_ratio.ravel(), log_crowding.ravel(), right, known.ravel()


@pytest.mark.parametrize("power", [0.0, 1.5])
def test_exponent_of_the_crowding_is_found(power):
    log_ratio, log_crowding, right, known = regions_with_known_counterparts(
        np.random.default_rng(2), power
    )
    fold = np.arange(2000) % 4
    found = fit_crowding(log_ratio, log_crowding, right, known, fold, 4)
    assert found.shape == (5,)
    np.testing.assert_allclose(found, power, atol=0.15)
    for k in range(4):  # the same as from the others alone
        use = np.isin(right, np.flatnonzero(fold != k))
        alone = fit_crowding(log_ratio[use], log_crowding[use], right[use], known[use], fold, 0)
        assert found[k] == pytest.approx(alone[-1], abs=1e-6)


@pytest.mark.parametrize(("regions", "power", "size"), [(4, 2.5, 3), (3, -3.0, 12), (40, 0.5, 5)])
def test_exponent_of_the_crowding_maximises_the_posterior(regions, power, size):
    """Few counterparts: the Gaussian prior, of width 2 about 0, has its say."""
    log_ratio, log_crowding, right, known = regions_with_known_counterparts(
        np.random.default_rng(8), power, regions, size
    )

    def minus_log_posterior(b):
        weight = np.exp(log_ratio + b * log_crowding)
        share = weight[known] / np.bincount(right, weight)
        return -np.sum(np.log(share)) + b**2 / (2 * 2**2)

    expected = minimize_scalar(minus_log_posterior, bracket=(-1, 1)).x
    # A region without a known counterpart, in front, changes nothing.
    more = np.append([5.0, 7.0], log_ratio), np.append([3.0, -9.0], log_crowding)
    right, known = np.append([0, 0], right + 1), np.append([False, False], known)
    found = fit_crowding(*more, right, known, np.full(regions + 1, -1), 0)
    assert found == pytest.approx([expected], abs=1e-5)


def test_without_known_counterparts_no_place_is_better():
    nobody = np.zeros(3, dtype=bool)
    right = np.zeros(3, dtype=int)
    found = fit_crowding(np.zeros(3), np.arange(3.0), right, nobody, np.array([-1]), 2)
    assert found.tolist() == [0, 0, 0]


def test_crowding_leaves_the_mean_of_a_region():
    rng = np.random.default_rng(1)
    right = np.repeat([0, 3, 4], [5, 1, 7])
    log_crowding = rng.normal(0, 1, 13)
    factor = crowding_factor(log_crowding, right, np.full(13, 2.0))
    crowding = np.exp(log_crowding) ** 2
    mean = (np.bincount(right, crowding) / np.maximum(np.bincount(right), 1))[right]
    np.testing.assert_allclose(factor, crowding / mean)
    factor = crowding_factor(300 * log_crowding, right, np.full(13, 2.0))  # which overflows
    np.testing.assert_allclose(np.bincount(right, factor)[[0, 3, 4]], [5, 1, 7])
    assert np.all(factor >= 0)


def test_zeros_of_falling_functions():
    targets = np.array([0.001, 8.0, 27.0])
    found = find_zero(lambda x: targets - x**3, np.zeros(3), np.full(3, 5.0), steps=50)
    np.testing.assert_allclose(found, [0.1, 2, 3], rtol=1e-12)
    assert find_zero(lambda x: 1.1 - x, 0.0, 4.0, steps=3) == 1.5  # 2, 1, 1.5: halves, no more
