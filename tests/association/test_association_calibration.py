# Licensed under a 3-clause BSD style license - see LICENSE
"""calibrate_association against skies whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from association_skies import draw_sky, is_true
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable

from astroquery_cfx import ErrorEllipse, associate_tables, calibrate_association
from astroquery_cfx.association.calibration import _mean_chance, _Original
from astroquery_cfx.association.candidates import find_candidates
from astroquery_cfx.association.model import judge
from astroquery_cfx.association.options import AssociationOptions
from astroquery_cfx.errors import InvalidInputError

CUTS = [0.2, 0.4, 0.6, 0.8]


@pytest.fixture(
    scope="module", params=[True, False], ids=["fields on the sources", "fields anywhere"]
)
def sky(request):
    return draw_sky(11, num_fields=700, inside=request.param)


def test_chance_is_the_number_of_false_candidates(sky):
    left, right, fields = sky
    options = {"fields": fields, "flux": "flux"}
    calibration = calibrate_association(left, right, cuts=CUTS, angles=4, **options)
    table = associate_tables(left, right, **options)
    true, _ = is_true(table)
    for row in calibration:
        passing = np.asarray(table["p_i"]) >= row["cut"]
        assert row["num"] == passing.sum()
        assert (
            abs(row["reliability"] - true[passing].mean()) < 0.03 + 2.5 * row["reliability_error"]
        )
        assert abs(row["completeness"] - true[passing].sum() / true.sum()) < 0.05
    assert np.all(np.diff(calibration["num"]) <= 0)
    assert np.all(calibration["chance_error"] > 0)


def test_chance_by_separation_grows_as_the_area():
    left, right, fields = draw_sky(12, num_fields=300)
    cuts = [0.01, 0.02] * u.deg
    calibration = calibrate_association(
        left, right, by="separation", cuts=cuts, fields=fields, angles=4
    )
    assert calibration["cut"].unit == u.deg
    ratio = calibration["chance"][1] / calibration["chance"][0]
    assert 3 < ratio < 5.2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "flux"}, "by='flux'"),
        ({"shifts": ()}, "not lead away"),
        ({"by": "separation", "cuts": [1] * u.s}, "not numbers for separation"),
        ({"cuts": ["a"]}, "not numbers for p_i"),
        ({"shifts": (0.5,)}, "not lead away"),
        ({"angles": 0}, "not lead away"),
        ({"cuts": [1] * u.deg}, "not numbers for p_i"),
        ({"flux": "nothing"}, "no column"),
    ],
)
def test_bad_input(options, message):
    left, right, _ = draw_sky(13, num_fields=5)
    with pytest.raises(InvalidInputError, match=message):
        calibrate_association(left, right, **options)


@pytest.fixture(scope="module", params=["p_i", "separation"])
def original(request):
    left, right, fields = draw_sky(14, num_fields=80)
    inputs = AssociationOptions(fields=fields, flux="flux").read(left, right)
    cuts = np.array([0.02, 0.3]) if request.param == "p_i" else np.array([0.02, 0.1])
    return _Original(inputs, request.param, cuts)


def test_regions_are_shifted_in_their_units(original):
    """To the edge of the region times the shift; the angle runs east of north."""
    regions, observed = original.inputs.regions, original.observed
    centers = SkyCoord(regions.ra, regions.dec, unit="deg")
    moved = centers.directional_offset_by(50 * u.deg, 2.5 * regions.limit * regions.major * u.deg)
    regions = replace(regions, ra=moved.ra.deg, dec=moved.dec.deg)
    candidates = find_candidates(replace(original.inputs, regions=regions))
    judged = judge(candidates, original.model)
    prior = original.model.prior(candidates)
    kept, passing = original.at_shift(2.5, 50.0)
    before, after = original.candidates.coverage, candidates.coverage
    assert kept.tolist() == (after >= 0.5 * before)[observed].tolist()
    assert 0 < kept.sum() < len(observed)
    expected = np.zeros((2, len(before)))
    for k in range(len(candidates.left)):
        j = candidates.right[k]
        same = candidates.right == j
        odds = prior[j] / max(after[j], 1 / 256)
        rivals = judged.ratio[same].sum() + original.best_ratio[j]
        beside = odds * judged.ratio[k] / (1 - prior[j] + odds * rivals)
        for c, cut in enumerate(original.cuts):
            if original.by == "separation":
                passes = candidates.separation[k] <= cut
            else:
                passes = (1 - original.p_any[j]) * (judged.p_i[k] >= cut)
                passes += original.p_any[j] * (beside >= cut)
            expected[c, j] += passes * before[j] / max(after[j], 1e-9)
    np.testing.assert_allclose(passing, expected[:, observed], rtol=1e-9, atol=1e-12)
    assert passing.any()


def test_what_is_expected_of_the_original_places(original):
    candidates, judged = original.candidates, original.judged
    assert original.observed.tolist() == np.flatnonzero(candidates.coverage > 0).tolist()
    for j in range(len(candidates.coverage)):
        own = candidates.right == j
        assert original.p_any[j] == pytest.approx(judged.p_i[own].sum())
        assert original.best_ratio[j] == judged.ratio[own].max(initial=0)
    at = candidates.separation if original.by == "separation" else judged.p_i
    for c, cut in enumerate(original.cuts):
        passes = at <= cut if original.by == "separation" else at >= cut
        assert original.passing[c].tolist() == passes.tolist()
        for row, j in enumerate(original.observed):
            own = passes & (candidates.right == j)
            expected = np.sum(1 - judged.p_i[own])
            assert original.expected_false[c, row] == pytest.approx(expected, abs=1e-12)


def test_mean_chance_by_hand():
    """Three places, two cuts; the last region has no place, and counts by its expectation."""
    kept = np.array([[True, False, False], [True, True, False], [False, True, False]])
    passing = np.array([[[2, 9, 9], [1, 0, 0]], [[4, 1, 9], [1, 0, 0]], [[9, 3, 9], [0, 0, 0]]])
    expected_false = np.array([[3.0, 2.0, 5.0], [0.0, 0.0, 0.0]])
    chance, error = _mean_chance(kept, passing, expected_false)
    # Regions: (2 + 4) / 2 and (1 + 3) / 2, times 10 / 5; and (1 + 1) / 2, without expectations.
    np.testing.assert_allclose(chance, [10, 1])
    # The places have 1, 2 and 1 halves of the two regions, with sums of 1, 2.5 and 1.5 (times 2);
    # brought to two regions: 4, 5, 6 times 2, and 2, 1, 0.
    scatter = np.array([np.std([8, 10, 12], ddof=1), np.std([2, 1, 0], ddof=1)]) / np.sqrt(3)
    poisson = np.sqrt([10 * 0.5 * 2, 1 * 0.5])
    np.testing.assert_allclose(error, np.maximum(scatter, poisson))


def test_error_of_a_single_place():
    kept, passing = np.array([[True, True]]), np.array([[[1, 3]]])
    chance, error = _mean_chance(kept, passing, np.array([[1.0, 1.0]]))
    assert (chance.tolist(), error.tolist()) == ([4], [2])  # Poisson's alone


def test_columns_of_the_calibration():
    """Those that follow from others, with cuts and angles as asked for."""
    left, right, fields = draw_sky(15, num_fields=150)
    left.meta["simulated"] = "drawn"
    options = {"fields": fields, "flux": "flux", "shifts": (2, 3.5), "angles": 3}
    table = calibrate_association(left, right, **options)
    assert table["cut"].tolist() == np.round(np.arange(0.05, 1, 0.05), 2).tolist()
    np.testing.assert_allclose(table["reliability"], 1 - table["chance"] / table["num"])
    error = np.sqrt(table["chance_error"] ** 2 + table["chance"]) / table["num"]
    np.testing.assert_allclose(table["reliability_error"], error)
    associations = associate_tables(left, right, fields=fields, flux="flux")
    p_i = np.asarray(associations["p_i"])
    for row in table:
        assert row["expected_true"] == pytest.approx(p_i[p_i >= row["cut"]].sum())
        assert row["completeness"] == pytest.approx(p_i[p_i >= row["cut"]].sum() / p_i.sum())
    meta = table.meta["calibration"]
    observed = associations.meta["association"]["right_observed"]
    assert (meta["by"], meta["shifts"], meta["angles"]) == ("p_i", [2.0, 3.5], 3)
    assert meta["regions"] == observed >= meta["regions_shifted"]
    assert meta["regions_shifted"] <= meta["places"] <= 6 * observed
    assert table.meta["simulated"] == "drawn"
    right.meta["simulated"] = "drawn too"
    assert calibrate_association(left, right, **options).meta["simulated"] == "drawn"


def test_no_place_to_shift_to():
    left = QTable({"ra": [10.0] * u.deg, "dec": [0.0] * u.deg})
    right = QTable({"ra": [10.0] * u.deg, "dec": [0.0] * u.deg})
    with pytest.raises(InvalidInputError, match="No shifted region"):
        calibrate_association(left, right, ellipse=ErrorEllipse(0.1 * u.deg))
