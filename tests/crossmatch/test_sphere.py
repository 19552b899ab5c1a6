# Licensed under a 3-clause BSD style license - see LICENSE
"""find_pairs against brute force in long double, a tree of scipy, and STILTS."""

import shutil
import subprocess
import tracemalloc

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.coordinates import position_angle as astropy_position_angle
from astropy.table import Table
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from astroquery_cfx.crossmatch.grid import MarkedGrid, Side
from astroquery_cfx.crossmatch.sphere import (
    angle_of,
    angular_separation,
    chord,
    find_pairs,
    position_angle,
    unit_vectors,
)
from astroquery_cfx.errors import InvalidInputError

EDGE = 1e-10  # deg: closer to the radius than this, rounding decides


def brute_force(ra1, dec1, ra2, dec2):
    """Return the separations of all rows of two sides in degrees: Vincenty in long double."""
    to_radians = np.longdouble("3.14159265358979323846264338327950288") / 180
    ra1, dec1 = (np.asarray(array, dtype=np.longdouble)[:, np.newaxis] for array in (ra1, dec1))
    ra2, dec2 = (np.asarray(array, dtype=np.longdouble) for array in (ra2, dec2))
    across = (ra1 - ra2) * to_radians
    sin1, cos1, sin2, cos2 = (
        function(dec * to_radians) for dec in (dec1, dec2) for function in (np.sin, np.cos)
    )
    north = cos1 * sin2 - sin1 * cos2 * np.cos(across)
    along = sin1 * sin2 + cos1 * cos2 * np.cos(across)
    return np.arctan2(np.hypot(cos2 * np.sin(across), north), along) / to_radians


def check(ra1, dec1, ra2, dec2, radius):
    """Compare with brute force, and return the number of pairs."""
    i, j, separation = find_pairs(ra1, dec1, ra2, dec2, radius)
    exact = brute_force(ra1, dec1, ra2, dec2)
    found = np.zeros(exact.shape, dtype=int)
    np.add.at(found, (i, j), 1)
    clear = np.abs(exact - radius) > EDGE
    assert np.array_equal(found[clear], (exact <= radius)[clear])
    assert found.max(initial=0) <= 1
    np.testing.assert_allclose(separation, exact[i, j].astype(float), rtol=0, atol=1e-12)
    assert np.all(separation <= np.broadcast_to(radius, len(ra2))[j])
    assert np.array_equal(np.lexsort((i, separation, j)), np.arange(len(i)))
    return len(i)


def scattered(rng, rows, others, radius):
    """Return positions of two sides, half of them close, some at the poles and across RA 0."""
    ra, dec = rng.uniform(-360, 720, rows), np.degrees(np.arcsin(rng.uniform(-1, 1, rows)))
    ra[: rows // 8] = 360 + rng.normal(0, radius, rows // 8)
    dec[: rows // 8] = np.clip(rng.normal(0, radius, rows // 8), -90, 90)
    dec[rows // 8 : rows // 4] = 90 - np.abs(rng.normal(0, radius, rows // 4 - rows // 8)) % 180
    ra[-5:], dec[-10:-5], dec[-5:] = 12.5, 90, -90
    near = rng.integers(0, rows, others)
    offset = rng.normal(0, 0.6 * radius, (2, others))
    ra2 = ra[near] + np.clip(offset[0] / np.maximum(np.cos(np.radians(dec[near])), 0.01), -720, 720)
    dec2 = np.clip(dec[near] + offset[1], -90, 90)
    ra2[0], dec2[0] = ra[0], dec[0]
    return [ra, dec, ra2, dec2]


@pytest.mark.parametrize(
    "radius", [0.001 / 3600, 1 / 3600, 0.1, 1.5, 17, 45, 89.9999, 90, 135, 179.999, 180]
)
@pytest.mark.parametrize("rows", [(250, 150), (150, 250)])
@pytest.mark.parametrize("each", [False, True])
def test_pairs_are_those_of_brute_force(radius, rows, each):
    rng = np.random.default_rng([rows[0], round(1e7 * radius)])
    radii = radius * rng.uniform(0, 1, rows[1]) if each else radius
    assert check(*scattered(rng, *rows, radius), radii) > 0


@pytest.mark.parametrize("rows", [(40, 400), (400, 40)])
def test_radii_of_one_octave(rows):
    """All radii within a factor of two: one search, even if the side with radii is the larger."""
    rng = np.random.default_rng(16)
    assert check(*scattered(rng, *rows, 3.0), rng.uniform(2.1, 3.9, rows[1])) > 50


def test_radii_from_arcseconds_to_all_sky_in_one_call():
    rng = np.random.default_rng(4)
    for rows in ((400, 100), (100, 400)):
        radii = 10 ** rng.uniform(-7, np.log10(180), rows[1])
        radii[:3] = 0, 180, 200
        assert check(*scattered(rng, *rows, 0.5), radii) > 500


@pytest.mark.parametrize(
    ("zones", "radius"),
    [
        (zones, radius)
        for zones in (1, 2, 3, 7, 100, 1999, 30_000, 200_000)
        for radius in (1e-6, 0.01, 2.0)
        if radius * zones <= 3000
    ],
)  # more would mark hundreds of millions of cells
def test_no_cell_size_loses_a_pair(zones, radius):
    """The candidates of a grid of any fineness include all pairs, each once."""
    rng = np.random.default_rng(zones)
    ra1, dec1, ra2, dec2 = scattered(rng, 700, 300, radius)
    grid = MarkedGrid(Side(ra2, dec2), Side(ra1, dec1), radius, height=180 / zones)
    batches = [(i, j) for i, j, _ in grid.candidates(ra1, dec1)]
    i, j = (np.concatenate(column) for column in zip(*batches, strict=True))
    candidates = np.zeros((700, 300), dtype=int)
    np.add.at(candidates, (i, j), 1)
    exact = brute_force(ra1, dec1, ra2, dec2)
    assert candidates.max() == 1
    assert np.all(candidates[exact <= radius] == 1)


# fmt: off
SPECIAL = [
    0.0, -0.0, 1e-300, -1e-17, 45.0, 89.99999999999999, 90.0, -90.0,
    180.0, 359.99999999999994, 360.0,
]
# fmt: on
longitude = st.one_of(st.sampled_from(SPECIAL), st.floats(-720, 1080))
latitude = st.one_of(
    st.sampled_from([value for value in SPECIAL if abs(value) <= 90]), st.floats(-90, 90)
)
some_radius = st.one_of(
    st.sampled_from([0.0, 0.001 / 3600, 90.0, 180.0]),
    st.floats(-7, np.log10(180)).map(lambda power: min(10**power, 180.0)),
)


@st.composite
def sides(draw):
    """Draw two sides, the second partly with positions near or at those of the first."""
    count = draw(st.integers(0, 12)), draw(st.integers(0, 12))
    radius = draw(some_radius)
    ra1, ra2 = (draw(hnp.arrays(float, size, elements=longitude)) for size in count)
    dec1, dec2 = (draw(hnp.arrays(float, size, elements=latitude)) for size in count)
    copied = draw(st.integers(0, min(count)))
    shift = draw(hnp.arrays(float, copied, elements=st.floats(-1.5, 1.5)))
    ra2[:copied] = ra1[:copied] + draw(st.sampled_from([0, 360, -360]))
    dec2[:copied] = np.clip(dec1[:copied] + shift * radius, -90, 90)
    return ra1, dec1, ra2, dec2, radius


@settings(max_examples=120, deadline=None)
@given(sides())
@example((np.array([0.0]), np.array([90.0]), np.array([180.0]), np.array([-90.0]), 180.0))
def test_any_positions(case):
    *positions, radius = case
    check(*positions, radius)
    i, j, separation = find_pairs(*positions, radius)
    back_j, back_i, back = find_pairs(*positions[2:], *positions[:2], radius)
    assert set(zip(i, j, separation, strict=True)) == set(zip(back_i, back_j, back, strict=True))


@settings(max_examples=40, deadline=None)
@given(sides(), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(case, random):
    ra1, dec1, ra2, dec2, radius = case
    order = list(range(len(ra1)))
    random.shuffle(order)
    i, j, separation = find_pairs(ra1, dec1, ra2, dec2, radius)
    shuffled, also_j, also = find_pairs(ra1[order], dec1[order], ra2, dec2, radius)
    assert sorted(zip(i, j, separation, strict=True)) == sorted(
        zip(np.array(order, dtype=int)[shuffled], also_j, also, strict=True)
    )


def test_separation_and_position_angle():
    rng = np.random.default_rng(8)
    first, second = (
        SkyCoord(rng.uniform(0, 360, 500), rng.uniform(-90, 90, 500), unit="deg") for _ in range(2)
    )
    arrays = [getattr(side, name).deg for side in (first, second) for name in ("ra", "dec")]
    np.testing.assert_allclose(
        angular_separation(*arrays), first.separation(second).deg, rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(
        position_angle(*arrays), first.position_angle(second).deg, rtol=0, atol=1e-9
    )
    tiny = np.array([1e-9, 1e-6, 1e-3])
    np.testing.assert_allclose(angular_separation(10, 60, 10, 60 + tiny), tiny, rtol=1e-4)
    np.testing.assert_allclose(
        angular_separation(10, 0, 190, -tiny), 180 - tiny, rtol=0, atol=1e-13
    )
    expected = astropy_position_angle(*np.radians([10.0, 60.0, 10.0001, 60.0001])).deg
    assert position_angle(10.0, 60.0, 10.0001, 60.0001) == pytest.approx(expected, abs=1e-6)


def test_position_angles_of_special_places():
    assert position_angle(10, 20, 10, 20) == 0
    assert position_angle(10, 20, 10, 30) == 0
    assert position_angle(10, 20, 370, -30) == 180
    assert position_angle(350, 0, 10, 0) == 90
    assert position_angle(10, 0, 350, 0) == 270
    angles = position_angle(0.0, 0.0, -(10.0 ** -np.arange(10, 30)), 1.0)
    assert np.all((angles >= 0) & (angles < 360))  # a remainder can round up to 360


def test_separations_are_the_same_both_ways():
    rng = np.random.default_rng(12)
    ra1, ra2 = rng.uniform(0, 360, (2, 1000))
    dec1, dec2 = rng.uniform(-90, 90, (2, 1000))
    there = angular_separation(ra1, dec1, ra2, dec2)
    assert np.array_equal(there, angular_separation(ra2, dec2, ra1, dec1))
    assert np.array_equal(angular_separation(ra1, dec1, ra1, dec1), np.zeros(1000))


def test_vectors_and_chords():
    rng = np.random.default_rng(13)
    sky = SkyCoord(rng.uniform(0, 360, 50), rng.uniform(-90, 90, 50), unit="deg")
    vectors = unit_vectors(sky.ra.deg, sky.dec.deg)
    np.testing.assert_allclose(vectors, sky.cartesian.xyz.value.T, atol=1e-15)
    apart = sky[:, np.newaxis].separation(sky).deg
    distances = np.linalg.norm(vectors[:, np.newaxis] - vectors, axis=-1)
    np.testing.assert_allclose(chord(apart), distances, atol=1e-14)
    np.testing.assert_allclose(angle_of(distances), apart, atol=1e-5)
    np.testing.assert_allclose(chord([0, 60, 180, 200]), [0, 1, 2, 2], atol=1e-15)
    np.testing.assert_allclose(angle_of(np.array([0, 1, 2, 2.1])), [0, 60, 180, 180], atol=1e-12)


@pytest.mark.parametrize("band", [(-90, -85), (-2, 2), (58, 62), (85, 90)])
@pytest.mark.parametrize("zones", [360, 361])
@pytest.mark.parametrize("radius", [0.05, 0.25, 1.0])
def test_few_candidates_are_in_vain(band, zones, radius):
    """On a uniform sky, cells of height h make about (2 r + h)^2 of candidates around a row."""
    rng = np.random.default_rng(zones)
    sines, height = np.sin(np.radians(band)), 180 / zones
    large, small = (
        Side(rng.uniform(0, 360, rows), np.degrees(np.arcsin(rng.uniform(*sines, rows))))
        for rows in (20_000, 500)
    )
    grid = MarkedGrid(small, large, radius, height=height)
    candidates = sum(len(rows) for rows, _, _ in grid.candidates(large.ra, large.dec))
    area = 360 * np.degrees(sines[1] - sines[0])
    expected = 20_000 * 500 * (2 * radius + height) ** 2 / area
    assert 0.78 < candidates / expected < 1.04
    assert grid.num_cells.sum() == pytest.approx(360**2 / np.pi / height**2, rel=0.01)


def test_candidates_come_in_batches_of_limited_size():
    place = Side(np.full(5000, 10.0), np.full(5000, 20.0))
    grid = MarkedGrid(place.take(np.arange(5000) < 1000), place, 0.1)
    sizes = [len(rows) for rows, _, _ in grid.candidates(place.ra, place.dec)]
    assert sum(sizes) == 5_000_000
    assert max(sizes) <= 262_144


def test_rows_are_those_of_the_caller():
    """Rows that are left out shift no others, whichever side is the smaller one."""
    rng = np.random.default_rng(14)
    for rows in ((60, 20), (20, 60)):
        ra1, dec1, ra2, dec2 = scattered(rng, *rows, 5.0)
        radius = rng.uniform(0, 60, rows[1])
        good1, good2 = rng.uniform(size=rows[0]) < 0.7, rng.uniform(size=rows[1]) < 0.7
        i, j, _ = find_pairs(ra1[good1], dec1[good1], ra2[good2], dec2[good2], radius[good2])
        expected = set(zip(np.flatnonzero(good1)[i], np.flatnonzero(good2)[j], strict=True))
        dec1 = np.where(good1, dec1, np.nan)
        ra2[~good2] = np.where(np.arange(np.sum(~good2)) % 2, np.inf, ra2[~good2])
        for missing in (np.nan, np.inf):
            radii = np.where(good2, radius, missing)
            i, j, _ = find_pairs(ra1, dec1, ra2, dec2, radii)
            assert set(zip(i, j, strict=True)) == expected
        assert len(expected) > 50


def test_many_pairs_at_one_place():
    """All separations are zero: the order is by row of the second, then of the first side."""
    i, j, separation = find_pairs(
        np.full(600, 10.0), np.full(600, 20.0), [10.0] * 500, [20.0] * 500, 0
    )
    assert np.array_equal(i, np.tile(np.arange(600), 500))
    assert np.array_equal(j, np.repeat(np.arange(500), 600))
    assert not separation.any()


def test_one_position():
    i, j, separation = find_pairs(10.0, 90.0, 200.0, 89.0, 1.001)
    assert (i.tolist(), j.tolist()) == ([0], [0])
    assert separation[0] == pytest.approx(1, abs=1e-12)
    assert len(find_pairs(10.0, -90.0, 200.0, 89.0, 1.0)[0]) == 0


def test_columns_of_pandas():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"ra": [10.0, 20.0], "dec": [0.0, 0.0]})
    i, j, _ = find_pairs(frame["ra"], frame["dec"], frame["ra"], frame["dec"], 1.0)
    assert (i.tolist(), j.tolist()) == ([0, 1], [0, 1])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("coordinate", range(4))
def test_infinite_positions_are_in_no_pair(coordinate, value):
    sides = [np.array([10.0, 20.0, 30.0]), np.zeros(3), np.array([10.0, 20.0, 30.0]), np.zeros(3)]
    sides[coordinate][1] = value
    i, j, _ = find_pairs(*sides, 1.0)
    assert (i.tolist(), j.tolist()) == ([0, 2], [0, 2])


def test_rows_without_position_or_radius_are_in_no_pair():
    ra = np.array([1.0, np.nan, 1.0, 1.0, np.inf, 1.0])
    dec = np.ma.array([2.0, 2.0, np.nan, 2.0, 2.0, 99.0], mask=[0, 0, 0, 0, 0, 1])
    radius = np.ma.array([0.5, 0.5, 0.5, np.nan, 0.5, 0.5])
    i, j, separation = find_pairs(ra, dec, ra, dec, radius)
    assert sorted(zip(i, j, strict=True)) == [(0, 0), (3, 0)]
    assert not separation.any()
    assert len(find_pairs([np.nan], [0.0], ra, dec, 1.0)[0]) == 0


@pytest.mark.parametrize("dtype", ["f4", ">f8", ">f4", "i4"])
def test_other_kinds_of_numbers(dtype):
    rng = np.random.default_rng(3)
    ra, dec = rng.integers(0, 360, 3000).astype(dtype), rng.integers(-90, 91, 3000).astype(dtype)
    sides = ra, dec, ra[:50], dec[:50]
    doubles = [array.astype(float) for array in sides]
    for one, other in zip(find_pairs(*doubles, 1.5), find_pairs(*sides, 1.5), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2], [1], [1], [1], 1), "first side have shapes"),
        (([1], [1], [[1]], [[1]], 1), "second side have shapes"),
        (
            ([1], [91], [1], [1], 1),
            "1 latitudes of the first side lie beyond the poles, the first is 91",
        ),
        (([1], [1], [1], [-90.1], 1), "second side lie beyond the poles, the first is -90.1 deg"),
        (([1, np.nan], [90.5, 91], [1], [1], 1), "1 latitudes of the first side"),
        (([1], [1], [1, 1], [1, 1], [1, -1]), "1 radii are negative"),
        (([1], [1], [1], [1], -1), "1 radii are negative"),
        (([1], [1], [1], [1], np.nan), "neither a number"),
        (([1], [1], [1], [1], np.inf), "neither a number"),
        (([1], [1], [1], [1], [[1]]), "one number for each of 1 rows"),
        (([1], [1], [1, 2], [1, 2], [1, 2, 3]), "one number for each of 2 rows"),
        (([1], [1], [1, np.nan], [1, 2], [1]), "one number for each of 2 rows"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        find_pairs(*arguments)


def clustered(rng, rows):
    """Return positions, three quarters of them in 300 small fields, the others anywhere."""
    ra, dec = rng.uniform(0, 360, rows), np.degrees(np.arcsin(rng.uniform(-1, 1, rows)))
    field = rng.integers(0, 300, rows * 3 // 4)
    ra[: len(field)], dec[: len(field)] = ra[-1 - field], np.clip(dec[-1 - field], -89, 89)
    ra[: len(field)] += rng.normal(0, 0.1, len(field)) / np.cos(np.radians(dec[: len(field)]))
    dec[: len(field)] += rng.normal(0, 0.1, len(field))
    return ra, dec


@pytest.mark.parametrize(
    ("rows", "radius"),
    [
        ((200_000, 7000), 0.1),
        ((3000, 100_000), 2 / 3600),
        ((20_000, 20_000), 5 / 3600),
        ((1, 500_000), 3.0),
    ],
)
def test_pairs_are_those_of_a_tree_of_scipy(rows, radius):
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(rows[0])
    sky = [clustered(rng, max(count, 1000)) for count in rows]
    sky = [(ra[:count], dec[:count]) for (ra, dec), count in zip(sky, rows, strict=True)]
    sky[1][0][:50], sky[1][1][:50] = sky[0][0][:50], sky[0][1][:50]
    trees = [cKDTree(SkyCoord(ra, dec, unit="deg").cartesian.xyz.value.T) for ra, dec in sky]
    near = trees[0].sparse_distance_matrix(
        trees[1], 2 * np.sin(np.radians(radius * (1 + 1e-9)) / 2), output_type="coo_matrix"
    )
    expected = set(zip(near.row.tolist(), near.col.tolist(), strict=True))
    i, j, separation = find_pairs(*sky[0], *sky[1], radius)
    found = set(zip(i.tolist(), j.tolist(), strict=True))
    assert len(found) == len(i) >= 1
    edge = {
        pair
        for pair in expected ^ found
        if abs(
            angular_separation(
                *(side[index][row] for side, row in zip(sky, pair, strict=True) for index in (0, 1))
            )
            - radius
        )
        < EDGE
    }
    same_place = set(
        zip(i[separation < 1e-12].tolist(), j[separation < 1e-12].tolist(), strict=True)
    )
    assert (expected ^ found) - edge - same_place == set()  # the tree drops pairs of distance zero


def test_memory_stays_small():
    rng = np.random.default_rng(5)
    large, small = clustered(rng, 1_000_000), clustered(rng, 2000)
    tracemalloc.start()
    i, _, _ = find_pairs(*large, *small, 0.1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(i) > 100
    assert peak < 8e6  # half of one of the two columns of the larger side


@pytest.mark.skipif(shutil.which("stilts") is None, reason="STILTS is not installed")
def test_pairs_are_those_of_stilts(tmp_path):
    rng, radius = np.random.default_rng(17), 0.1
    sky = scattered(rng, 4000, 900, radius)
    for name, index in (("one", 0), ("two", 2)):
        # STILTS 3.4 finds no pairs across RA 0, nor all of those beyond a turn
        ra, dec = sky[index] % 360, sky[index + 1]
        keep = np.abs(ra - 180) < 175
        sky[index : index + 2] = ra[keep], dec[keep]
        table = Table({"row": np.arange(keep.sum()), "ra": ra[keep], "dec": dec[keep]})
        table.write(tmp_path / f"{name}.fits")
    subprocess.run(
        [
            "stilts",
            "tskymatch2",
            "find=all",
            f"in1={tmp_path / 'one.fits'}",
            f"in2={tmp_path / 'two.fits'}",
            "ra1=ra",
            "dec1=dec",
            "ra2=ra",
            "dec2=dec",
            f"error={radius * 3600!r}",
            f"out={tmp_path / 'both.fits'}",
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    both = Table.read(tmp_path / "both.fits")
    i, j, separation = find_pairs(*sky, radius)
    clear = np.abs(separation - radius) > EDGE
    expected = set(zip(both["row_1"].tolist(), both["row_2"].tolist(), strict=True))
    assert len(i) > 500
    assert set(zip(i[clear].tolist(), j[clear].tolist(), strict=True)) <= expected
    assert len(expected) - len(i) <= np.sum(~clear)
