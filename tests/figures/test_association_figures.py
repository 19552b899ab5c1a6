# Licensed under a 3-clause BSD style license - see LICENSE
"""The figures of a calibration."""

import numpy as np
import pytest
from astropy.table import Table
from figure_tables import make_tables

from astroquery_cfx.errors import InvalidInputError
from astroquery_cfx.figures import plot_completeness, plot_reliability


def test_points_of_the_reliability_diagram_are_the_candidates_between_cuts():
    calibration = Table(
        {
            "cut": [0.6, 0.2],
            "num": [50, 90],
            "expected_true": [42.0, 58.0],
            "chance": [9.0, 31.0],
            "chance_error": [1.5, 3.0],
        }
    )  # in any order
    points = plot_reliability(calibration).containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(points, [[16 / 40, 1 - 22 / 40], [42 / 50, 1 - 9 / 50]])


def test_bins_with_few_candidates_are_left_out():
    calibration = make_tables()["calibration"]
    calibration["num"][-1] = 5
    calibration["num"][-2] = 8
    points = plot_reliability(calibration).containers[0].lines[0].get_xydata()
    assert len(points) == len(calibration) - 2


def test_curves_are_the_columns():
    calibration = make_tables()["calibration"]
    purity, kept = plot_completeness(calibration).get_lines()
    np.testing.assert_array_equal(purity.get_ydata(), calibration["reliability"])
    np.testing.assert_array_equal(kept.get_ydata(), calibration["completeness"])


@pytest.mark.parametrize("plot", [plot_completeness, plot_reliability])
def test_a_calibration_by_separation_is_refused(plot):
    calibration = make_tables()["calibration"]
    calibration["cut"].unit = "deg"
    with pytest.raises(InvalidInputError, match="cut"):
        plot(calibration)
