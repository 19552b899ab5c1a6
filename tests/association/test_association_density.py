# Licensed under a 3-clause BSD style license - see LICENSE
"""Fields, coverage and local density, against astropy, closed forms, and points drawn at random."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from astroquery_cfx.association.density import (
    Fields,
    Regions,
    local_density,
    nearest_distances,
    offset_vectors,
)
from astroquery_cfx.crossmatch.sphere import find_pairs, unit_vectors


def regions_at(ra, dec, major=0.05, minor=0.04, angle=0.0, *, extended=False, containment=0.999):
    ra, dec = np.atleast_1d(ra).astype(float), np.atleast_1d(dec).astype(float)
    shape = (np.broadcast_to(axis, ra.shape).astype(float) for axis in (major, minor, angle))
    extended = np.broadcast_to(extended, ra.shape)
    return Regions(np.arange(len(ra)), ra, dec, *shape, extended, containment)


def one_field(ra=10.0, dec=0.0, radius=0.2, **options):
    return Fields(unit_vectors(np.array([ra]), np.array([dec])), radius, **options)


def density(regions, separation, fields, *, right=None, reach=0.0, field_radius=0.2, neighbours=5):
    right = np.zeros(len(separation), dtype=int) if right is None else np.array(right)
    reach = np.broadcast_to(reach, len(regions))
    return local_density(
        regions, right, np.array(separation), reach, field_radius, neighbours, fields
    )


def test_offsets_are_distance_and_direction():
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 360, 40), rng.uniform(-90, 90, 40)
    distance, angle = rng.uniform(0, 3, (40, 7)), rng.uniform(0, 360, (40, 7))
    distance[0] = 0
    east, north = distance * np.sin(np.radians(angle)), distance * np.cos(np.radians(angle))
    expected = SkyCoord(ra[:, None], dec[:, None], unit="deg").directional_offset_by(
        angle * u.deg, distance * u.deg
    )
    found = offset_vectors(ra, dec, east, north)
    np.testing.assert_allclose(found, np.moveaxis(expected.cartesian.xyz.value, 0, -1), atol=1e-12)


def test_density_is_without_bias_for_its_inverse():
    """1 / density has the mean 1 / truth, where discs are cut by the rim of a field too."""
    rng = np.random.default_rng(1)
    inverse = []
    for _ in range(80):
        centre_ra, centre_dec = rng.uniform(0, 360, 4), rng.uniform(-60, 60, 4)
        fields = Fields(unit_vectors(centre_ra, centre_dec), 0.2)
        number = rng.poisson(300 * np.pi * 0.2**2, 4)
        distance, angle = 0.2 * np.sqrt(rng.random(number.sum())), rng.uniform(0, 360, number.sum())
        field = np.repeat(np.arange(4), number)
        sources = SkyCoord(centre_ra[field], centre_dec[field], unit="deg").directional_offset_by(
            angle * u.deg, distance * u.deg
        )
        regions = regions_at(centre_ra, centre_dec + 0.15)  # where a quarter of the disc is seen
        _, right, separation = find_pairs(
            sources.ra.deg, sources.dec.deg, regions.ra, regions.dec, 0.2
        )
        _, found = density(regions, separation, fields, right=right, neighbours=12)
        inverse += (1 / found).tolist()
    assert np.mean(inverse) * 300 == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("neighbours", "reach", "number", "radius"),
    [
        (3, 0.0, 3, 0.04),  # to the third neighbour: k / area
        (3, 0.04, 3, 0.04),  # just as large as the region
        (3, 0.07, 6, 0.07),  # the region is larger and holds 5: (n + 1) / area
        (6, 0.0, 6, 0.1),
        (7, 0.0, 7, 0.15),  # to the last there is
        (8, 0.0, 8, 0.2),  # all within a field
        (7, 0.3, 8, 0.3),
    ],
)
def test_density_of_a_disc(neighbours, reach, number, radius):
    separation = [0.02, 0.03, 0.04, 0.05, 0.06, 0.1, 0.15]
    inside, found = density(
        regions_at(10, 0), separation, one_field(radius=2.0), neighbours=neighbours, reach=reach
    )
    assert inside.tolist() == [k for k, one in enumerate(separation) if one <= radius]
    cap = 2 * np.pi * (1 - np.cos(np.radians(radius))) * np.degrees(1) ** 2
    np.testing.assert_allclose(found, number / cap, rtol=1e-7)


def test_discs_have_at_least_one_arcsecond():
    _, found = density(regions_at(10, 0), [0.0, 0.0, 2 / 3600], one_field(radius=2.0), neighbours=2)
    np.testing.assert_allclose(found, 2 / (np.pi / 3600**2), rtol=1e-7)


def test_only_the_observed_part_of_a_disc_counts():
    """A place on the rim of a wide field sees half of its disc."""
    regions = regions_at([10.0, 12.0, 13.0, 13.0], np.zeros(4))
    _, found = density(
        regions,
        [0.1] * 4 + [0.05],
        one_field(radius=2.0, step=1e-4),
        right=[0, 0, 1, 1, 3],
        neighbours=2,
    )
    whole = 2 / (np.pi * 0.1**2)
    assert found[0] == pytest.approx(whole, rel=1e-5)
    assert found[1] == pytest.approx(2 * whole, rel=0.06)
    assert np.isnan(found[2])  # nothing was observed, and nothing seen
    # A source outside of the fields: as if one of the 64 points of the disc had been observed.
    assert found[3] == pytest.approx(2 / (np.pi * 0.2**2 / 64), rel=1e-5)


def test_density_where_nothing_was_seen():
    regions = regions_at([10.0, 50.0], np.zeros(2))
    _, found = density(regions, [], one_field(), field_radius=0.1)
    assert found[0] == pytest.approx(1 / (np.pi * 0.1**2), rel=1e-5)
    assert np.isnan(found[1])


def test_share_of_a_field():
    """Places inside, outside and at the rim; centres are rounded to 1% of the radius."""
    fields = one_field()
    ra, dec, reach = np.array([10.0, 10.2, 10.4, 10.09, 10.11]), np.zeros(5), np.full(5, 0.1)
    rng = np.random.default_rng(1)
    distance, angle = 0.1 * np.sqrt(rng.random(4000)), rng.uniform(0, 2 * np.pi, 4000)
    east, north = distance * np.cos(angle), distance * np.sin(angle)
    center = SkyCoord(10, 0, unit="deg")
    asked = []

    def points(rows):
        asked.extend(rows)
        return unit_vectors(ra[rows, None] + east, dec[rows, None] + north)

    places = SkyCoord(ra[:, None] + east, dec[:, None] + north, unit="deg")
    expected = (places.separation(center).deg < 0.2).mean(axis=1)
    np.testing.assert_allclose(fields.share(ra, dec, reach, points), expected, atol=0.01)
    assert asked == [1, 4]  # the others are wholly inside, or outside
    assert Fields(np.zeros((0, 3)), 0.2).share(ra, dec, reach, points).tolist() == [0] * 5


def test_fields_that_are_visited_again_are_one():
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(0, 360, 50), np.degrees(np.arcsin(rng.uniform(-1, 1, 50)))
    again = np.repeat(unit_vectors(ra, dec), 9, axis=0) + rng.normal(0, 1e-7, (450, 3))
    fields = Fields(again, 0.2)
    assert 50 <= fields.tree.n < 100
    np.testing.assert_allclose(np.linalg.norm(fields.tree.data, axis=1), 1)
    distance = np.degrees(fields.tree.query(unit_vectors(ra, dec))[0])
    assert distance.max() < 0.01 * 0.2  # the middle of a cell of 1% of the radius, or nearer
    other = Fields(again[::-1], 0.2)
    assert np.array_equal(fields.tree.data, other.tree.data)
    assert Fields(again, 0.2, step=1e-6).tree.n == 450


@pytest.mark.parametrize("extended", [False, True])
def test_coverage_of_ellipses(extended):
    """The weight of a Gaussian within its edge, or of an even ellipse, that lies in fields."""
    rng = np.random.default_rng(6)
    ra, dec = rng.uniform(30, 31, 12), rng.uniform(-70.5, -70, 12)
    fields = Fields(unit_vectors(rng.uniform(30, 31, 5), rng.uniform(-70.5, -70, 5)), 0.15)
    major, angle = rng.uniform(0.03, 0.15, 12), rng.uniform(0, 180, 12)
    regions = regions_at(ra, dec, major, 0.4 * major, angle, extended=extended, containment=0.9)
    along, across = rng.normal(size=(2, 20_000))
    inside = np.hypot(along, across) <= np.sqrt(-2 * np.log(0.1))
    if extended:
        along, across = rng.uniform(-1, 1, (2, 20_000))
        inside = np.hypot(along, across) <= 1
    expected = []
    for k in range(12):
        distance = np.hypot(major[k] * along, 0.4 * major[k] * across)
        turn = angle[k] + np.degrees(np.arctan2(0.4 * across, along))
        places = SkyCoord(ra[k], dec[k], unit="deg").directional_offset_by(
            turn * u.deg, distance * u.deg
        )
        vectors = places.cartesian.xyz.value.T
        seen = fields.tree.query(vectors)[0] <= 2 * np.sin(np.radians(0.15) / 2)
        expected.append(np.sum(seen & inside) / (np.sum(inside) if extended else 20_000))
    found = regions.coverage(fields)
    assert 0 < np.mean(found) < 0.9
    np.testing.assert_allclose(found, expected, atol=0.05)
    assert np.mean(found - expected) == pytest.approx(0, abs=0.01)


def test_coverage_of_a_region_that_was_wholly_observed():
    regions = regions_at([10.0, 10.0, 50.0], np.zeros(3), extended=[False, True, False])
    found = regions.coverage(one_field(radius=1.0))
    np.testing.assert_allclose(found, [0.999, 1, 0])


def test_edges_of_regions():
    regions = regions_at([10.0, 10.0], np.zeros(2), extended=[False, True], containment=0.95)
    np.testing.assert_allclose(regions.limit, [np.sqrt(-2 * np.log(0.05)), 1])
    chosen = regions.select(np.array([1]))
    assert (len(chosen), chosen.extended.tolist(), chosen.containment) == (1, [True], 0.95)


def test_nearest_distances():
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(350, 370, 300) % 360, rng.uniform(-90, -80, 300)
    places = SkyCoord(ra, dec, unit="deg")
    expected = np.sort(places[:5, None].separation(places).deg, axis=1)[:, 1:4]
    found = nearest_distances(ra, dec, np.arange(5), 3, 90.0)
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    limit = expected[0, 1] + 1e-9
    found = nearest_distances(ra, dec, np.arange(1), 3, limit)
    np.testing.assert_allclose(found, [[*expected[0, :2], limit]], rtol=1e-7)
    assert np.all(nearest_distances(ra, dec, np.arange(5), 3, 1e-6) == 1e-6)
