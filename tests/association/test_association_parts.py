# Licensed under a 3-clause BSD style license - see LICENSE
"""The parts of the associations, each against what is known: densities, tails, crowding, shares."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from astroquery_cfx import associate_tables
from astroquery_cfx.association.crowding import crowding_factor, learn_crowding, nearest_distances
from astroquery_cfx.association.density import Fields, surroundings, unit_vectors
from astroquery_cfx.association.likelihood import learn_tail
from astroquery_cfx.crossmatch.sphere import find_pairs


def test_density_is_without_bias_for_its_inverse():
    """1 / density has the mean 1 / truth, where discs are cut by the rim of a field too."""
    rng = np.random.default_rng(1)
    inverse = []
    for _ in range(200):
        centre_ra, centre_dec = rng.uniform(0, 360, 4), rng.uniform(-60, 60, 4)
        fields = Fields(unit_vectors(centre_ra, centre_dec), 0.2)
        number = rng.poisson(300 * np.pi * 0.2**2, 4)
        distance, angle = 0.2 * np.sqrt(rng.random(number.sum())), rng.uniform(0, 360, number.sum())
        field = np.repeat(np.arange(4), number)
        sources = SkyCoord(centre_ra[field], centre_dec[field], unit="deg").directional_offset_by(
            angle * u.deg, distance * u.deg
        )
        ra, dec = centre_ra, centre_dec + 0.15  # where a quarter of the disc is seen
        _, j, separation = find_pairs(sources.ra.deg, sources.dec.deg, ra, dec, 0.2)
        around = surroundings(
            j,
            separation,
            ra=ra,
            dec=dec,
            least=np.zeros(4),
            widest=0.2,
            neighbours=12,
            fields=fields,
        )
        inverse += (1 / around.density).tolist()
    assert np.mean(inverse) * 300 == pytest.approx(1, abs=0.05)


def test_density_where_nothing_was_seen():
    fields = Fields(unit_vectors(np.array([10.0]), np.array([0.0])), 0.2)
    around = surroundings(
        np.zeros(0, int),
        np.zeros(0),
        ra=np.array([10.0, 50.0]),
        dec=np.zeros(2),
        least=np.zeros(2),
        widest=0.1,
        neighbours=5,
        fields=fields,
    )
    assert np.isnan(around.density).tolist() == [False, True]


def test_share_of_a_field():
    """Places inside, outside and at the rim; centres are rounded to 1% of the radius."""
    fields = Fields(unit_vectors(np.array([10.0]), np.array([0.0])), 0.2)
    ra, dec, reach = np.array([10.0, 10.2, 10.4]), np.zeros(3), np.full(3, 0.1)
    rng = np.random.default_rng(1)
    distance, angle = 0.1 * np.sqrt(rng.random(4000)), rng.uniform(0, 2 * np.pi, 4000)
    east, north = distance * np.cos(angle), distance * np.sin(angle)
    inside = (
        SkyCoord(10.2 + east, north, unit="deg").separation(SkyCoord(10, 0, unit="deg")).deg < 0.2
    )

    def points(rows):
        return unit_vectors(ra[rows, None] + east, dec[rows, None] + north)

    np.testing.assert_allclose(
        fields.share(ra, dec, reach, points), [1, inside.mean(), 0], atol=0.01
    )
    assert Fields(np.zeros((0, 3)), 0.2).share(ra, dec, reach, points).tolist() == [0, 0, 0]


def test_nearest_distances():
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(350, 370, 300) % 360, rng.uniform(-90, -80, 300)
    places = SkyCoord(ra, dec, unit="deg")
    expected = np.sort(places[:5, None].separation(places).deg, axis=1)[:, 1:4]
    np.testing.assert_allclose(
        nearest_distances(ra, dec, np.arange(5), 3, 90.0), expected, rtol=1e-7
    )
    assert np.all(nearest_distances(ra, dec, np.arange(5), 3, 1e-6) == 1e-6)


def regions_with_known_counterparts(rng, power, regions=2000, size=12):
    """Candidates of which one is the counterpart, with a probability that goes as LR k**power."""
    log_ratio, log_crowding = rng.normal(0, 1.5, (2, regions, size))
    weight = np.exp(log_ratio + power * log_crowding)
    total = weight.cumsum(axis=1)
    chosen = (rng.random((regions, 1)) * total[:, -1:] > total).sum(axis=1)
    known = np.zeros((regions, size), dtype=bool)
    known[np.arange(regions), chosen] = True
    return (
        log_ratio.ravel(),
        log_crowding.ravel(),
        np.repeat(np.arange(regions), size),
        known.ravel(),
    )


@pytest.mark.parametrize("power", [0.0, 1.5])
def test_power_of_the_crowding_is_found(power):
    log_ratio, log_crowding, right, known = regions_with_known_counterparts(
        np.random.default_rng(2), power
    )
    fold = np.arange(2000) % 4
    found = learn_crowding(log_ratio, log_crowding, right, known, fold, 4)
    assert found.shape == (5,)
    np.testing.assert_allclose(found, power, atol=0.15)
    for k in range(4):  # the same as from the others alone
        use = np.isin(right, np.flatnonzero(fold != k))
        alone = learn_crowding(log_ratio[use], log_crowding[use], right[use], known[use], fold, 0)
        assert found[k] == pytest.approx(alone[-1], abs=1e-6)


def test_without_known_counterparts_no_place_is_better():
    nobody = np.zeros(3, dtype=bool)
    found = learn_crowding(
        np.zeros(3), np.arange(3.0), np.zeros(3, dtype=int), nobody, np.array([-1]), 2
    )
    assert found.tolist() == [0, 0, 0]


def test_crowding_leaves_the_mean_of_a_region():
    rng = np.random.default_rng(1)
    right = np.repeat([0, 3, 4], [5, 1, 7])
    factor = crowding_factor(rng.normal(0, 300, 13), right, np.full(13, 2.0))
    np.testing.assert_allclose(np.bincount(right, factor)[[0, 3, 4]], [5, 1, 7])
    assert np.all(factor >= 0)


@pytest.mark.parametrize("tail", [0.02, 0.2])
def test_share_of_larger_errors_is_found(tail):
    rng = np.random.default_rng(3)
    wide = rng.random(20_000) < tail
    offset = rng.rayleigh(1, 20_000) * np.where(wide, 2, 1)
    assert learn_tail(offset, np.ones(20_000)) == pytest.approx(tail, abs=0.02)


def test_twins_are_candidates_like_others():
    """Two rows at one place, beside which every density and every distance is zero."""
    left = QTable({"ra": [10.0, 10.0] * u.deg, "dec": [0.0, 0.0] * u.deg})
    right = QTable(
        {
            "ra": [10.01] * u.deg,
            "dec": [0.0] * u.deg,
            "Conf_95_SemiMajor": [0.05] * u.deg,
            "Conf_95_SemiMinor": [0.04] * u.deg,
            "Conf_95_PosAng": [0.0] * u.deg,
        }
    )
    table = associate_tables(left, right)
    assert np.all(np.isfinite(table["p_i"]))
    assert table["p_i"][0] == table["p_i"][1] > 0
