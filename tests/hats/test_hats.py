# Licensed under a 3-clause BSD style license - see LICENSE
"""Catalogues on disk give the pairs that tables in memory give, whatever the partitions."""

import shutil
import warnings

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, MaskedColumn, QTable, Table
from astroquery.exceptions import InputWarning

from astroquery_cfx import ErrorEllipse, crossmatch_tables
from astroquery_cfx.errors import InvalidFileError, InvalidInputError, OutputError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # LSDB and Dask use what pandas deprecates
    lsdb = pytest.importorskip("lsdb")
from astroquery_cfx.hats import RadiusPairs, crossmatch_hats, to_hats

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

LEFT_ROWS, RIGHT_ROWS = 200_000, 3_000
SIMULATED = "Simulated for the tests."


def even_sky(random, rows):
    return random.uniform(0, 360, rows), np.degrees(np.arcsin(random.uniform(-1, 1, rows)))


def left_table():
    """Return a uniform sky with dense fields at the poles and at RA 0, and duplicate rows."""
    random = np.random.default_rng(3387)
    ra, dec = even_sky(random, LEFT_ROWS)
    ra[:2000], dec[:2000] = random.uniform(0, 360, 2000), 90 - random.exponential(0.5, 2000)
    ra[2000:4000], dec[2000:4000] = random.uniform(0, 360, 2000), random.exponential(0.5, 2000) - 90
    ra[4000:6000], dec[4000:6000] = random.normal(0, 0.5, 2000) % 360, random.normal(0, 0.5, 2000)
    ra[6000:6100], dec[6000:6100] = ra[5000:5100], dec[5000:5100]
    ra[:3], dec[:3] = [0, 0, 360], [90, -90, 0]
    error = random.uniform(0, 0.02, LEFT_ROWS)
    error[::50] = np.nan
    return Table(
        {
            "id": np.arange(LEFT_ROWS),
            "ra": ra * u.deg,
            "dec": dec * u.deg,
            "error": Column(error, unit="deg"),
            "flux": random.lognormal(size=LEFT_ROWS),
        }
    )


def right_table():
    """Sources with ellipses up to 0.9 deg, some on left rows, some without ellipse."""
    random = np.random.default_rng(4)
    ra, dec = even_sky(random, RIGHT_ROWS)
    left = left_table()
    ra[:1500], dec[:1500] = left["ra"][:6000:4], left["dec"][:6000:4]
    ra[10], dec[10] = 12.0, 90.0
    major = random.uniform(0.01, 0.9, RIGHT_ROWS)
    major[::30] = np.nan
    minor = major * random.uniform(0.3, 1, RIGHT_ROWS)
    table = Table(
        {
            "id": np.arange(RIGHT_ROWS),
            "RAJ2000": ra * u.deg,
            "DEJ2000": dec * u.deg,
            "r95": MaskedColumn(major * 60, unit="arcmin", mask=np.isnan(major)),
            "minor": Column(minor * 60, unit="arcmin"),
            "angle": Column(random.uniform(-90, 90, RIGHT_ROWS), unit="deg"),
            "name": [f"4FGL {row}" for row in range(RIGHT_ROWS)],
        }
    )
    table.meta["simulated"] = SIMULATED
    return table


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """Return both tables and the folder of their catalogues, the left one without a margin."""
    folder = tmp_path_factory.mktemp("hats")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        to_hats(left_table(), folder / "left", partition_rows=4_500, margin=None)
        to_hats(right_table(), folder / "right", partition_rows=400, margin=1 * u.deg)
    return left_table(), right_table(), folder


def computed(pairs):
    frame = pairs.compute(progress_bar=False)
    ids = [name for name in frame.columns if name.endswith("id")]
    return frame.sort_values([ids[1], "separation", ids[0]]), ids


def assert_same(pairs, expected):
    """Each column has the same bits, row for row."""
    frame, ids = computed(pairs)
    assert frame.columns.tolist() == expected.colnames
    order = [
        np.ma.filled(np.ma.asarray(expected[name]).astype(float), np.nan)
        for name in (ids[0], "separation", ids[1])
    ]
    expected = expected[np.lexsort(order)]
    assert len(frame) == len(expected)
    for name in expected.colnames:
        missing = np.ma.getmaskarray(expected[name])
        np.testing.assert_array_equal(
            frame[name].isna() | (frame[name] != frame[name]),
            missing | (np.asarray(expected[name]) != np.asarray(expected[name])),
        )
        np.testing.assert_array_equal(
            frame[name].to_numpy()[~missing].astype(expected[name].dtype),
            np.asarray(expected[name])[~missing],
        )


ELLIPSE = ErrorEllipse("r95", "minor", "angle")
REGIONS = {
    "one radius": (0.1 * u.deg, {}),
    "a radius in words": ("30 arcsec", {}),
    "a radius a row": ("r95", {}),
    "ellipses": (ELLIPSE, {}),
    "99% of ellipses of 95%": (ErrorEllipse("r95", "minor", "angle", scale_to=0.97), {}),
    "circles of one size": (ErrorEllipse(0.2 * u.deg), {}),
    "ellipses of both sides": (ELLIPSE, {"left_ellipse": ErrorEllipse("error")}),
}


def test_catalogues_have_many_partitions(sky):
    left, right = (lsdb.open_catalog(sky[2] / side) for side in ("left", "right"))
    assert len(left.get_healpix_pixels()) >= 50
    assert len(right.get_healpix_pixels()) >= 12
    assert left.margin is None
    assert right.margin.hc_structure.catalog_info.margin_threshold == 3600


@pytest.mark.parametrize(("radius", "options"), REGIONS.values(), ids=REGIONS)
def test_pairs_are_those_in_memory(sky, radius, options):
    left, right, folder = sky
    expected = crossmatch_tables(left, right, radius, **options)
    assert len(expected) > 500
    assert_same(crossmatch_hats(folder / "left", folder / "right", radius, **options), expected)


def test_pairs_are_those_of_astropy(sky):
    left, right, folder = sky
    positions = [
        SkyCoord(table[lon], table[lat])
        for table, lon, lat in ((left, "ra", "dec"), (right, "RAJ2000", "DEJ2000"))
    ]
    j, i, *_ = positions[0].search_around_sky(positions[1], 0.1 * u.deg)
    pairs, _ = computed(crossmatch_hats(folder / "left", folder / "right", 0.1 * u.deg))
    assert set(zip(pairs["left_id"], pairs["right_id"], strict=True)) == set(zip(i, j, strict=True))


def test_many_pairs_lie_across_borders(sky):
    """Else the tests above would say nothing of margins."""
    from hats.pixel_math.healpix_shim import radec2pix

    left, right, folder = sky
    pairs = crossmatch_tables(left, right, "r95")
    order = min(pixel.order for pixel in lsdb.open_catalog(folder / "right").get_healpix_pixels())
    sides = [
        radec2pix(order, pairs[lon].data, pairs[lat].data)
        for lon, lat in (("ra", "dec"), ("RAJ2000", "DEJ2000"))
    ]
    assert np.sum(sides[0] != sides[1]) > 100


def test_either_catalogue_may_be_the_left_one(sky):
    left, right, folder = sky
    to_hats(left, folder / "wide", partition_rows=10_000, margin=0.2 * u.deg)
    expected = crossmatch_tables(right, left, 0.2 * u.deg)
    assert_same(crossmatch_hats(folder / "right", folder / "wide", 0.2 * u.deg), expected)


def test_left_join_and_prefixes(sky):
    left, right, folder = sky
    options = {"join": "left", "prefixes": ("csc_", "fermi_"), "prefix_all": True}
    expected = crossmatch_tables(left, right, 0.1 * u.deg, **options)
    assert len(expected) > LEFT_ROWS
    assert_same(
        crossmatch_hats(folder / "left", folder / "right", 0.1 * u.deg, **options), expected
    )


def test_lone_sources_reach_beyond_their_coverage(tmp_path):
    """A few sources that fill a small part of the sky, with left rows just inside a wide radius."""
    random = np.random.default_rng(8)
    ra, dec = even_sky(random, 40)
    right = Table({"source": np.arange(40), "ra": ra * u.deg, "dec": dec * u.deg})
    around = SkyCoord(np.repeat(ra, 100), np.repeat(dec, 100), unit="deg").directional_offset_by(
        random.uniform(0, 360, 4_000) * u.deg, random.uniform(0.85, 0.9001, 4_000) * u.deg
    )
    left = Table({"row": np.arange(4_000), "lon": around.ra, "lat": around.dec})
    to_hats(left, tmp_path / "left", coordinates=("lon", "lat"), partition_rows=50, margin=None)
    to_hats(right, tmp_path / "right", margin=0.9 * u.deg)
    expected = crossmatch_tables(left, right, 0.9 * u.deg, left_coordinates=("lon", "lat"))
    pairs = crossmatch_hats(tmp_path / "left", tmp_path / "right", 0.9 * u.deg).compute(
        progress_bar=False
    )
    assert set(zip(pairs["row"], pairs["source"], strict=True)) == set(
        zip(expected["row"], expected["source"], strict=True)
    )


def without_rows(folder, target):
    """A copy of a catalogue of which only the descriptions are left."""
    shutil.copytree(folder, target)
    for part in target.rglob("Npix=*.parquet"):
        part.unlink()
    return target


def test_nothing_is_read_before_compute(sky, tmp_path):
    left, right = (without_rows(sky[2] / side, tmp_path / side) for side in ("left", "right"))
    pairs = crossmatch_hats(left, right, 0.1 * u.deg)
    with pytest.raises(FileNotFoundError):
        pairs.compute(progress_bar=False)
    with pytest.raises(InvalidInputError, match=r"margin of 3600 arcsec, but .* is 3960 arcsec"):
        crossmatch_hats(left, right, 1.1 * u.deg)


def test_margin_that_is_too_narrow(sky, tmp_path):
    _, right, folder = sky
    with pytest.raises(InvalidInputError, match=r"no margin.*would be lost.*a margin of 360 "):
        crossmatch_hats(folder / "left", folder / "left", 0.1 * u.deg)
    to_hats(right, tmp_path / "narrow", margin=0.89 * u.deg)
    largest = np.ma.max(right["r95"]) * 60
    with pytest.raises(InvalidInputError, match=f"largest radius is {largest:.6g} arcsec"):
        crossmatch_hats(folder / "left", tmp_path / "narrow", "r95")
    with pytest.raises(InvalidInputError, match="would be lost"):
        crossmatch_hats(folder / "left", tmp_path / "narrow", ELLIPSE)
    with pytest.raises(InvalidInputError, match="would be lost"):  # 95% fit, 99% do not
        crossmatch_hats(folder / "left", folder / "right", ErrorEllipse("r95", scale_to=0.99))
    with pytest.raises(InvalidInputError, match="would be lost"):
        crossmatch_hats(
            folder / "left",
            folder / "right",
            ErrorEllipse("r95"),
            left_ellipse=ErrorEllipse(0.5 * u.deg),
        )


def test_algorithm_in_lsdb_itself(sky):
    left, right, folder = sky
    sides = [lsdb.open_catalog(folder / side) for side in ("left", "right")]
    pairs = sides[0].crossmatch(
        sides[1],
        algorithm=RadiusPairs("r95", right_units={"r95": u.arcmin}),
        suffixes=("_1", "_2"),
        suffix_method="overlapping_columns",
        log_changes=False,
    )
    assert len(pairs.compute(progress_bar=False)) == len(crossmatch_tables(left, right, "r95"))


def test_worker_processes_give_the_same(sky):
    """The algorithm travels to another process, and errors come back from it."""
    from dask.distributed import Client

    left, right, folder = sky
    with Client(n_workers=1, threads_per_worker=1, memory_limit="1GiB", dashboard_address=None):
        assert_same(
            crossmatch_hats(folder / "left", folder / "right", ELLIPSE),
            crossmatch_tables(left, right, ELLIPSE),
        )


def test_simulated_data_say_so(sky, tmp_path):
    pairs = crossmatch_hats(sky[2] / "left", sky[2] / "right", 0.1 * u.deg)
    assert pairs.hc_structure.catalog_info.simulated == SIMULATED
    pairs.write_catalog(tmp_path / "pairs", progress_bar=False)
    assert lsdb.open_catalog(tmp_path / "pairs").hc_structure.catalog_info.simulated == SIMULATED


BAD_REGIONS = {
    "a bare number": (0.1, "give it a unit"),
    "not an angle": (1 * u.s, "neither an angle"),
    "negative": (-1 * u.deg, "negative"),
    "one for each row": (np.full(RIGHT_ROWS, 0.1) * u.deg, "rows of catalogues have no numbers"),
    "no such column": ("r68", "no column 'r68'"),
    "text": ("name", "does not hold numbers"),
    "no unit": ("id", "no unit"),
    "no such axis": (ErrorEllipse("r95", "r68", "angle"), "no column 'r68'"),
    "larger minor axis": (
        ErrorEllipse("minor", "r95", "angle"),
        "wrong in .* partitions of the right .* longer than",
    ),
    "negative in a column": (
        ErrorEllipse("angle"),
        "wrong in .* partitions of the right .* negative",
    ),
}


@pytest.mark.parametrize(("radius", "message"), BAD_REGIONS.values(), ids=BAD_REGIONS)
def test_radii_that_are_none(sky, radius, message):
    with pytest.raises(InvalidInputError, match=message):
        crossmatch_hats(sky[2] / "left", sky[2] / "right", radius)


def test_other_bad_input(sky, tmp_path):
    paths = sky[2] / "left", sky[2] / "right"
    with pytest.raises(InvalidInputError, match="choose from inner, left"):
        crossmatch_hats(*paths, 1 * u.arcsec, join="outer")
    with pytest.raises(InvalidInputError, match="do not tell the sides apart"):
        crossmatch_hats(*paths, 1 * u.arcsec, prefixes=("a_", "a_"))
    with pytest.raises(InvalidInputError, match="left_ellipse"):
        crossmatch_hats(*paths, 1 * u.arcsec, left_ellipse=ErrorEllipse("error"))
    with pytest.raises(InvalidFileError, match="is not a HATS catalogue"):
        crossmatch_hats(tmp_path, paths[1], 1 * u.arcsec)
    with pytest.raises(InvalidInputError, match="no column 'ra'"):
        crossmatch_hats(lsdb.open_catalog(paths[0])[["id"]], paths[1], 1 * u.arcsec)


def test_unit_of_a_column_that_the_catalogue_does_not_tell(sky, tmp_path):
    left, right, folder = sky
    bare = Table({name: right[name].data for name in ("id", "RAJ2000", "DEJ2000", "r95")})
    bare["RAJ2000"].unit = bare["DEJ2000"].unit = "deg"
    to_hats(bare, tmp_path / "bare", margin=1 * u.deg)
    with pytest.raises(InvalidInputError, match=r"'r95' .* no unit"):
        crossmatch_hats(folder / "left", tmp_path / "bare", "r95")
    pairs = crossmatch_hats(folder / "left", tmp_path / "bare", "r95", units={"r95": "arcmin"})
    assert len(pairs.compute(progress_bar=False)) == len(crossmatch_tables(left, right, "r95"))


def test_to_hats_keeps_values_and_what_is_said_of_them(tmp_path):
    table = Table(
        {
            "ra": [10.0, 250.0, 350.5] * u.deg,
            "dec": [0.0, -89.0, 45.0] * u.deg,
            "count": MaskedColumn([1, 2, 3], mask=[False, True, False], dtype="i2"),
            "flux": Column(
                [1e-12, np.nan, 3.0],
                unit="erg/(s cm2)",
                description="Flux, 0.5-7 keV",
                meta={"ucd": "phot.flux"},
            ),
            "name": ["a", "bb", "é"],
            "flag": [True, False, True],
        }
    )
    table["matches"] = [np.array([1.5]), np.array([]), np.array([2.5, 3.5])]
    to_hats(table, tmp_path / "catalogue", margin=None)
    frame = lsdb.open_catalog(tmp_path / "catalogue").compute(progress_bar=False).sort_values("ra")
    assert frame["count"].isna().tolist() == [False, True, False]
    assert frame["flux"].tolist()[::2] == [1e-12, 3.0]
    assert np.isnan(frame["flux"].to_numpy(dtype=float, na_value=0.0)[1]), (
        "NaN is a value, not a missing one"
    )
    assert frame["name"].tolist() == ["a", "bb", "é"]
    assert frame["flag"].tolist() == [True, False, True]
    assert [list(cell) for cell in frame["matches"]] == [[1.5], [], [2.5, 3.5]]
    fields = {field.name: field for field in vo_fields(tmp_path / "catalogue" / "catalogue")}
    assert u.Unit(str(fields["flux"].unit)) == u.Unit("erg/(s cm2)")
    assert (fields["flux"].description, fields["flux"].ucd) == ("Flux, 0.5-7 keV", "phot.flux")
    assert fields["count"].unit is None


def vo_fields(folder):
    """The columns as the standard of VOTables in Parquet files describes them."""
    import io

    import pyarrow.parquet as pq
    from astropy.io.votable import parse

    metadata = pq.read_schema(folder / "dataset" / "_common_metadata").metadata
    return parse(io.BytesIO(metadata[b"IVOA.VOTable-Parquet.content"])).get_first_table().fields


def test_rows_without_position_are_left_out_aloud(tmp_path):
    ra = MaskedColumn([1.0, 2.0, 3.0], mask=[False, True, False], unit="deg")
    table = Table({"id": [1, 2, 3], "ra": ra, "dec": [0.0, 0.0, np.nan] * u.deg})
    with pytest.warns(InputWarning, match="2 of 3 rows have no position"):
        to_hats(table, tmp_path / "part")
    assert lsdb.open_catalog(tmp_path / "part").compute(progress_bar=False)["id"].tolist() == [1]
    with pytest.raises(InvalidInputError, match="No row"):
        to_hats(table[1:2], tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("kind", ["galactic", "skycoord", "arcmin", "longitudes below zero"])
def test_positions_of_other_kinds(sky, tmp_path, kind):
    _, right, _ = sky
    table = right[:300]["id", "RAJ2000", "DEJ2000"]
    positions = SkyCoord(table["RAJ2000"], table["DEJ2000"])
    if kind == "galactic":
        table = Table(
            {"id": table["id"], "GLON": positions.galactic.l, "GLAT": positions.galactic.b}
        )
    elif kind == "skycoord":
        table = QTable({"id": table["id"], "position": positions})
    elif kind == "arcmin":
        table["RAJ2000"], table["DEJ2000"] = (
            table[name].to("arcmin") for name in ("RAJ2000", "DEJ2000")
        )
    else:
        table["RAJ2000"] = (
            np.where(table["RAJ2000"] > 180, table["RAJ2000"] - 360, table["RAJ2000"]) * u.deg
        )
    to_hats(table, tmp_path / "catalogue", margin=0.5 * u.deg, partition_rows=10)
    expected = crossmatch_tables(table, table, 0.5 * u.deg)
    pairs, _ = computed(
        crossmatch_hats(tmp_path / "catalogue", tmp_path / "catalogue", 0.5 * u.deg)
    )
    assert len(expected) > 400
    np.testing.assert_array_equal(pairs["left_id"].to_numpy(), expected["left_id"])
    np.testing.assert_array_equal(
        pairs["separation"].to_numpy(dtype=float), u.Quantity(expected["separation"]).value
    )


def test_object_storage(sky):
    """An address instead of a folder: here in memory, as s3:// would be."""
    _, right, folder = sky
    to_hats(right, "memory://catalogues/right", margin=0.1 * u.deg)
    pairs = crossmatch_hats(folder / "left", "memory://catalogues/right", 0.1 * u.deg)
    assert_same(pairs, crossmatch_tables(sky[0], right, 0.1 * u.deg))


def test_to_hats_refuses(sky, tmp_path):
    _, right, folder = sky
    with pytest.raises(OutputError, match=r"is there already.*untouched"):
        to_hats(right, folder / "right")
    for margin, message in (
        (3.0, "margin 3.0 has no unit"),
        (-1 * u.deg, "between 0 and 180 deg"),
        (1 * u.s, "not an angle with a unit"),
        (30 * u.deg, "18 deg"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            to_hats(right, tmp_path / "bad", margin=margin)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="could not be written"):
        to_hats(right, tmp_path / "file" / "catalogue")
    to_hats(right[:5], tmp_path / "again")
    to_hats(right[:7], tmp_path / "again", overwrite=True)
    assert len(lsdb.open_catalog(tmp_path / "again").compute(progress_bar=False)) == 7
