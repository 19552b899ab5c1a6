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
    ax = plot_reliability(calibration)
    points = ax.containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(points, [[16 / 40, 1 - 22 / 40], [42 / 50, 1 - 9 / 50]])
    bars = [np.ptp(bar[:, 1]) / 2 for bar in ax.containers[0].lines[2][0].get_segments()]
    np.testing.assert_allclose(bars, [np.sqrt(3.0**2 - 1.5**2 + 22) / 40, np.sqrt(1.5**2 + 9) / 50])
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[0, 0], [1, 1]])
    (note,) = (text.get_text() for text in ax.figure.texts if text.get_gid() == "notes")
    assert note.startswith("90 candidates")


def test_bins_with_few_candidates_are_left_out():
    calibration = make_tables()["calibration"]
    calibration["num"][-1] = 9
    calibration["num"][-2] = 18
    calibration["num"][-3] = 28
    points = plot_reliability(calibration).containers[0].lines[0].get_xydata()
    assert len(points) == len(calibration) - 2


def test_curves_are_the_columns():
    calibration = make_tables()["calibration"]
    ax = plot_completeness(calibration[::-1])
    purity, kept = ax.get_lines()
    np.testing.assert_array_equal(purity.get_xdata(), calibration["cut"])
    np.testing.assert_array_equal(purity.get_ydata(), calibration["reliability"])
    np.testing.assert_array_equal(kept.get_ydata(), calibration["completeness"])
    low, high = ax.collections[0].get_datalim(ax.transData).get_points()[:, 1]
    ends = calibration["reliability"] - calibration["reliability_error"]
    assert low == pytest.approx(ends.min())
    ends = calibration["reliability"] + calibration["reliability_error"]
    assert high == pytest.approx(ends.max())
    assert ax.get_ylim() == (0, pytest.approx(1.08 * max(1, high)))
    calibration["completeness"][0] = 1.5
    assert plot_completeness(calibration).get_ylim()[1] == pytest.approx(1.08 * 1.5)


def test_cuts_outside_of_0_to_1_are_left_out():
    calibration = make_tables()["calibration"]
    calibration["cut"][:3] = [-0.1, 1.0, np.nan]
    assert len(plot_completeness(calibration).lines[0].get_xdata()) == len(calibration) - 3
    calibration["cut"][3] = 0.0
    assert plot_completeness(calibration).lines[0].get_xdata()[0] == 0


@pytest.mark.parametrize("plot", [plot_completeness, plot_reliability])
def test_a_calibration_by_separation_is_refused(plot):
    calibration = make_tables()["calibration"]
    calibration["cut"].unit = "deg"
    with pytest.raises(InvalidInputError, match="cut"):
        plot(calibration)
