# Licensed under a 3-clause BSD style license - see LICENSE
"""crossmatch_tables on real catalogues and on small tables made by hand."""

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.time import Time
from astroquery.exceptions import InputWarning

from astroquery_cfx import ErrorEllipse, crossmatch_tables, group_matches
from astroquery_cfx.crossmatch.sphere import find_pairs
from astroquery_cfx.errors import InvalidInputError

ELLIPSE = "Conf_95_SemiMajor", "Conf_95_SemiMinor", "Conf_95_PosAng"


@pytest.fixture(scope="module")
def chandra(shared_data):
    return Table.read(shared_data / "csc_real_sample.fits")


@pytest.fixture(scope="module")
def fermi(shared_data):
    table = Table.read(shared_data / "fermi" / "gll_psc_v35.fit.gz", hdu=1)
    return table["Source_Name", "GLON", "GLAT", *ELLIPSE, "Flux_History"]


def match_real(chandra, fermi, radius=0.1 * u.deg, **options):
    return crossmatch_tables(chandra, fermi, radius, left_coordinates=("ra", "dec"), **options)


@pytest.mark.parametrize(
    ("selection", "num_pairs", "num_sources"),
    [("all sky", 1153, 194), ("plane", 660, 83), ("plane with flux", 566, 75)],
)
def test_real_catalogues(chandra, fermi, selection, num_pairs, num_sources):
    latitude = SkyCoord(chandra["ra"], chandra["dec"]).galactic.b
    keep = (
        np.ones(len(chandra), dtype=bool)
        if selection == "all sky"
        else np.abs(latitude) <= 10 * u.deg
    )
    if selection == "plane with flux":
        keep &= np.ma.filled(chandra["b_flux_ap"], 0) > 0
    pairs = match_real(chandra[keep], fermi)
    groups = group_matches(pairs, by="Source_Name")
    assert len(pairs) == num_pairs
    assert len(groups) == num_sources
    assert groups["num_matches"].sum() == num_pairs
    assert [len(names) for names in groups["name"]] == list(groups["num_matches"])


def test_separations_and_angles_are_those_of_astropy(chandra, fermi):
    pairs = match_real(chandra, fermi)
    left = SkyCoord(pairs["ra"], pairs["dec"])
    right = SkyCoord(
        pairs["GLON"].astype(float), pairs["GLAT"].astype(float), frame="galactic"
    ).icrs
    np.testing.assert_allclose(pairs["separation"], left.separation(right).deg, atol=1e-12)
    np.testing.assert_allclose(pairs["position_angle"], right.position_angle(left).deg, atol=1e-8)
    assert pairs["separation"].unit == pairs["position_angle"].unit == u.deg


def test_matches_in_ellipses(chandra, fermi):
    pairs = match_real(chandra, fermi, ErrorEllipse(*ELLIPSE))
    wide = match_real(chandra, fermi, ErrorEllipse(*ELLIPSE, scale_to=0.99))
    radius = match_real(chandra, fermi, "Conf_95_SemiMajor")
    record = pairs.meta["crossmatch"]
    assert record["right_without_radius"] == 90
    assert "containment 0.95" in record["radius"]
    assert len(pairs) < len(radius)
    assert pairs["ellipse_offset"].max() <= 1
    assert "0.95 containment" in pairs["ellipse_offset"].description
    inside = wide["ellipse_offset"] <= 1
    assert list(zip(pairs["name"], pairs["Source_Name"], strict=True)) == list(
        zip(wide["name"][inside], wide["Source_Name"][inside], strict=True)
    )
    assert 1.2 < wide["ellipse_offset"].max() <= 3.034854258770293 / 2.447746830680816
    assert radius.meta["crossmatch"]["right_without_radius"] == 90


def test_errors_of_both_sides(chandra, fermi):
    alone = match_real(chandra, fermi, ErrorEllipse(*ELLIPSE))
    with_errors = match_real(
        chandra, fermi, ErrorEllipse(*ELLIPSE), left_ellipse=ErrorEllipse("error_ellipse_r0")
    )
    assert with_errors.meta["crossmatch"]["left_without_radius"] == 7819
    known = np.isfinite(np.ma.filled(alone["error_ellipse_r0"], np.nan))
    assert 0 < known.sum() <= len(with_errors)
    assert with_errors["ellipse_offset"].max() <= 1
    huge = match_real(chandra, fermi, ErrorEllipse(*ELLIPSE), left_ellipse=ErrorEllipse(3 * u.deg))
    assert len(huge) > 20 * len(alone)


SIDES = (
    Table(
        {
            "name": ["a", "b", "c", "d"],
            "lon": [10.0, 10.02, 50.0, np.nan],
            "lat": [0.0, 0.0, 0.0, 1.0],
        },
        units={"lon": "deg", "lat": "deg"},
    ),
    Table(
        {"name": ["A", "B", "C"], "x": [70.0, 10.01, 10.05], "y": [0.0, 0.0, 0.0]},
        units={"x": "deg", "y": "deg"},
    ),
)
PLACES = {"left_coordinates": ("lon", "lat"), "right_coordinates": ("x", "y")}


def matched(radius=0.045 * u.deg, **options):
    return crossmatch_tables(*SIDES, radius, **PLACES, **options)


def letters(pairs):
    return [
        "".join("-" if value is np.ma.masked else value for value in row)
        for row in zip(pairs["left_name"], pairs["right_name"], strict=True)
    ]


@pytest.mark.parametrize(
    ("join", "expected"),
    [
        ("inner", ["aB", "bB", "bC"]),
        ("left", ["aB", "bB", "bC", "c-", "d-"]),
        ("right", ["-A", "aB", "bB", "bC"]),
        ("outer", ["-A", "aB", "bB", "bC", "c-", "d-"]),
    ],
)
def test_joins(join, expected):
    pairs = matched(join=join)
    assert letters(pairs) == expected
    alone = np.array(["-" in pair for pair in expected])
    for name in ("separation", "position_angle"):
        assert np.array_equal(np.ma.getmaskarray(np.ma.asarray(pairs[name])), alone)
    np.testing.assert_allclose(np.ma.asarray(pairs["separation"])[~alone], [0.01, 0.01, 0.03])
    assert pairs.meta["crossmatch"]["left_without_position"] == 1


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        ("all", ["aB", "bB", "bC"]),
        ("nearest_left", ["aB", "bC"]),
        ("nearest_right", ["aB", "bB"]),
        ("mutual", ["aB"]),
    ],
)
def test_nearest(keep, expected):
    assert letters(matched(keep=keep)) == expected


def test_one_radius_per_row():
    radii = [1, 0.015, np.nan] * u.deg
    pairs = matched(radii)
    assert letters(pairs) == ["aB", "bB"]
    assert pairs.meta["crossmatch"]["right_without_radius"] == 1
    right = SIDES[1].copy()
    right["r"] = MaskedColumn([60, 0.9, 9], mask=[0, 0, 1], unit="arcmin")
    by_name = crossmatch_tables(SIDES[0], right, "r", **PLACES)
    assert letters(by_name) == letters(pairs)
    assert by_name.meta["crossmatch"]["right_without_radius"] == 1
    as_quantity = crossmatch_tables(SIDES[0], QTable(right), "r", **PLACES)
    assert letters(as_quantity) == letters(pairs)
    assert letters(matched("0.045 deg")) == ["aB", "bB", "bC"]


def test_swapping_the_sides_gives_the_same_pairs():
    pairs = matched()
    back = crossmatch_tables(
        *SIDES[::-1], 0.045 * u.deg, left_coordinates=("x", "y"), right_coordinates=("lon", "lat")
    )
    assert {pair[::-1] for pair in letters(back)} == set(letters(pairs))
    assert sorted(back["separation"]) == sorted(pairs["separation"])


def rich_table():
    table = QTable({"ra": [10.0, 20.0, 30.0] * u.deg, "dec": [1.0, 1.0, 1.0] * u.deg})
    table["flux"] = MaskedColumn(
        [1e-14, 2e-14, 3e-14], mask=[False, True, False], description="energy flux"
    )
    table["time"] = Time([50000.0, 50001.0, 50002.0], format="mjd")
    table["place"] = [[1, 2], [3, 4], [5, 6]] * u.m
    table["other"] = SkyCoord([1, 2, 3], [4, 5, 6], unit="deg")
    table["text"] = ["a", "bb", "ccc"]
    table["ra"].info.description = "Right ascension"
    table["ra"].info.meta = {"ucd": "pos.eq.ra;meta.main"}
    table.meta["note"] = {"of": [1, 2]}
    return table


@pytest.mark.parametrize("join", ["inner", "outer"])
def test_nothing_is_lost_of_rich_columns(join):
    left = rich_table()
    right = QTable({"ra": [30.0, 10.0, 99.0] * u.deg, "dec": [1.0, 1.0, 0.0] * u.deg})
    pairs = crossmatch_tables(left, right, 1 * u.arcsec, join=join, left_coordinates=("ra", "dec"))
    assert isinstance(pairs, QTable)
    rows = [2, 0] if join == "inner" else [2, 0, -1, 1]
    assert len(pairs) == len(rows)
    assert pairs["left_ra"].unit == u.deg
    assert pairs["left_ra"].info.description == "Right ascension"
    assert pairs["left_ra"].info.meta["ucd"] == "pos.eq.ra;meta.main"
    assert pairs["flux"].description == "energy flux"
    assert pairs.meta["note"] == {"of": [1, 2]}
    for new, row in zip(pairs, rows, strict=True):
        if row < 0:
            assert new["text"] is np.ma.masked
            assert np.all(new["place"].mask)
            assert np.all(new["time"].mask)
            continue
        assert new["text"] == left["text"][row]
        assert new["time"].mjd == left["time"][row].mjd
        assert np.all(new["place"] == left["place"][row])
        assert new["other"].separation(left["other"][row]) == 0
        assert (new["flux"] is np.ma.masked) == (row == 1)


def test_plain_tables_stay_plain():
    pairs = crossmatch_tables(
        Table(rich_table()["ra", "dec", "flux"]),
        SIDES[1],
        1 * u.deg,
        join="outer",
        right_coordinates=("x", "y"),
    )
    assert type(pairs) is Table
    assert isinstance(pairs["ra"], MaskedColumn)
    assert pairs["ra"].unit == u.deg
    assert pairs["ra"].description == "Right ascension"


def test_prefixes_and_meta():
    left, right = SIDES[0].copy(), SIDES[1].copy()
    left["separation"], right["only"] = 1.0, 2.0
    left.meta = {"version": 1, "same": [1, 2], "simulated": "Made up.", "array": np.arange(3)}
    right.meta = {"version": 2, "same": [1, 2], "simulated": "Made up.", "array": np.arange(3)}
    pairs = crossmatch_tables(left, right, 1 * u.deg, **PLACES, prefixes=("csc_", "fermi_"))
    assert pairs.colnames == [
        "csc_name",
        "lon",
        "lat",
        "csc_separation",
        "fermi_name",
        "x",
        "y",
        "only",
        "separation",
        "position_angle",
    ]
    record = pairs.meta.pop("crossmatch")
    assert record["left_columns"] == ["csc_name", "lon", "lat", "csc_separation"]
    assert record["right_columns"] == ["fermi_name", "x", "y", "only"]
    assert record["left_coordinates"] == ["lon", "lat"]
    assert {key: value for key, value in pairs.meta.items() if key != "array"} == {
        "csc_version": 1,
        "fermi_version": 2,
        "same": [1, 2],
        "simulated": "Made up.",
    }
    right.meta["simulated"] = "Drawn."
    everything = crossmatch_tables(left, right, 1 * u.deg, **PLACES, prefix_all=True)
    assert everything.colnames[0:2] == ["left_name", "left_lon"]
    assert everything.meta["simulated"] == "Made up. Drawn."
    assert "simulated" not in crossmatch_tables(*SIDES, 1 * u.deg, **PLACES).meta


def test_matches_of_matches():
    once = matched()
    twice = crossmatch_tables(
        once, SIDES[1], 1 * u.deg, left_coordinates=("lon", "lat"), right_coordinates=("x", "y")
    )
    assert {"left_separation", "separation", "left_x", "right_x"} <= set(twice.colnames)
    assert twice.meta["left_crossmatch"]["left_rows"] == 4


@pytest.mark.parametrize("join", ["inner", "left", "right", "outer"])
def test_empty_sides(join):
    none = SIDES[0][:0], SIDES[1][:0]
    for left, right in ((none[0], SIDES[1]), (SIDES[0], none[1]), none):
        pairs = crossmatch_tables(left, right, 1 * u.deg, join=join, **PLACES)
        expected = len(left) * (join in ("left", "outer")) + len(right) * (
            join in ("right", "outer")
        )
        assert len(pairs) == expected
        assert pairs["x"].unit == u.deg
        assert pairs["left_name"].dtype.kind == "U"
        in_circles = crossmatch_tables(left, right, ErrorEllipse(1 * u.deg), join=join, **PLACES)
        assert len(in_circles) == expected


def test_pandas_and_arrow():
    pd = pytest.importorskip("pandas")
    places = {
        "left_coordinates": SkyCoord(SIDES[0]["lon"][:3], SIDES[0]["lat"][:3]),
        "right_coordinates": SkyCoord(SIDES[1]["x"], SIDES[1]["y"]),
    }
    frame = pd.DataFrame({"name": ["a", "b", "c"], "count": [1, 2, 3]})
    import pyarrow as pa

    for left in (frame, pa.table({"name": ["a", "b", "c"], "count": [1, 2, 3]})):
        assert letters(crossmatch_tables(left, SIDES[1], 0.045 * u.deg, **places)) == [
            "aB",
            "bB",
            "bC",
        ]


def with_columns(*names, ucds=None):
    table = Table({name: [10.0, 20.0] for name in names})
    for name in names:
        table[name].unit = "deg"
        if ucds and ucds.get(name):
            table[name].meta["ucd"] = ucds[name]
    return table


EQUATORIAL = {"p": "pos.eq.ra;meta.main", "q": "pos.eq.dec;meta.main"}


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        (with_columns("Ra", "DEC"), ["Ra", "DEC"]),
        (with_columns("RAJ2000", "DEJ2000"), ["RAJ2000", "DEJ2000"]),
        (with_columns("GLON", "GLAT"), ["GLON", "GLAT"]),
        (with_columns("lii", "bii"), ["lii", "bii"]),
        (with_columns("l", "b"), ["l", "b"]),
        (with_columns("ra", "dec", "p", "q", ucds=EQUATORIAL), ["p", "q"]),
        (
            with_columns(
                "p",
                "q",
                "lii",
                "bii",
                ucds={**EQUATORIAL, "lii": "pos.galactic.lon", "bii": "pos.galactic.lat"},
            ),
            ["p", "q"],
        ),
        (
            with_columns(
                "p",
                "q",
                "ra2",
                "dec2",
                ucds={**EQUATORIAL, "ra2": "pos.eq.ra", "dec2": "pos.eq.dec"},
            ),
            ["p", "q"],
        ),
        (
            with_columns(
                "p",
                "q",
                "e",
                ucds={"p": "POS_EQ_RA_MAIN", "q": "POS_EQ_DEC_MAIN", "e": "stat.error;pos.eq.ra"},
            ),
            ["p", "q"],
        ),
    ],
)
def test_coordinates_are_found(table, columns):
    pairs = crossmatch_tables(table, SIDES[1], 1 * u.deg, right_coordinates=("x", "y"))
    assert pairs.meta["crossmatch"]["left_coordinates"] == columns


def test_frames_are_converted():
    places = SkyCoord([10.0, 200.0, 300.0], [80.0, -45.0, 0.0], unit="deg")
    tables = [
        Table({"k": [1, 2, 3], "where": places.galactic}),
        Table({"k": [1, 2, 3], "where": SkyCoord(places.fk5, frame="fk5")}),
        Table({"k": [1, 2, 3], "GLON": places.galactic.l, "GLAT": places.galactic.b}),
        QTable(
            {
                "k": [1, 2, 3],
                "lon": places.galactic.l.to("rad"),
                "lat": places.galactic.b.to("arcmin"),
            }
        ),
        Table(
            {"k": [1, 2, 3], "ra": places.ra.deg, "dec": places.dec.deg},
            units={"ra": "deg", "dec": "deg"},
        ),
    ]
    tables[3]["lon"].info.meta = {"ucd": "pos.galactic.lon"}
    tables[3]["lat"].info.meta = {"ucd": "pos.galactic.lat"}
    for table in tables:
        pairs = crossmatch_tables(table, tables[-1], 1e-4 * u.arcsec)
        assert list(pairs["left_k"]) == list(pairs["right_k"]) == [1, 2, 3]
    pairs = crossmatch_tables(tables[0], tables[4], 1 * u.arcsec, left_coordinates="where")
    assert len(pairs) == 3
    pairs = crossmatch_tables(tables[0]["k",], tables[4], 1 * u.arcsec, left_coordinates=places)
    assert len(pairs) == 3


def test_a_warning_says_which_of_two_positions_is_used():
    table = with_columns("ra", "dec", "GLON", "GLAT")
    with pytest.warns(InputWarning, match="positions ra, dec and GLON, GLAT: ra, dec are used"):
        pairs = crossmatch_tables(table, SIDES[1], 1 * u.deg, right_coordinates=("x", "y"))
    assert pairs.meta["crossmatch"]["left_coordinates"] == ["ra", "dec"]


GOOD = with_columns("ra", "dec")
BARE = Table({"ra": [1.0], "dec": [1.0]})


@pytest.mark.parametrize(
    ("left", "radius", "options", "message"),
    [
        (GOOD, 0.1, {}, "radius 0.1 is neither an angle .* give it a unit"),
        (GOOD, "0.1", {}, "radius '0.1' is neither an angle with a unit nor a right column"),
        (GOOD, "rr", {}, "radius 'rr' is neither an angle with a unit nor a right column"),
        (GOOD, 1 * u.m, {}, "radius <Quantity 1. m> is neither an angle with a unit"),
        (GOOD, -1 * u.deg, {}, "negative or not a finite number"),
        (GOOD, np.nan * u.deg, {}, "negative or not a finite number"),
        (GOOD, np.inf * u.deg, {}, "negative or not a finite number"),
        (GOOD, [1, 2] * u.deg, {}, r"radii of shape \(2,\) for 3 rows"),
        (GOOD, [1, -1, -1] * u.deg, {}, "2 radii are negative, the first are of rows 1, 2"),
        (GOOD, "name", {}, "column 'name' of the right table does not hold one number per row"),
        (GOOD, ErrorEllipse("r95"), {}, "The right table has no column 'r95'"),
        (
            GOOD,
            1 * u.deg,
            {"left_ellipse": ErrorEllipse("ra")},
            "left_ellipse is given, but the radius is not an ErrorEllipse",
        ),
        (GOOD, 1 * u.deg, {"join": "both"}, "join='both' is unknown"),
        (GOOD, 1 * u.deg, {"keep": "best"}, "keep='best' is unknown"),
        (GOOD, 1 * u.deg, {"prefixes": ("a", "a")}, "do not tell the sides apart"),
        (BARE, 1 * u.deg, {}, "column 'ra' of the left table has no unit"),
        (
            with_columns("a", "b2"),
            1 * u.deg,
            {},
            "The left table has no columns that are known to be positions",
        ),
        (
            with_columns("ra", "dec", "RAJ2000", "DEJ2000"),
            1 * u.deg,
            {},
            "more than one position: ra, dec and RAJ2000, DEJ2000",
        ),
        (
            with_columns("ra", "RA", "dec", "DEC"),
            1 * u.deg,
            {},
            "more than one position: ra, dec and RA, DEC",
        ),
        (
            with_columns("ra", "RA", "dec"),
            1 * u.deg,
            {},
            "more than one position: ra, dec and RA, dec",
        ),
        (
            with_columns(
                "p",
                "q",
                "r",
                "s",
                ucds={"p": "pos.eq.ra", "q": "pos.eq.dec", "r": "pos.eq.ra", "s": "pos.eq.dec"},
            ),
            1 * u.deg,
            {},
            "more than one position: p, q and r, s",
        ),
        (
            Table({"one": SkyCoord([1], [2], unit="deg"), "two": SkyCoord([1], [2], unit="deg")}),
            1 * u.deg,
            {},
            "more than one position: one and two",
        ),
        (
            GOOD,
            1 * u.deg,
            {"left_coordinates": ("ra", "nope")},
            "The left table has no column 'nope'",
        ),
        (
            GOOD,
            1 * u.deg,
            {"left_coordinates": "ra"},
            "column 'ra' of the left table is not a SkyCoord column",
        ),
        (GOOD, 1 * u.deg, {"left_coordinates": 3}, "left_coordinates=3 are not positions"),
        (
            GOOD,
            1 * u.deg,
            {"left_coordinates": SkyCoord([1], [2], unit="deg")},
            r"positions of shape \(1,\) for 2 left rows",
        ),
        (
            Table({"ra": [1.0, 2], "dec": [95.0, 1]}, units={"ra": "deg", "dec": "deg"}),
            1 * u.deg,
            {},
            "1 rows of the left table have a latitude 'dec' beyond .* the first is row 0 with 95",
        ),
        (
            Table({"ra": [1.0], "dec": [5.0]}, units={"ra": "deg", "dec": "m"}),
            1 * u.deg,
            {},
            "is in m, which does not convert to deg",
        ),
        ([1, 2], 1 * u.deg, {}, "The left side is a list, not a table"),
    ],
)
def test_bad_input(left, radius, options, message):
    with pytest.raises(InvalidInputError, match=message):
        crossmatch_tables(left, SIDES[1], radius, right_coordinates=("x", "y"), **options)


def test_names_that_collide():
    left = with_columns("ra", "dec", "left_ra")
    with pytest.raises(InvalidInputError, match="two columns named left_ra"):
        crossmatch_tables(left, with_columns("ra", "dec"), 1 * u.deg)


def test_a_million_rows_cost_little_more_than_the_kernel():
    from time import process_time

    rng = np.random.default_rng(1)
    large, small = (
        QTable({"ra": rng.uniform(0, 360, size) * u.deg, "dec": rng.uniform(-90, 90, size) * u.deg})
        for size in (1_000_000, 1000)
    )
    small.rename_columns(["ra", "dec"], ["lon", "lat"])
    places = {"right_coordinates": ("lon", "lat")}
    arrays = [column.to_value(u.deg) for table in (large, small) for column in table.itercols()]
    times = {}
    for _ in range(3):
        start = process_time()
        find_pairs(*arrays, 0.1)
        middle = process_time()
        pairs = crossmatch_tables(large, small, 0.1 * u.deg, **places)
        times.setdefault("kernel", []).append(middle - start)
        times.setdefault("tables", []).append(process_time() - middle)
    assert len(pairs) > 100
    assert min(times["tables"]) < 2 * min(times["kernel"]) + 0.05


def test_rows_without_position():
    """Masked, NaN or infinite in either coordinate, in a Table and in a QTable."""
    ra = MaskedColumn([10.0, 10, 10, np.nan, np.inf], mask=[0, 1, 0, 0, 0], unit="deg")
    dec = MaskedColumn([0.0, 0, 0, 0, 0], mask=[0, 0, 1, 0, 0], unit="deg")
    for kind in (Table, QTable):
        pairs = crossmatch_tables(
            kind({"ra": ra, "dec": dec}), SIDES[1], 0.045 * u.deg, right_coordinates=("x", "y")
        )
        assert list(pairs["name"]) == ["B"]
        assert pairs.meta["crossmatch"]["left_without_position"] == 4
        assert pairs.meta["crossmatch"]["right_without_position"] == 0


def test_frames_by_ucd_and_by_name():
    """A UCD says the frame, whatever the name; without one, the usual Galactic names do."""
    centre = SkyCoord(0 * u.deg, 0 * u.deg, frame="galactic")
    target = Table({"where": SkyCoord([centre.icrs])})
    for names, ucd, is_galactic in (
        (("l", "b"), None, True),
        (("L", "B"), None, True),
        (("l", "b"), "pos.eq.ra", False),
        (("ra", "dec"), "pos.galactic.lon;meta.main", True),
        (("ra", "dec"), "POS_GAL_LON", True),
        (("a", "b"), None, False),
        (("l", "bii"), None, False),
    ):
        table = Table({name: [0.0] for name in names}, units=dict.fromkeys(names, "deg"))
        if ucd:
            table[names[0]].meta["ucd"] = ucd
        pairs = crossmatch_tables(table, target, 1 * u.arcsec, left_coordinates=names)
        assert len(pairs) == is_galactic


def test_latitudes_of_the_poles():
    poles = Table({"ra": [0.0, 0.0], "dec": [90.0, -90.0]}, units={"ra": "deg", "dec": "deg"})
    assert len(crossmatch_tables(poles, poles, 1 * u.deg)) == 2


def test_zero_radius_and_the_whole_sky():
    assert len(matched(0 * u.deg)) == 0
    assert len(matched(180 * u.deg)) == 9
    same = crossmatch_tables(
        SIDES[0],
        SIDES[0],
        0 * u.deg,
        left_coordinates=("lon", "lat"),
        right_coordinates=("lon", "lat"),
    )
    assert list(same["left_name"]) == list(same["right_name"]) == ["a", "b", "c"]


def test_ties_go_to_the_first_row():
    left = Table({"k": [1, 2], "ra": [10.0, 10.0], "dec": [1.0, -1.0]})
    right = Table({"n": [1, 2], "x": [10.0, 10.0], "y": [0.0, 0.0]})
    for table in (left, right):
        for name in table.colnames[1:]:
            table[name].unit = "deg"
    places = {"right_coordinates": ("x", "y")}
    for keep, expected in (
        ("all", [(1, 1), (2, 1), (1, 2), (2, 2)]),
        ("nearest_left", [(1, 1), (1, 2)]),
        ("nearest_right", [(1, 1), (2, 1)]),
        ("mutual", [(1, 1)]),
    ):
        pairs = crossmatch_tables(left, right, 2 * u.deg, keep=keep, **places)
        assert list(zip(pairs["k"], pairs["n"], strict=True)) == expected


def test_joins_with_ellipses():
    pairs = matched(ErrorEllipse(0.045 * u.deg), join="outer", keep="mutual")
    assert letters(pairs) == ["-A", "aB", "-C", "b-", "c-", "d-"]
    alone = np.array([True, False, True, True, True, True])
    for name in ("separation", "position_angle", "ellipse_offset"):
        assert np.array_equal(pairs[name].mask, alone)
    assert pairs["ellipse_offset"][1] == pytest.approx(0.01 / 0.045)


def test_input_is_not_changed():
    left = Column([1.0], unit="deg", description="d")
    table, other = Table({"ra": left, "dec": left}), Table({"x": left, "y": left})
    before = table.copy()
    crossmatch_tables(
        table, other, 1 * u.deg, right_coordinates=("x", "y"), join="outer", prefix_all=True
    )
    assert table.colnames == ["ra", "dec"]
    assert np.all(table == before)
    assert table.meta == {}
