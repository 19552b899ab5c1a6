# Licensed under a 3-clause BSD style license - see LICENSE
"""What is read from tables and options, and the candidates: against loops over all pairs."""

import inspect

import numpy as np
import pytest
from association_skies import SIGMA_95, draw_sky
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from astroquery_cfx import ErrorEllipse, associate_tables, calibrate_association
from astroquery_cfx.association.candidates import find_candidates
from astroquery_cfx.association.options import AssociationOptions
from astroquery_cfx.errors import InvalidInputError


@pytest.fixture(scope="module")
def sky():
    """Fields and sources; some errors are missing, and every tenth right source is extended."""
    left, right, fields = draw_sky(9, num_fields=60)
    left, right = left.copy(), right.copy()
    right["Extended_Source_Name"] = np.array([f"T{k}" if k % 10 == 0 else "" for k in range(60)])
    for name in ("Conf_95_SemiMajor", "Conf_95_SemiMinor", "Conf_95_PosAng"):
        right[name][::10] = np.nan * u.deg
    left["error_ellipse_r0"][::7] = np.nan * u.arcsec
    return left, right, fields


def templates():
    return Table(
        {
            "Source_Name": ["T20", "T0 ", "T10", "T40"],
            "Model_SemiMajor": [0.1, 0.2, 0.05, 0.15] * u.deg,
            "Model_SemiMinor": [0.05, 0.0, np.nan, 0.15] * u.deg,
            "Model_PosAng": [30.0, np.nan, np.nan, 10.0] * u.deg,
        }
    )


def read(sky, **options):
    left, right, fields = sky
    return AssociationOptions(fields=fields, extended=templates(), **options).read(left, right)


def test_the_three_signatures_agree():
    options = inspect.signature(AssociationOptions).parameters
    for function in (associate_tables, calibrate_association):
        parameters = inspect.signature(function).parameters
        for name, parameter in options.items():
            assert parameters[name].default == parameter.default, (function, name)


def test_rows_without_an_error_have_a_typical_one(sky):
    """The median of the others, not zero: their counterparts would be lost."""
    inputs = read(sky)
    radius = sky[0]["error_ellipse_r0"].to_value(u.deg)
    expected = np.where(np.isnan(radius), np.nanmedian(radius), radius) * SIGMA_95
    np.testing.assert_allclose(inputs.left.sigma, expected, rtol=1e-12)
    assert inputs.left.sigma[0] > 0
    left = sky[0].copy()
    left["error_ellipse_r0"] = np.full(len(left), np.nan) * u.arcsec
    assert not np.any(read((left, *sky[1:])).left.sigma)
    left.remove_column("error_ellipse_r0")
    inputs = read((left, *sky[1:]))
    assert not np.any(inputs.left.sigma)
    assert inputs.meta["left_error"] is None


def test_an_error_that_is_missing_widens_the_region():
    """A source outside of the 99.9% ellipse, but not by more than its unknown error may be."""
    left = Table({"ra": [10.0, 10.0, 10.0], "dec": [0.0, 0.0, 0.019]}, units=["deg", "deg"])
    left["error_ellipse_r0"] = [20.0, 40.0, np.nan] * u.arcsec  # median 30 arcsec
    right = Table({"ra": [10.0], "dec": [0.0]}, units=["deg", "deg"])
    circle = ErrorEllipse(0.01 * u.deg)
    table = associate_tables(left, right, ellipse=circle)
    assert table["left_dec"].value.tolist() == [0, 0, 0.019]
    expected = 0.019 / np.hypot(0.01, 30 / 3600)
    assert table["offset_95"][2] == pytest.approx(expected)
    left["error_ellipse_r0"][2] = 0
    assert len(associate_tables(left, right, ellipse=circle)) == 2


def test_regions_are_ellipses_or_templates(sky):
    inputs = read(sky)
    regions, right = inputs.regions, sky[1]
    assert regions.rows.tolist() == [k for k in range(60) if k % 10 or k in (0, 10, 20, 40)]
    assert np.flatnonzero(regions.extended).tolist() == [
        regions.rows.tolist().index(k) for k in (0, 10, 20, 40)
    ]
    located = ~regions.extended
    for name, axis, scale in (
        ("Conf_95_SemiMajor", regions.major, SIGMA_95),
        ("Conf_95_SemiMinor", regions.minor, SIGMA_95),
        ("Conf_95_PosAng", regions.angle, 1),
    ):
        expected = right[name].value[regions.rows[located]] * scale
        np.testing.assert_allclose(axis[located], expected, rtol=1e-12)
    shape = np.stack([regions.major, regions.minor, regions.angle])[:, regions.extended]
    # A template with one axis only is a disc.
    np.testing.assert_allclose(
        shape, [[0.2, 0.05, 0.1, 0.15], [0.2, 0.05, 0.05, 0.15], [0, 0, 30, 10]]
    )
    assert len(AssociationOptions().read(*sky[:2]).regions) == 54  # no templates


def test_an_ellipse_is_preferred_to_a_template(sky):
    left, right, fields = sky
    right = right.copy()
    right["Extended_Source_Name"][1] = "T10"
    assert not read((left, right, fields)).regions.extended[1]


def test_templates_of_the_catalogue(sky):
    """The columns of the region that get_catalog adds count for rows whose region is a template."""
    left, right, fields = sky
    right = right.copy()
    right["Region_Kind"] = np.array(["template" if k < 20 else "ellipse" for k in range(60)])
    for name, value in (("SemiMajor", 0.1), ("SemiMinor", 0.05), ("PosAng", 20.0)):
        right[f"Region_{name}"] = np.full(60, value) * u.deg
    inputs = AssociationOptions(fields=fields).read(left, right)
    assert inputs.regions.rows[inputs.regions.extended].tolist() == [0, 10]
    assert inputs.regions.angle[inputs.regions.extended].tolist() == [20, 20]


def test_positions_that_are_missing_or_turned(sky):
    left, right, fields = (table.copy() for table in sky)
    left["ra"][3], right["DEJ2000"][5] = np.nan * u.deg, np.nan * u.deg
    left["ra"][4] -= 360 * u.deg
    inputs = read((left, right, fields))
    assert inputs.left.rows.tolist() == [k for k in range(len(left)) if k != 3]
    assert 5 not in inputs.regions.rows
    assert inputs.left.ra.min() >= 0
    assert inputs.left.ra[3] == pytest.approx(sky[0]["ra"][4].value, abs=1e-10)


def test_fields(sky):
    left, right, fields = sky
    table = Table({"ra": fields.ra, "dec": fields.dec})
    table["ra"][7] = np.nan
    for given, number in ((fields, 60), (table, 59), (fields[0], 1), (None, None)):
        inputs = AssociationOptions(fields=given, field_radius=6 * u.arcmin).read(left, right)
        assert inputs.meta["fields"] == number
        assert inputs.meta["field_radius"] == pytest.approx(0.1)
        assert (inputs.fields is None) == (given is None)
        if given is not None:
            assert (inputs.fields.tree.n, inputs.fields.radius) == (number, pytest.approx(0.1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"neighbours": 1}, "neighbours=1"),
        ({"neighbours": 2.0}, "neighbours=2.0"),
        ({"folds": True}, "folds=True"),
        ({"field_radius": 0 * u.deg}, "field_radius"),
        ({"field_radius": -1 * u.deg}, "field_radius"),
        ({"field_radius": 1 * u.s}, "field_radius"),
        ({"region_containment": 0.0}, "containment"),
        ({"ellipse": 0.1 * u.deg}, "not an ErrorEllipse"),
        ({"fields": [1, 2]}, "neither positions nor a table"),
    ],
)
def test_options_are_checked_at_once(options, message):
    with pytest.raises(InvalidInputError, match=message):
        AssociationOptions(**options)


def test_least_options_are_allowed():
    AssociationOptions(neighbours=2, folds=2)
    AssociationOptions(neighbours=np.int64(2))


@pytest.mark.parametrize(
    "training", ["flux", ("a", "b", "c"), [1e-13], [1e-13, -1.0], [[1e-13, 1e-13]]]
)
def test_bad_training(sky, training):
    with pytest.raises(InvalidInputError, match="neither positions nor fluxes"):
        read(sky, flux="flux", training=training)


def test_what_is_known_of_counterparts(sky):
    left, right, fields = sky
    inputs = read(sky, flux="flux")
    rows = inputs.regions.rows
    np.testing.assert_array_equal(inputs.true_positions[0], right["RA_Counterpart"].value[rows])
    np.testing.assert_array_equal(inputs.true_positions[1], right["DEC_Counterpart"].value[rows])
    assert read(sky).true_positions is None  # without fluxes nothing is learned from them
    inputs = read(sky, flux="flux", training="learn")
    assert (inputs.true_positions, inputs.true_flux) == (None, None)
    inputs = read(sky, flux="flux", training=[1e-13, 1e-12] * u.erg)
    assert (inputs.true_positions, inputs.true_flux.tolist()) == (None, [1e-13, 1e-12])
    positions = SkyCoord(right["RAJ2000"], right["DEJ2000"])
    inputs = read(sky, flux="flux", training=positions)
    np.testing.assert_allclose(inputs.true_positions[0], positions.ra.deg[rows])
    right = right.copy()
    right.remove_column("RA_Counterpart")
    assert read((left, right, fields), flux="flux").true_positions is None


def test_negative_errors_and_missing_templates(sky):
    left, right, fields = (table.copy() for table in sky)
    left["error_ellipse_r0"][3] = -1 * u.arcsec
    with pytest.raises(InvalidInputError, match=r"left table.*negative"):
        read((left, right, fields))
    right.remove_column("Extended_Source_Name")
    with pytest.raises(InvalidInputError, match="no column 'Extended_Source_Name'"):
        read((sky[0], right, fields))
    right.remove_column("Conf_95_SemiMajor")
    with pytest.raises(InvalidInputError, match="error ellipses"):
        AssociationOptions().read(sky[0], right)


@pytest.fixture(scope="module")
def found(sky):
    inputs = read(sky, flux="flux", region_containment=0.99)
    return inputs, find_candidates(inputs)


def test_candidates_are_all_sources_in_the_regions(found):
    """Offsets in units of the covariances of both sides, from a plane about the region."""
    inputs, candidates = found
    left, regions = inputs.left, inputs.regions
    sources = SkyCoord(left.ra, left.dec, unit="deg")
    pairs = []
    for j in range(len(regions)):
        center = SkyCoord(regions.ra[j], regions.dec[j], unit="deg")
        separation, angle = center.separation(sources).deg, center.position_angle(sources).rad
        east, north = separation * np.sin(angle), separation * np.cos(angle)
        turn = np.radians(regions.angle[j])
        along, across = (
            east * np.sin(turn) + north * np.cos(turn),
            east * np.cos(turn) - north * np.sin(turn),
        )
        sigma = 0 if regions.extended[j] else left.sigma
        major, minor = np.hypot(regions.major[j], sigma), np.hypot(regions.minor[j], sigma)
        offset = np.hypot(along / major, across / minor)
        density = np.exp(-(offset**2) / 2) / (2 * np.pi * major * minor)
        edge = np.sqrt(-2 * np.log(0.01))
        if regions.extended[j]:
            density, edge = np.full(len(offset), 1 / (np.pi * major * minor)), 1
        inside = np.flatnonzero(offset <= edge)
        inside = inside[np.argsort(separation[inside])]
        pairs += [(i, j, separation[i], offset[i], density[i]) for i in inside]
    i, j, separation, offset, density = map(np.array, zip(*pairs, strict=True))
    assert candidates.left.tolist() == i.tolist()
    assert candidates.right.tolist() == j.tolist()
    np.testing.assert_allclose(candidates.separation, separation, rtol=1e-8)
    np.testing.assert_allclose(candidates.offset, offset, rtol=1e-8)
    np.testing.assert_allclose(candidates.density, density, rtol=1e-8)
    assert candidates.extended.tolist() == regions.extended.tolist()
    assert candidates.extended[candidates.right].any()


def test_neighbours_lie_within_the_disc_of_the_density(found):
    """24 of them within a field, or all in the region; the density is theirs where all was seen."""
    inputs, candidates = found
    left, regions = inputs.left, inputs.regions
    sources = SkyCoord(left.ra, left.dec, unit="deg")
    edge = np.sqrt(-2 * np.log(0.01)) * np.hypot(regions.major, left.sigma.max())
    edge = np.where(regions.extended, regions.major, edge)
    whole = 0
    for j in range(len(regions)):
        center = SkyCoord(regions.ra[j], regions.dec[j], unit="deg")
        separation = np.sort(center.separation(sources).deg)
        radius = max(min(separation[23], 8 / 60), edge[j])
        number = np.sum(separation <= radius * (1 + 1e-12))
        assert np.sum(candidates.near_right == j) == number
        by_number = separation[23] <= 8 / 60 and separation[23] >= edge[j]
        least = (number if by_number else number + 1) / (np.pi * radius**2)
        assert candidates.local_density[j] > 0.9999 * least
        whole += candidates.local_density[j] < 1.0001 * least
        others = left.bins.index[candidates.near_left[candidates.near_right == j]]
        levels = candidates.near_level[candidates.near_right == j]
        for k in range(min(len(others), 3)):
            rest = np.sort(np.delete(others, k))
            expected = rest[(len(rest) - 1) // 2] // 2 if len(rest) >= 4 else left.bins.num_levels
            assert levels[k] == expected
    assert whole > 5
    known = candidates.near_level < left.bins.num_levels
    j = np.bincount(candidates.near_right[known]).argmax()
    mean = candidates.near_level[known & (candidates.near_right == j)].mean()
    assert candidates.level[j] == np.round(mean)


def test_crowding_is_of_the_three_nearest_others(found):
    inputs, candidates = found
    sources = SkyCoord(inputs.left.ra, inputs.left.dec, unit="deg")
    reach = 0.5 * 8 / 60
    for k in range(0, len(candidates.left), 5):
        i, j = candidates.left[k], candidates.right[k]
        nearest = np.sort(sources[i].separation(sources).deg)[1:4]
        expected = -np.mean(np.log(np.clip(nearest, 1 / 3600, reach)))
        expected = 0 if candidates.extended[j] else expected
        assert candidates.log_crowding[k] == pytest.approx(expected, rel=1e-6)


def test_no_crowding_without_known_counterparts(sky):
    assert find_candidates(read(sky, flux="flux", training="learn")).log_crowding is None
    assert find_candidates(read(sky)).level is None


def test_coverage_is_that_of_the_fields(sky, found):
    inputs, candidates = found
    np.testing.assert_array_equal(candidates.coverage, inputs.regions.coverage(inputs.fields))


def test_without_fields_the_sources_say_where_it_was_observed():
    """Within 0.3 of 8 arcmin, 0.04 deg, of a source."""
    left = Table({"ra": [10.0, 10.07], "dec": [0.0, 0.0]}, units=["deg", "deg"])
    right = Table({"ra": [10.0, 10.035, 10.09], "dec": [0.0, 0.038, 0.04]}, units=["deg", "deg"])
    circle = ErrorEllipse(0.0001 * u.deg)
    coverage = find_candidates(AssociationOptions(ellipse=circle).read(left, right)).coverage
    np.testing.assert_allclose(coverage, [0.999, 0, 0])  # 0.0517 and 0.0447 deg away
    right["dec"] = [0.0, 0.015, 0.034] * u.deg  # 0.0381 and 0.0394 deg
    coverage = find_candidates(AssociationOptions(ellipse=circle).read(left, right)).coverage
    np.testing.assert_allclose(coverage, 0.999)
