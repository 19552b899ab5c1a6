# Licensed under a 3-clause BSD style license - see LICENSE
"""Error ellipses: their geometry on the sphere, their containment, and real counterparts."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from astroquery_cfx import ErrorEllipse
from astroquery_cfx.crossmatch.ellipse import (
    SIGMA_95,
    axis_scale,
    combine_ellipses,
    ellipse_offset,
    find_pairs_in_ellipses,
    offset_cdf,
    offset_pdf,
)
from astroquery_cfx.crossmatch.sphere import angular_separation, find_pairs, position_angle
from astroquery_cfx.errors import InvalidInputError


def test_containments_are_those_of_a_gaussian():
    from scipy.stats import rayleigh

    shares = np.array([0.3934693402873666, 0.68, 0.95, 0.99])
    np.testing.assert_allclose(axis_scale(shares), rayleigh.ppf(shares), rtol=1e-12)
    known = [1.5095921854516636, 2.447746830680816, 3.034854258770293]
    np.testing.assert_allclose(axis_scale(shares[1:]), known)
    offsets = np.linspace(0, 3, 50)
    np.testing.assert_allclose(
        offset_cdf(offsets), rayleigh.cdf(offsets, scale=SIGMA_95), atol=1e-14
    )
    np.testing.assert_allclose(
        offset_pdf(offsets), rayleigh.pdf(offsets, scale=SIGMA_95), atol=1e-14
    )
    np.testing.assert_allclose(
        offset_cdf(offsets, containment=0.68),
        rayleigh.cdf(offsets, scale=1 / axis_scale(0.68)),
        atol=1e-14,
    )


@pytest.mark.parametrize("containment", [0, 1, -0.1, 95, np.nan, [0.5, 1.0]])
def test_containment_out_of_range(containment):
    with pytest.raises(InvalidInputError, match="is not between 0 and 1"):
        axis_scale(containment)


@pytest.mark.parametrize("declination", [0, -45, 80, 89.5, -90])
def test_offset_along_each_direction(declination):
    """Points that astropy places along great circles, by a fraction of the ellipse's radius."""
    rng = np.random.default_rng(6)
    size = 400
    major = rng.uniform(0.007, 0.87, size)
    minor, angle = major * rng.uniform(0.25, 1, size), rng.uniform(-180, 360, size)
    direction, offset = rng.uniform(0, 360, size), rng.uniform(0, 2, size)
    turn = np.radians(direction - angle)
    radius = major * minor / np.hypot(minor * np.cos(turn), major * np.sin(turn))
    centre = SkyCoord(rng.uniform(0, 360, size), np.full(size, declination), unit="deg")
    point = centre.directional_offset_by(direction * u.deg, offset * radius * u.deg)
    places = centre.ra.deg, centre.dec.deg, point.ra.deg, point.dec.deg
    found = ellipse_offset(
        angular_separation(*places), position_angle(*places), major, minor, angle
    )
    np.testing.assert_allclose(found, offset, atol=1e-6, rtol=1e-6)


def test_unknown_ellipse_and_ellipse_without_size():
    offsets = ellipse_offset(
        [0.1, 0.1, 0.0, 0.1],
        0.0,
        np.ma.array([1, 0.0, 0.0, np.nan], mask=[1, 0, 0, 0]),
        [1, 0.0, 0.0, 1],
        0.0,
    )
    np.testing.assert_array_equal(offsets, [np.nan, np.inf, 0, np.nan])


positive = st.floats(0.01, 10)
degrees = st.floats(-360, 360)


@settings(max_examples=100, deadline=None)
@given(positive, st.floats(0.1, 1), degrees, positive, st.floats(0.1, 1), degrees)
def test_combined_covariances(major1, ratio1, angle1, major2, ratio2, angle2):
    def covariance(major, minor, angle):
        axes = np.array(
            [
                [np.cos(np.radians(angle)), -np.sin(np.radians(angle))],
                [np.sin(np.radians(angle)), np.cos(np.radians(angle))],
            ]
        )
        return axes @ np.diag([major**2, minor**2]) @ axes.T

    one, two = (major1, major1 * ratio1, angle1), (major2, major2 * ratio2, angle2)
    major, minor, angle = combine_ellipses(*one, *two)
    assert major >= minor
    assert 0 <= angle < 180 or angle == pytest.approx(180)
    expected = covariance(*one) + covariance(*two)
    np.testing.assert_allclose(
        covariance(major, minor, angle), expected, atol=1e-9 * expected.max()
    )


def test_unknown_position_angle_at_the_centre():
    assert np.isnan(ellipse_offset(0.0, 0.0, 1.0, 1.0, np.nan))
    assert np.isnan(ellipse_offset(0.0, 0.0, np.nan, 1.0, 0.0))
    assert np.isnan(ellipse_offset(0.0, 0.0, 1.0, np.nan, 0.0))


def test_pairs_in_ellipses_are_those_of_brute_force():
    rng = np.random.default_rng(11)
    ra1, dec1 = rng.uniform(355, 365, 3000), rng.uniform(78, 84, 3000)
    ra2, dec2 = rng.uniform(355, 365, 80), rng.uniform(78, 84, 80)
    major = rng.uniform(0.1, 0.8, 80)
    minor, angle = major * rng.uniform(0.3, 1, 80), rng.uniform(0, 180, 80)
    major[::7] = np.nan
    i, j, separation, _, offset = find_pairs_in_ellipses(
        ra1, dec1, ra2, dec2, (major, minor, angle)
    )
    first, second = SkyCoord(ra1, dec1, unit="deg"), SkyCoord(ra2, dec2, unit="deg")
    apart = second[:, np.newaxis].separation(first).deg
    turn = second[:, np.newaxis].position_angle(first).rad - np.radians(angle)[:, np.newaxis]
    expected = apart * np.hypot(
        np.cos(turn) / major[:, np.newaxis], np.sin(turn) / minor[:, np.newaxis]
    )
    inside = expected <= 1
    assert np.min(np.abs(expected - 1), initial=1, where=np.isfinite(expected)) > 1e-9
    assert {*zip(j, i, strict=True)} == {*zip(*np.nonzero(inside), strict=True)}
    assert 100 < len(i) < len(find_pairs(ra1, dec1, ra2, dec2, major)[0])
    np.testing.assert_allclose(offset, expected[j, i], rtol=1e-9)
    np.testing.assert_allclose(separation, apart[j, i], rtol=1e-9)
    assert np.array_equal(np.lexsort((i, separation, j)), np.arange(len(i)))


def test_both_errors_together_contain_95_percent():
    """Positions scattered by both errors, near the pole, where the directions of north differ."""
    rng = np.random.default_rng(2)
    size = 4000
    truth = SkyCoord(rng.uniform(0, 360, size), rng.uniform(-89.9, -88, size), unit="deg")
    sides = []
    for scale in (0.3, 0.4):
        major, angle = rng.uniform(scale / 2, scale, size), rng.uniform(0, 180, size)
        minor = major * 0.2
        along, across = (
            rng.normal(0, major / axis_scale(0.95)),
            rng.normal(0, minor / axis_scale(0.95)),
        )
        direction = angle + np.degrees(np.arctan2(across, along))
        place = truth.directional_offset_by(direction * u.deg, np.hypot(along, across) * u.deg)
        # the axes are given at the place that was measured: north is another there
        angle = angle + place.position_angle(truth).deg - 180 - truth.position_angle(place).deg
        sides.append((place.ra.deg, place.dec.deg, (major, minor, angle)))
    left, right = sides
    i, j, *_ = find_pairs_in_ellipses(*left[:2], *right[:2], right[2], left_ellipses=left[2])
    assert np.sum(i == j) / size == pytest.approx(0.95, abs=0.012)


def test_a_swap_of_sides_gives_the_same_pairs_of_both_errors():
    rng = np.random.default_rng(21)
    sides = [
        (
            rng.uniform(0, 20, size),
            rng.uniform(84, 90, size),
            (rng.uniform(0.3, 0.5, size), rng.uniform(0.1, 0.3, size), rng.uniform(0, 180, size)),
        )
        for size in (300, 500)
    ]
    (ra1, dec1, one), (ra2, dec2, two) = sides
    i, j, *_ = find_pairs_in_ellipses(ra1, dec1, ra2, dec2, two, left_ellipses=one)
    back_j, back_i, *_ = find_pairs_in_ellipses(ra2, dec2, ra1, dec1, one, left_ellipses=two)
    assert len(i) > 100
    assert {*zip(i, j, strict=True)} == {*zip(back_i, back_j, strict=True)}


def test_pairs_of_both_errors_are_those_of_brute_force():
    """Close to the equator, where the sky is nearly flat: covariances in a tangent plane."""
    rng = np.random.default_rng(31)
    (ra1, dec1), (ra2, dec2) = rng.uniform(-1, 1, (2, 400)), rng.uniform(-1, 1, (2, 60))
    sides = []
    for size in (400, 60):
        major = rng.uniform(0.05, 0.2, size)
        sides.append((major, major * rng.uniform(0.2, 1, size), rng.uniform(0, 180, size)))
    sides[0][0][::9], sides[1][1][::9] = np.nan, np.nan
    i, j, _, _, offset = find_pairs_in_ellipses(
        ra1, dec1, ra2, dec2, sides[1], left_ellipses=sides[0]
    )

    def covariances(major, minor, angle):
        sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
        axes = np.stack([sine, cosine], -1), np.stack([-cosine, sine], -1)  # east, north
        return sum(
            (size**2)[:, None, None] * axis[:, :, None] * axis[:, None, :]
            for size, axis in zip((major, minor), axes, strict=True)
        )

    both = covariances(*sides[0])[:, None] + covariances(*sides[1])
    apart = np.stack([ra1[:, None] - ra2, dec1[:, None] - dec2], -1)
    expected = np.full((400, 60), np.nan)
    known = np.isfinite(both).all(axis=(2, 3))
    expected[known] = np.sqrt(
        np.einsum("ni,nij,nj->n", apart[known], np.linalg.inv(both[known]), apart[known])
    )
    clear = np.abs(expected - 1) > 1e-3  # NaN is not clear, but never found
    found = np.zeros((400, 60), dtype=bool)
    found[i, j] = True
    assert np.array_equal(found[clear], (expected <= 1)[clear])
    assert not found[~known].any()
    assert found.sum() > 200
    np.testing.assert_allclose(offset, expected[i, j], atol=1e-3)


def test_rounding_at_the_edge_loses_no_pair():
    """Whatever has an offset of at most 1 is found, even if the radius is shorter by a rounding."""
    rng = np.random.default_rng(33)
    ra = np.arange(2000) % 50 * 7.0
    dec = np.arange(2000) // 50 * 3.0 - 60
    places = (ra + rng.uniform(-0.5, 0.5, 2000), dec + rng.uniform(-0.5, 0.5, 2000), ra, dec)
    separation, angle = angular_separation(*places), position_angle(*places[2:], *places[:2])
    major = np.nextafter(separation, 0)
    ellipses = major, major, rng.uniform(0, 180, 2000)
    inside = ellipse_offset(separation, angle, *ellipses) <= 1
    i, j, *_ = find_pairs_in_ellipses(*places, ellipses)
    assert np.array_equal(i, j)
    assert np.array_equal(i, np.flatnonzero(inside))
    assert 50 < len(i) < 1950


def test_ellipses_of_one_row_and_of_no_size():
    on_edge = find_pairs_in_ellipses(10.0, 0.5, 10.0, 0.0, (0.5, 0.25, 0.0))
    assert [column.tolist() for column in on_edge] == [[0], [0], [0.5], [0.0], [1.0]]
    point = (0.0, 0.0, 0.0)
    i, j, *_, offset = find_pairs_in_ellipses([10.0, 10.1], [0.0, 0.0], 10.0, 0.0, point)
    assert (i.tolist(), j.tolist(), offset.tolist()) == ([0], [0], [0.0])


def test_error_ellipse_of_angles():
    ellipse = ErrorEllipse(12 * u.arcmin, 6 * u.arcmin, 30 * u.deg)
    assert ellipse.offset(0.1 * u.deg, 120 * u.deg) == pytest.approx(1)
    factor = 1.5095921854516636 / 2.447746830680816
    assert ellipse.scaled(0.68).major.to_value(u.deg) == pytest.approx(0.2 * factor)
    assert ellipse.scaled(0.68).scaled(0.95).minor.to_value(u.deg) == pytest.approx(0.1)
    assert ellipse.region is ellipse
    wider = ErrorEllipse(12 * u.arcmin, 6 * u.arcmin, 30 * u.deg, scale_to=0.99)
    assert wider.region.containment == 0.99
    assert wider.region.major > wider.major
    circle = ErrorEllipse(0.1 * u.deg)
    assert circle.offset(0.05 * u.deg, 77 * u.deg) == pytest.approx(0.5)
    assert str(circle) == "error ellipse 0.1 deg, containment 0.95"
    assert circle.degrees() == (0.1, 0.1, 0.0)
    assert ErrorEllipse(0 * u.deg, 0 * u.deg, 0 * u.deg).degrees() == (0.0, 0.0, 0.0)
    rounded = ErrorEllipse(0.1 * u.deg, np.float32(0.1) * u.deg, np.nan * u.deg)
    assert rounded.minor > rounded.major  # in double precision
    assert (
        str(wider)
        == "error ellipse 12.0 arcmin, 6.0 arcmin, 30.0 deg, containment 0.95, scaled to 0.99"
    )


@pytest.mark.parametrize("kind", [Table, QTable])
def test_error_ellipse_of_columns(kind):
    table = kind(
        {
            "a": np.ma.array([0.2, 0.3, 9.0], mask=[0, 0, 1]),
            "b": [0.1, 0.3, 9.0],
            "t": [30, np.nan, 0.0],
        },
        units={"a": "deg", "b": "deg", "t": "deg"},
    )
    major, minor, angle = ErrorEllipse("a", "b", "t").of(table).degrees()
    np.testing.assert_array_equal(major, [0.2, 0.3, np.nan])
    np.testing.assert_array_equal(minor, [0.1, 0.3, 9.0])
    np.testing.assert_array_equal(angle, [30, 0, 0])
    circles = ErrorEllipse("a", containment=0.68, scale_to=0.99).of(table)
    np.testing.assert_array_equal(circles.degrees()[1], [0.2, 0.3, np.nan])
    factor = 3.034854258770293 / 1.5095921854516636
    np.testing.assert_allclose(circles.region.degrees()[0], [0.2 * factor, 0.3 * factor, np.nan])
    of_each = ErrorEllipse([60, 6, 0.6] * u.arcmin, 0.6 * u.arcmin, 0.5 * u.rad).of(table)
    np.testing.assert_allclose(of_each.degrees()[0], [1, 0.1, 0.01])
    np.testing.assert_allclose(of_each.degrees()[1], [0.01, 0.01, 0.01])
    np.testing.assert_allclose(of_each.degrees()[2], np.degrees(0.5) * np.ones(3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ErrorEllipse(0.1), "major=0.1 of an error ellipse is neither an angle nor"),
        (
            lambda: ErrorEllipse(0.1 * u.deg, 0.2 * u.deg, 0 * u.deg),
            "semi-minor axis longer than the semi-major",
        ),
        (lambda: ErrorEllipse(-0.1 * u.deg), "1 ellipses have a negative axis.* rows 0"),
        (lambda: ErrorEllipse(0.1 * u.deg, -0.1 * u.deg, 0 * u.deg), "a negative axis"),
        (
            lambda: ErrorEllipse(0.1 * u.deg, np.nan * u.deg, 0 * u.deg),
            "a semi-major axis but no semi-minor axis",
        ),
        (
            lambda: ErrorEllipse(0.1 * u.deg, 0.05 * u.deg, np.nan * u.deg),
            "an ellipse without position angle",
        ),
        (lambda: ErrorEllipse(-np.ones(9) * u.deg), "9 ellipses .* rows 0, 1, 2, 3, 4."),
        (lambda: ErrorEllipse("a", "b", 3), "angle=3 of an error ellipse is neither"),
        (lambda: ErrorEllipse(None), "major=None of an error ellipse is neither"),
        (lambda: ErrorEllipse("a", scale_to=0.0), "is not between 0 and 1"),
        (
            lambda: ErrorEllipse(0.1 * u.deg, 0.1 * u.m, 0 * u.deg),
            "minor=<Quantity 0.1 m> of an error ellipse",
        ),
        (lambda: ErrorEllipse("a", "b"), "The error ellipse has no position angle"),
        (lambda: ErrorEllipse("a", containment=95), "is not between 0 and 1"),
        (lambda: ErrorEllipse("a", scale_to=1.0), "is not between 0 and 1"),
        (lambda: ErrorEllipse("x").of(TABLE), "The right table has no column 'x'"),
        (
            lambda: ErrorEllipse("bare").of(TABLE, side="left"),
            "column 'bare' of the left table has no unit",
        ),
        (lambda: ErrorEllipse("text").of(TABLE), "does not hold one number per row"),
        (
            lambda: ErrorEllipse("a", "c", "t").of(TABLE),
            "2 rows of the right table have a semi-minor .* 1, 2",
        ),
        (
            lambda: ErrorEllipse("c", "a", "u").of(TABLE),
            "ellipse without position angle, the first are rows 2",
        ),
        (
            lambda: ErrorEllipse([1, 2] * u.deg).of(TABLE),
            r"error ellipses of shape \(2,\) for 3 right rows",
        ),
    ],
)
def test_bad_ellipses(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()


TABLE = Table(
    {
        "a": [0.2, 0.1, 0.1],
        "c": [0.2, 0.3, 0.3],
        "t": [0, 0, 0.0],
        "u": [0, 0, np.nan],
        "bare": [1.0, 2, 3],
        "text": ["a", "b", "c"],
    },
    units={"a": "deg", "c": "deg", "t": "deg", "u": "deg"},
)


def test_counterparts_of_the_catalogue(shared_data):
    """Offsets of AGN in units of their ellipses follow a Rayleigh distribution, others do not."""
    from scipy.stats import kstest

    table = Table.read(shared_data / "fermi" / "gll_psc_v35.fit.gz", hdu=1)
    places, ellipses = (
        [np.ma.filled(table[name].astype(float), np.nan) for name in names]
        for names in (
            ("RAJ2000", "DEJ2000", "RA_Counterpart", "DEC_Counterpart"),
            ("Conf_95_SemiMajor", "Conf_95_SemiMinor", "Conf_95_PosAng"),
        )
    )
    offset = ellipse_offset(angular_separation(*places), position_angle(*places), *ellipses)
    kind = np.char.lower(np.char.strip(np.ma.filled(table["CLASS1"].astype(str), "")))
    known = np.isfinite(offset)
    agn = np.isin(kind, ["agn", "bcu", "bll", "css", "fsrq", "nlsy1", "rdg", "sey", "ssrq"]) & known
    pulsar = np.isin(kind, ["psr", "msp"]) & known
    other = known & ~agn & ~pulsar  # most of them unk, spp and snr
    assert np.isfinite(ellipses[0]).sum() == 7105
    assert known.sum() == 4698
    assert agn.sum() == 4012
    assert np.mean(offset[agn] <= 1) == pytest.approx(0.949, abs=0.0005)
    assert np.median(offset[agn]) == pytest.approx(0.488, abs=0.0005)
    assert kstest(offset[agn], offset_cdf).statistic == pytest.approx(0.018, abs=0.0005)
    assert np.mean(offset[pulsar] <= 1) == pytest.approx(0.896, abs=0.0005)
    assert np.mean(offset[other] <= 1) == pytest.approx(0.658, abs=0.0005)
    assert kstest(offset[other], offset_cdf).statistic == pytest.approx(0.31, abs=0.005)
