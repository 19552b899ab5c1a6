# Licensed under a 3-clause BSD style license - see LICENSE
"""calibrate_association against skies whose truth is known."""

import numpy as np
import pytest
from association_skies import draw_sky, is_true
from astropy import units as u

from astroquery_cfx import associate_tables, calibrate_association
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
