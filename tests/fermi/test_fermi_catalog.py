# Licensed under a 3-clause BSD style license - see LICENSE
"""Reading the catalogues: against astropy's own reader, for each release, and from damaged files."""

import gzip
import hashlib
import io

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from astroquery.exceptions import InputWarning

from astroquery_cfx import Fermi4FGL, InvalidFileError, InvalidInputError, crossmatch_tables
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.fermi.catalog import open_catalog
from astroquery_cfx.fermi.columns import COLUMNS, RENAMED

RELEASES = {"DR2": (27, 5788), "DR4": (35, 7195), "FL16Y": (41, 7224)}


@pytest.fixture(params=RELEASES)
def release(request, shared_data):
    """Name, path and number of rows of each release at hand."""
    version, rows = RELEASES[request.param]
    return request.param, shared_data / "fermi" / f"gll_psc_v{version}.fit.gz", rows


@pytest.fixture(scope="module")
def dr4(shared_data, tmp_path_factory):
    """The published file of DR4, not gzipped."""
    path = tmp_path_factory.mktemp("dr4") / "gll_psc_v35.fit"
    path.write_bytes(gzip.decompress((shared_data / "fermi" / "gll_psc_v35.fit.gz").read_bytes()))
    return path


def astropy_columns(path):
    """Columns by astropy.io.fits: the independent reader."""
    with fits.open(path) as hdus:
        return {name: np.array(hdus[1].data[name]) for name in hdus[1].columns.names}


def test_every_value_is_that_of_astropy(release):
    name, path, rows = release
    table = Fermi4FGL.get_catalog(path=path)
    assert len(table) == rows
    assert table.meta["release"] == name
    original = astropy_columns(path)
    for file_name, expected in original.items():
        column = table[RENAMED.get(file_name, file_name)]
        mask = np.ma.getmaskarray(np.ma.asarray(column))
        values = np.asarray(column)
        if expected.dtype.kind in "SU":
            expected = np.char.strip(expected)
            assert np.array_equal(mask, expected == ""), file_name
            assert np.array_equal(values[~mask], expected[~mask]), file_name
        elif expected.dtype.kind == "f":
            assert values.shape == expected.shape, file_name
            assert np.array_equal(mask, ~np.isfinite(expected)), file_name
            assert np.array_equal(values[~mask], expected[~mask]), file_name
        else:
            assert np.array_equal(values, expected), file_name
            assert not mask.any()
        assert values.dtype.isnative


def test_names_units_and_descriptions_are_the_same_in_each_release(release):
    _, path, _ = release
    table = Fermi4FGL.get_catalog(path=path)
    assert set(COLUMNS) <= set(table.colnames)
    for name, (unit, _) in COLUMNS.items():
        assert table[name].description, name
        assert (table[name].unit or u.dimensionless_unscaled) == u.Unit(unit or ""), name
        assert not isinstance(table[name].unit, u.UnrecognizedUnit)
    assert u.ph in table["Flux1000"].unit.bases
    assert table["RAJ2000"].meta["ucd"] == "pos.eq.ra;meta.main"
    for column in table.itercols():
        for containment in ("68", "95"):
            if column.name.startswith(f"Conf_{containment}"):
                assert f"{containment}%" in column.description


def test_names_are_unique_and_ellipses_of_nan_masked(release):
    _, path, rows = release
    table = Fermi4FGL.get_catalog(path=path)
    assert len(set(table["Source_Name"])) == rows
    masked = table["Conf_95_SemiMajor"].mask
    assert 0 < masked.sum() < 100
    assert np.all(table["Conf_95_SemiMajor"][~masked] > 0)


def test_what_older_releases_call_otherwise_is_said(shared_data):
    table = Fermi4FGL.get_catalog(path=shared_data / "fermi" / "gll_psc_v27.fit.gz")
    assert table.meta["renamed"]["PLEC_IndexS"] == "PLEC_Index"
    assert table["PLEC_ExpfactorS"].meta["original_name"] == "PLEC_Expfactor"
    assert "not the local" in table["PLEC_IndexS"].description
    assert table.meta["absent"] == [
        "LP_EPeak",
        "Unc_LP_EPeak",
        "PLEC_EPeak",
        "Unc_PLEC_EPeak",
        "ASSOC_4FGL",
    ]
    assert table["LP_EPeak"].mask.all()


def test_data_release_is_there_in_each_release(shared_data):
    folder = shared_data / "fermi"
    dr4 = Fermi4FGL.get_catalog(path=folder / "gll_psc_v35.fit.gz", columns=["DataRelease"])[
        "DataRelease"
    ]
    assert np.bincount(dr4).tolist() == [0, 5007, 710, 916, 562]
    fl16y = Fermi4FGL.get_catalog(path=folder / "gll_psc_v41.fit.gz")
    assert fl16y["DataRelease"].mask.all()  # it is no data release of 4FGL
    # its earlier 4FGL names stand in the column of all earlier catalogues
    earlier = fl16y["ASSOC_4FGL"]
    assert np.all(np.char.startswith(np.asarray(earlier[~earlier.mask]), "4FGL J"))
    assert (~earlier.mask).sum() > 6000


def test_columns_are_read_alone_and_in_order(dr4):
    table = Fermi4FGL.get_catalog(path=dr4, columns=["GLAT", "Source_Name"])
    assert table.colnames == ["GLAT", "Source_Name"]
    assert table["Source_Name"][0] == "4FGL J0000.3-7355"
    assert Fermi4FGL.get_catalog(path=dr4, columns="GLAT, GLON").colnames == ["GLAT", "GLON"]


def test_an_old_name_of_a_column_is_understood(shared_data):
    table = Fermi4FGL.get_catalog(
        path=shared_data / "fermi" / "gll_psc_v27.fit.gz", columns=["PLEC_Index"]
    )
    assert table.colnames == ["PLEC_IndexS"]


def test_an_unknown_column_is_named(dr4):
    with pytest.raises(InvalidInputError, match=r"no column 'Flux_1000'.*Flux1000"):
        Fermi4FGL.get_catalog(path=dr4, columns=["Flux_1000"])


def test_meta_says_where_the_table_is_from(dr4):
    meta = Fermi4FGL.get_catalog(path=dr4, columns=["GLAT"]).meta
    assert meta["file"] == "gll_psc_v35.fit"
    assert meta["version"] == "v35"
    assert meta["sha256"] == hashlib.sha256(dr4.read_bytes()).hexdigest()
    assert "2307.12546" in meta["citation"]
    assert "absent" not in meta


def test_all_extensions_are_kept(dr4):
    catalog = open_catalog(dr4)
    assert catalog.extension_names() == [
        "LAT_Point_Source_Catalog",
        "ExtendedSources",
        "ROIs",
        "Components",
        "EnergyBounds",
        "Hist_Start",
        "GTI",
    ]
    for name in catalog.extension_names():
        assert len(catalog.read_extension(name)) == len(Table.read(dr4, hdu=name)), name
    with pytest.raises(InvalidInputError, match="ExtendedSources"):
        catalog.read_extension("Extended")


def resaved(path, target, *, change):
    """The file with a change, with right checksums."""
    with fits.open(path) as hdus:
        change(hdus)
        hdus.writeto(target, checksum=True)
    return target


def test_an_unknown_version_is_read_with_a_warning(dr4, tmp_path):
    def change(hdus):
        hdus[1].header["VERSION"] = hdus[0].header["VERSION"] = "v50"
        hdus[1].header["CDS-NAME"] = "5FGL"

    path = resaved(dr4, tmp_path / "gll_psc_v50.fit", change=change)
    with pytest.warns(InputWarning, match="5FGL v50.*no release known"):
        table = Fermi4FGL.get_catalog(path=path)
    assert table.meta["release"] == "5FGL v50"
    assert len(table) == 7195


def test_a_new_column_of_an_unknown_version_is_kept(dr4, tmp_path):
    path = tmp_path / "gll_psc_v51.fit"
    with fits.open(dr4) as hdus:
        columns = hdus[1].columns + fits.ColDefs(
            [fits.Column("New_Column", "E", array=np.arange(7195.0))]
        )
        sources = fits.BinTableHDU.from_columns(columns, name="LAT_Point_Source_Catalog")
        sources.header["VERSION"] = "v51"
        fits.HDUList([fits.PrimaryHDU(), sources]).writeto(path)
    with pytest.warns(InputWarning, match="no release known"):
        table = Fermi4FGL.get_catalog(path=path)
    assert table["New_Column"][7194] == 7194


def test_an_older_file_of_a_release_is_read_with_a_warning(dr4, tmp_path):
    def change(hdus):
        hdus[1].header["VERSION"] = hdus[0].header["VERSION"] = "v29"

    path = resaved(dr4, tmp_path / "gll_psc_v29.fit", change=change)
    with pytest.warns(InputWarning, match="older file of DR3, now v31"):
        assert Fermi4FGL.get_catalog(path=path, columns=["GLAT"]).meta["release"] == "DR3"


@pytest.mark.parametrize("keep", [0, 100, 2880, 9000, 1_000_000, 7_819_199])
def test_a_cut_file_is_found(dr4, tmp_path, keep):
    path = tmp_path / "cut.fit"
    path.write_bytes(dr4.read_bytes()[:keep])
    with pytest.raises(InvalidFileError, match=r"cut|empty|Fermi LAT catalogue|FITS"):
        Fermi4FGL.get_catalog(path=path)


def test_a_cut_gzip_file_is_found(shared_data, tmp_path):
    path = tmp_path / "cut.fit.gz"
    path.write_bytes((shared_data / "fermi" / "gll_psc_v35.fit.gz").read_bytes()[:100_000])
    with pytest.raises(InvalidFileError, match="cut or damaged"):
        Fermi4FGL.get_catalog(path=path)


@pytest.mark.parametrize("position", [50, 3000, 30_000, 60_000, 1_000_000, 7_000_000])
def test_a_flipped_bit_is_found(dr4, tmp_path, position):
    content = bytearray(dr4.read_bytes())
    content[position] ^= 4
    path = tmp_path / "flipped.fit"
    path.write_bytes(content)
    with pytest.raises(InvalidFileError, match=r"damaged|cut|Fermi LAT|lacks columns"):
        Fermi4FGL.get_catalog(path=path)


def test_a_flipped_bit_is_found_by_the_fits_checksums_alone(dr4, tmp_path):
    def change(hdus):
        hdus[1].header["VERSION"] = hdus[0].header["VERSION"] = "v50"

    path = resaved(dr4, tmp_path / "gll_psc_v50.fit", change=change)
    content = bytearray(path.read_bytes())
    content[1_000_000] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        InvalidFileError, match="checksum of its extension LAT_Point_Source_Catalog"
    ):
        Fermi4FGL.get_catalog(path=path)


def test_a_web_page_is_named_one(tmp_path):
    path = tmp_path / "gll_psc_v35.fit"
    path.write_text("<!DOCTYPE html>\n<html><body>Down for maintenance</body></html>")
    with pytest.raises(InvalidFileError, match="is a web page"):
        Fermi4FGL.get_catalog(path=path)


@pytest.mark.parametrize("content", [b"\x89PNG", b"a,b\n1,2\n", b"\x00" * 5000])
def test_what_is_not_fits_is_named_so(tmp_path, content):
    path = tmp_path / "something"
    path.write_bytes(content)
    with pytest.raises(InvalidFileError, match="not a FITS file"):
        Fermi4FGL.get_catalog(path=path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidFileError, match=r"nowhere\.fit.*No such file"):
        Fermi4FGL.get_catalog(path=tmp_path / "nowhere.fit")


def test_another_catalogue_is_named(tmp_path):
    path = tmp_path / "stars.fits"
    Table({"star": ["a"], "magnitude": [1.0]}).write(path)
    with pytest.raises(InvalidFileError, match="not a Fermi LAT catalogue"):
        Fermi4FGL.get_catalog(path=path)
    image = tmp_path / "image.fits"
    fits.PrimaryHDU(np.zeros((10, 10))).writeto(image)
    with pytest.raises(InvalidFileError, match="it holds no table"):
        Fermi4FGL.get_catalog(path=image)


def test_an_older_lat_catalogue_is_named(dr4, tmp_path):
    def change(hdus):
        hdus[1].header["CDS-NAME"] = "3FGL"

    path = resaved(dr4, tmp_path / "gll_psc_v16.fit", change=change)
    with pytest.raises(InvalidFileError, match="the catalogue 3FGL"):
        Fermi4FGL.get_catalog(path=path)


def test_renamed_columns_are_named(dr4, tmp_path):
    def change(hdus):
        hdus[1].columns.change_name("RAJ2000", "RA")

    path = resaved(dr4, tmp_path / "renamed.fit", change=change)
    with pytest.raises(InvalidFileError, match=r"lacks columns.*RAJ2000"):
        Fermi4FGL.get_catalog(path=path)


def test_a_selection_saved_by_astropy_is_read(dr4, tmp_path):
    path = tmp_path / "bright.fits"
    whole = Table.read(dr4, hdu=1)
    whole.meta = {"VERSION": "v35"}
    whole[:20][
        "Source_Name",
        "RAJ2000",
        "DEJ2000",
        "GLON",
        "GLAT",
        "Energy_Flux100",
        "Signif_Avg",
        "SpectrumType",
    ].write(path)
    table = Fermi4FGL.get_catalog(path=path)
    assert len(table) == 20
    assert table.meta["release"] == "DR4"


def test_gzip_in_memory_and_plain_give_the_same(shared_data, dr4):
    packed = Fermi4FGL.get_catalog(path=shared_data / "fermi" / "gll_psc_v35.fit.gz")
    plain = Fermi4FGL.get_catalog(path=dr4)
    assert packed.meta["sha256"] == plain.meta["sha256"]
    text = io.StringIO()
    packed.info(out=text)
    assert "MaskedColumn" in text.getvalue()
    assert np.array_equal(packed["Flux_Band"], plain["Flux_Band"])


def test_a_catalogue_says_which_position_to_match_by():
    catalog = Fermi4FGL.get_catalog("DR4", path=shipped_catalog())
    chandra = Table({"ra": [83.633], "dec": [22.014]}, units=["deg", "deg"])
    pairs = crossmatch_tables(chandra, catalog, 0.02 * u.deg)  # a warning would be an error
    assert set(pairs["Source_Name"]) == {
        "4FGL J0534.5+2200",
        "4FGL J0534.5+2201i",
        "4FGL J0534.5+2201s",
    }
    assert catalog["RAJ2000"].meta["ucd"] == "pos.eq.ra;meta.main"
