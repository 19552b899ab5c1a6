# Licensed under a 3-clause BSD style license - see LICENSE
"""group_matches: one row per key."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, QTable, Table

from astroquery_cfx import crossmatch_tables, group_matches
from astroquery_cfx.errors import InvalidInputError

LEFT = Table(
    {
        "star": ["a", "b", "c", "d"],
        "ra": [10.0, 10.02, 50.0, 70.01],
        "dec": [0.0, 0.0, 0.0, 0.0],
        "flux": MaskedColumn(
            [1.0, 2.0, 3.0, 4.0], mask=[0, 1, 0, 0], unit="erg", description="a flux"
        ),
        "count": MaskedColumn([1, 2, 3, 4], mask=[0, 1, 0, 0]),
    },
    units={"ra": "deg", "dec": "deg"},
)
RIGHT = Table(
    {"source": ["C", "A", "B"], "x": [70.0, 10.01, 10.05], "y": [0.0, 0.0, 0.0]},
    units={"x": "deg", "y": "deg"},
)


def pairs_of(kind=Table, **options):
    return crossmatch_tables(
        kind(LEFT), kind(RIGHT), 0.045 * u.deg, right_coordinates=("x", "y"), **options
    )


@pytest.mark.parametrize("kind", [Table, QTable])
def test_groups(kind):
    groups = group_matches(pairs_of(kind), by="source")
    assert list(groups["source"]) == ["C", "A", "B"]
    assert list(groups["num_matches"]) == [1, 2, 1]
    assert [list(stars) for stars in groups["star"]] == [["d"], ["a", "b"], ["b"]]
    assert groups["x"].unit == groups["separation"].unit == u.deg
    assert groups["flux"].unit == u.erg
    assert groups["flux"].description == "a flux"
    np.testing.assert_array_equal(groups["flux"][1], [1, np.nan])
    assert groups["count"][1].tolist() == [1, None]
    assert all(type(stars) is np.ndarray for stars in groups["star"])
    assert all(type(fluxes) is np.ndarray for fluxes in groups["flux"])
    np.testing.assert_allclose(groups["separation"][1], [0.01, 0.01])
    assert groups.meta["crossmatch"]["right_rows"] == 3


def test_by_a_column_of_the_other_side():
    groups = group_matches(pairs_of(), by="star")
    assert list(groups["star"]) == ["d", "a", "b"]
    assert [list(names) for names in groups["source"]] == [["C"], ["A"], ["A", "B"]]
    assert groups["ra"].unit == u.deg
    assert groups["ra"].dtype == float


def test_keys_without_partner():
    pairs = crossmatch_tables(
        LEFT[:2], RIGHT, 0.045 * u.deg, right_coordinates=("x", "y"), join="outer"
    )
    groups = group_matches(pairs, by="source")
    assert list(groups["source"]) == ["C", "A", "B"]
    assert list(groups["num_matches"]) == [0, 2, 1]
    assert len(groups["star"][0]) == 0
    left_out = group_matches(pairs_of(join="left"), by="source")
    assert "c" not in np.concatenate(list(left_out["star"]))


def test_rows_without_a_key_are_left_out():
    pairs = pairs_of()
    pairs["source"] = MaskedColumn(pairs["source"], mask=[False, True, False, True])
    groups = group_matches(pairs, by="source")
    assert list(groups["source"]) == ["C", "A"]
    assert [list(stars) for stars in groups["star"]] == [["d"], ["b"]]
    by_number = group_matches(pairs_of(), by="count")
    assert list(by_number["count"]) == [4, 1]


def test_lists_of_positions():
    left = LEFT.copy()
    left["place"] = SkyCoord(LEFT["ra"], LEFT["dec"])
    pairs = crossmatch_tables(
        left,
        RIGHT,
        0.045 * u.deg,
        left_coordinates=("ra", "dec"),
        right_coordinates=("x", "y"),
    )
    groups = group_matches(pairs, by="source")
    assert [list(places.ra.deg) for places in groups["place"]] == [[70.01], [10, 10.02], [10.02]]


def test_keys_of_several_rows_and_columns_of_no_side():
    pairs = pairs_of()
    pairs["source"][2] = "C"
    pairs["note"] = np.arange(len(pairs))
    groups = group_matches(pairs, by="source")
    assert list(groups["num_matches"]) == [2, 1, 1]
    assert list(groups["note"][0]) == [0, 2]
    bare = group_matches(Table({"k": [2, 1, 2], "v": [1, 2, 3]}), by="k")
    assert list(bare["k"]) == [2, 1]
    assert [list(values) for values in bare["v"]] == [[1, 3], [2]]


def test_nothing_to_group():
    groups = group_matches(pairs_of()[:0], by="source")
    assert len(groups) == 0
    assert groups["x"].unit == u.deg


def test_unknown_key():
    with pytest.raises(InvalidInputError, match="no column 'fermi_name'"):
        group_matches(pairs_of())
