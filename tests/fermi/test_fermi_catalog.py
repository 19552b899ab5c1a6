# Licensed under a 3-clause BSD style license - see LICENSE
"""Reading the catalogues: against astropy's own reader, in each release, and damaged files."""

import hashlib
import io

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Column, MaskedColumn, Table
from astroquery.exceptions import InputWarning

from astroquery_cfx import Fermi4FGL, InvalidFileError, InvalidInputError, crossmatch_tables
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.fermi.catalog import open_catalog
from astroquery_cfx.fermi.columns import known_column, known_columns, names_in_group

# What the header of a damaged file makes astropy warn of, before the error.
may_warn = pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyUserWarning")


def test_all_values_agree_with_astropy(release):
    name, path, rows = release
    table = Fermi4FGL.get_catalog(path=path)
    assert len(table) == rows
    assert table.meta["release"] == name
    with fits.open(path) as hdus:
        original = {column: np.array(hdus[1].data[column]) for column in hdus[1].columns.names}
    for file_name, expected in original.items():
        column = table[known_column(file_name).dr4_name]
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
        assert isinstance(column, MaskedColumn) == mask.any()


def test_names_units_and_descriptions_are_the_same_in_each_release(release):
    _, path, _ = release
    table = Fermi4FGL.get_catalog(path=path)
    assert table.colnames[: len(names_in_group("DR4"))] == names_in_group("DR4")
    for name in names_in_group("DR4"):
        assert table[name].description, name
        unit = u.Unit(known_column(name).unit or "")
        assert (table[name].unit or u.dimensionless_unscaled) == unit, name
        assert not isinstance(table[name].unit, u.UnrecognizedUnit)
    assert u.ph in table["Flux1000"].unit.bases
    assert table["RAJ2000"].meta["ucd"] == "pos.eq.ra;meta.main"
    for column in table.itercols():
        for containment in ("68", "95"):
            if column.name.startswith(f"Conf_{containment}"):
                assert f"{containment}%" in column.description


def test_units_of_the_known_columns_are_those_of_the_published_file(dr4):
    with fits.open(dr4) as hdus:
        columns = hdus[1].columns
    assert names_in_group("DR4") == columns.names
    for column in columns:
        published = u.Unit((column.unit or "").replace("photon", "ph"))
        assert published == u.Unit(known_column(column.name).unit or ""), column.name


def test_columns_have_the_display_formats_of_the_file(dr4):
    with fits.open(dr4) as hdus:
        assert hdus[1].columns["Signif_Avg"].disp == "F8.3"
        assert hdus[1].columns["Flux1000"].disp == "E10.4"
    table = Fermi4FGL.get_catalog(path=dr4, columns=["Signif_Avg", "Flux1000", "Flags"])
    assert [column.format for column in table.itercols()] == [".3f", ".4e", None]


def test_names_are_unique_and_missing_ellipses_are_masked(release):
    _, path, rows = release
    table = Fermi4FGL.get_catalog(path=path)
    assert len(set(table["Source_Name"])) == rows
    masked = table["Conf_95_SemiMajor"].mask
    assert 0 < masked.sum() < 100
    assert np.all(table["Conf_95_SemiMajor"][~masked] > 0)


def test_renamed_and_absent_columns_of_an_older_release(shared_data):
    table = Fermi4FGL.get_catalog(path=shared_data / "fermi" / "gll_psc_v27.fit.gz")
    assert table.meta["renamed"]["PLEC_IndexS"] == "PLEC_Index"
    assert table["PLEC_ExpfactorS"].meta["original_name"] == "PLEC_Expfactor"
    assert "not the local" in table["PLEC_IndexS"].description
    assert table.meta["absent"] == [
        *("LP_EPeak", "Unc_LP_EPeak", "PLEC_EPeak", "Unc_PLEC_EPeak", "ASSOC_4FGL")
    ]
    assert table["LP_EPeak"].mask.all()
    assert table["LP_EPeak"].unit == u.MeV
    assert table["LP_EPeak"].dtype == np.float32
    assert table["ASSOC_4FGL"].dtype.kind == "U"


def test_meta_names_only_the_columns_that_were_read(shared_data):
    path = shared_data / "fermi" / "gll_psc_v27.fit.gz"
    meta = Fermi4FGL.get_catalog(path=path, columns=["GLAT", "PLEC_IndexS", "LP_EPeak"]).meta
    assert meta["renamed"] == {"PLEC_IndexS": "PLEC_Index"}
    assert meta["absent"] == ["LP_EPeak"]


def test_data_release_and_earlier_names_in_each_release(shared_data, dr4):
    data_release = Fermi4FGL.get_catalog(path=dr4, columns=["DataRelease"])["DataRelease"]
    assert np.bincount(data_release).tolist() == [0, 5007, 710, 916, 562]
    fl16y = Fermi4FGL.get_catalog(path=shared_data / "fermi" / "gll_psc_v41.fit.gz")
    assert fl16y["DataRelease"].mask.all()  # it is not a data release of 4FGL
    # Its earlier 4FGL names are in the column of all earlier catalogues.
    with fits.open(shared_data / "fermi" / "gll_psc_v41.fit.gz") as hdus:
        earlier = np.char.strip(hdus[1].data["ASSOC_FGL"])
    is_4fgl = np.char.startswith(earlier, "4FGL J")
    assert is_4fgl.sum() > 6000
    assert np.array_equal(fl16y["ASSOC_4FGL"].mask, ~is_4fgl)
    assert np.array_equal(fl16y["ASSOC_4FGL"][is_4fgl], earlier[is_4fgl])


def test_sources_of_the_first_release_are_of_data_release_1(dr4, tmp_path):
    """DR1 has no column DataRelease; here it is a DR4 file without it."""
    path = tmp_path / "gll_psc_v50.fit"
    with fits.open(dr4) as hdus:
        columns = [column for column in hdus[1].columns if column.name != "DataRelease"]
        fits.BinTableHDU.from_columns(columns, name="LAT_Point_Source_Catalog").writeto(path)
    with pytest.warns(InputWarning, match="no release known"):
        table = Fermi4FGL.get_catalog(path=path)
    assert np.all(table["DataRelease"] == 1)
    assert "DataRelease" in table.meta["absent"]
    assert "Region_Kind" not in table.colnames  # without the extension ExtendedSources


def test_columns_are_read_alone_and_in_order(dr4):
    table = Fermi4FGL.get_catalog(path=dr4, columns=["GLAT", "Source_Name", "GLAT"])
    assert table.colnames == ["GLAT", "Source_Name"]
    assert table["Source_Name"][0] == "4FGL J0000.3-7355"
    assert Fermi4FGL.get_catalog(path=dr4, columns="GLAT, GLON").colnames == ["GLAT", "GLON"]
    everything = Fermi4FGL.get_catalog(path=dr4).colnames
    assert Fermi4FGL.get_catalog(path=dr4, columns="*").colnames == everything
    with pytest.raises(InvalidInputError, match="list of columns is empty"):
        Fermi4FGL.get_catalog(path=dr4, columns=[])


def test_old_names_of_columns_are_understood(shared_data):
    path = shared_data / "fermi" / "gll_psc_v27.fit.gz"
    table = Fermi4FGL.get_catalog(path=path, columns=["PLEC_Index", "CLASS"])
    assert table.colnames == ["PLEC_IndexS", "CLASS1"]


def test_an_unknown_column_is_named_with_the_nearest(dr4):
    with pytest.raises(InvalidInputError, match=r"no column 'Flux_1000'.*mean.*Flux1000"):
        Fermi4FGL.get_catalog(path=dr4, columns=["Flux_1000"])
    with pytest.raises(InvalidInputError, match=r"no column '\?'.*see the colnames"):
        Fermi4FGL.get_catalog(path=dr4, columns=["?"])


def test_meta_gives_the_origin_of_the_table(dr4, dr4_content):
    meta = Fermi4FGL.get_catalog(path=dr4, columns=["GLAT"]).meta
    assert meta["file"] == "gll_psc_v35.fit"
    assert meta["version"] == "v35"
    assert meta["sha256"] == hashlib.sha256(dr4_content).hexdigest()
    assert "2307.12546" in meta["citation"]
    assert meta["title"] == "4FGL-DR4, 14 years"
    assert (meta["data_start"], meta["data_stop"]) == (
        "2008-08-04T15:43:36.4941",
        "2022-08-02T21:53:14.9999",
    )
    assert not {"absent", "renamed"} & set(meta)


def test_all_extensions_are_read_by_name(dr4):
    catalog = open_catalog(dr4)
    assert catalog.extension_names() == [
        *("LAT_Point_Source_Catalog", "ExtendedSources", "ROIs", "Components", "EnergyBounds"),
        *("Hist_Start", "GTI"),
    ]
    for name in catalog.extension_names():
        table, expected = catalog.read_extension(name.lower()), Table.read(dr4, hdu=name)
        assert len(table) == len(expected), name
        if name != "LAT_Point_Source_Catalog":
            assert table.colnames == expected.colnames
    for name in ("Extended", "PRIMARY", None):
        with pytest.raises(InvalidInputError, match=rf"no extension {name!r}.*ExtendedSources"):
            catalog.read_extension(name)


def save_changed(path, target, change):
    """Save the file with a change, and with right checksums."""
    with fits.open(path) as hdus:
        change(hdus)
        hdus.writeto(target, checksum=True)
    return target


def set_version(version, **keywords):
    def change(hdus):
        hdus[1].header["VERSION"] = hdus[0].header["VERSION"] = version
        hdus[1].header.update({name.replace("_", "-"): value for name, value in keywords.items()})

    return change


def test_an_unknown_version_is_read_with_a_warning(dr4, tmp_path):
    path = save_changed(dr4, tmp_path / "gll_psc_v50.fit", set_version("v50", CDS_NAME="5FGL"))
    with pytest.warns(InputWarning, match="5FGL v50") as warned:
        table = Fermi4FGL.get_catalog(path=path)
    assert warned[0].filename == __file__
    assert table.meta["release"] == table.meta["title"] == "5FGL v50"
    assert "own page" in table.meta["citation"]
    assert len(table) == 7195


def test_columns_of_an_unknown_version(dr4, tmp_path):
    """New columns are kept; values are converted to the units of DR4 where that is possible."""
    path = tmp_path / "gll_psc_v51.fit"
    names = ["Source_Name", "RAJ2000", "DEJ2000", "GLON", "GLAT", "Signif_Avg", "SpectrumType"]
    hdus = fits.open(dr4, memmap=False)
    columns = [hdus[1].columns[name] for name in names]
    numbers = np.arange(7195.0)
    columns += [
        fits.Column("New_Column", "E", array=numbers, unit="furlong"),
        fits.Column("Energy_Flux100", "E", array=numbers, unit="W m-2"),
        fits.Column("Pivot_Energy", "D", array=numbers, unit="m"),
        fits.Column("Flux1000", "E", array=numbers),
        fits.Column("Npred", "E", array=numbers, disp="I4"),
        fits.Column("LP_EPeak", "E", array=numbers, unit="a unit"),
        fits.Column("Flags", "J", array=np.arange(7195), null=7),
    ]
    sources = fits.BinTableHDU.from_columns(columns, name="LAT_Point_Source_Catalog")
    sources.header["TUCD1"] = "meta.id  "
    sources.header["VERSION"] = "v51"
    fits.HDUList([fits.PrimaryHDU(), sources]).writeto(path)
    hdus.close()
    with pytest.warns(InputWarning, match="no release known"):
        table = Fermi4FGL.get_catalog(path=path)
    assert table["New_Column"][7194] == 7194
    assert table["New_Column"].unit == u.Unit("furlong", parse_strict="silent")
    assert table["New_Column"].description in (None, "")
    assert table.colnames[-1] == "New_Column"  # after those of DR4
    assert table["Energy_Flux100"].unit == u.Unit("erg cm-2 s-1")
    assert table["Energy_Flux100"][5] == pytest.approx(5000)
    assert table["Energy_Flux100"].dtype == np.float32
    assert (table["Pivot_Energy"].unit, table["Pivot_Energy"][5]) == (u.m, 5)
    assert table["Flux1000"].unit == u.Unit("ph cm-2 s-1")
    assert (str(table["LP_EPeak"].unit), table["LP_EPeak"][5]) == ("a unit", 5)
    assert np.flatnonzero(table["Flags"].mask).tolist() == [7]
    assert table["Source_Name"].meta["ucd"] == "meta.id"
    assert table["Npred"].format is None
    assert "absent" not in table.meta  # a selection of columns does not lack the others


def test_text_that_is_not_ascii_is_read(dr4, tmp_path):
    content = dr4.read_bytes().replace(b"4FGL J0000.3-7355", b"4FGL J0000.3\xb17355", 1)
    with fits.open(io.BytesIO(content)) as hdus:
        set_version("v50")(hdus)
        for hdu in hdus:
            for keyword in ("CHECKSUM", "DATASUM"):
                hdu.header.remove(keyword, ignore_missing=True)
        hdus.writeto(tmp_path / "latin.fit")
    with pytest.warns(InputWarning, match="no release known"):
        table = Fermi4FGL.get_catalog(path=tmp_path / "latin.fit", columns=["Source_Name"])
    assert table["Source_Name"][0] == "4FGL J0000.3±7355"


@pytest.mark.parametrize(
    "column",
    [
        fits.Column("New_Column", "L", array=np.ones(7195, bool)),
        fits.Column("New_Column", "J", array=np.arange(7195), bzero=2**31),
        fits.Column("New_Column", "E", array=np.arange(7195.0), bscale=0.5),
    ],
    ids=["logical", "unsigned", "scaled"],
)
def test_columns_of_a_kind_that_the_catalogues_do_not_have_are_refused(dr4, tmp_path, column):
    path = tmp_path / "gll_psc_v51.fit"
    with fits.open(dr4) as hdus:
        columns = hdus[1].columns + fits.ColDefs([column])
        sources = fits.BinTableHDU.from_columns(columns, name="LAT_Point_Source_Catalog")
        fits.HDUList([fits.PrimaryHDU(), sources]).writeto(path)
    with (
        pytest.warns(InputWarning, match="no release known"),
        pytest.raises(InvalidFileError, match=r"The column 'New_Column'.*is scaled"),
    ):
        Fermi4FGL.get_catalog(path=path)


def test_an_older_file_of_a_release_is_read_with_a_warning(dr4, tmp_path):
    path = save_changed(dr4, tmp_path / "gll_psc_v29.fit", set_version("v29"))
    with pytest.warns(InputWarning, match="older file of DR3, now v31"):
        assert Fermi4FGL.get_catalog(path=path, columns=["GLAT"]).meta["release"] == "DR3"


def test_the_latest_file_of_a_release_is_read_without_a_warning(dr4, tmp_path):
    """The checksum of v31 is not known: its own checksums must do."""
    path = save_changed(dr4, tmp_path / "gll_psc_v31.fit", set_version("v31"))
    assert Fermi4FGL.get_catalog(path=path, columns=["GLAT"]).meta["release"] == "DR3"


@pytest.mark.parametrize("keep", [0, 100, 2880, 9000, 1_000_000, 7_819_199])
def test_a_truncated_file_is_refused(dr4_content, tmp_path, keep):
    path = tmp_path / "cut.fit"
    path.write_bytes(dr4_content[:keep])
    with pytest.raises(InvalidFileError, match=r"is cut|is empty|not a Fermi LAT catalogue"):
        Fermi4FGL.get_catalog(path=path)


@may_warn
@pytest.mark.parametrize("blocks", [2, 10, 15, 1000, 2218, 2714])
def test_a_file_truncated_after_a_whole_block_is_refused(dr4_content, tmp_path, blocks):
    """In a header, in the data, in a later extension, and before the last block."""
    assert len(dr4_content) == 2715 * 2880
    path = tmp_path / "cut.fit"
    path.write_bytes(dr4_content[: blocks * 2880])
    with pytest.raises(InvalidFileError, match=r"is cut|is damaged|cut or damaged"):
        Fermi4FGL.get_catalog(path=path)


@may_warn
def test_a_file_with_something_behind_its_end_is_refused(dr4_content, tmp_path):
    path = tmp_path / "long.fit"
    path.write_bytes(dr4_content + b"\0" * 2880)
    with pytest.raises(InvalidFileError, match="damaged"):
        Fermi4FGL.get_catalog(path=path)


def test_a_truncated_gzip_file_is_refused(shared_data, tmp_path):
    path = tmp_path / "cut.fit.gz"
    path.write_bytes((shared_data / "fermi" / "gll_psc_v35.fit.gz").read_bytes()[:100_000])
    with pytest.raises(InvalidFileError, match="cut or damaged"):
        Fermi4FGL.get_catalog(path=path)


@may_warn
@pytest.mark.parametrize("position", [50, 3000, 30_000, 60_000, 1_000_000, 7_000_000])
def test_a_flipped_bit_is_found(dr4_content, tmp_path, position):
    content = bytearray(dr4_content)
    content[position] ^= 4
    path = tmp_path / "flipped.fit"
    path.write_bytes(content)
    with pytest.raises(InvalidFileError, match=r"damaged|cut|Fermi LAT|lacks columns"):
        Fermi4FGL.get_catalog(path=path)


@pytest.mark.parametrize("position", [60_000, 1_000_000, 6_000_000])
def test_checksums_find_a_flipped_bit_in_an_unknown_version(dr4, tmp_path, position):
    path = save_changed(dr4, tmp_path / "gll_psc_v50.fit", set_version("v50"))
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(InvalidFileError, match="checksum of its extension LAT_Point_Source_Cat"):
        Fermi4FGL.get_catalog(path=path)


def test_checksums_find_a_changed_header(dr4, tmp_path):
    path = save_changed(dr4, tmp_path / "gll_psc_v50.fit", set_version("v50"))
    path.write_bytes(path.read_bytes().replace(b"TUNIT3  = 'deg ", b"TUNIT3  = 'rad "))
    with pytest.raises(InvalidFileError, match="checksum of its extension LAT_Point_Source_Cat"):
        Fermi4FGL.get_catalog(path=path)


def test_a_changed_file_with_right_checksums_is_not_taken_as_published(dr4, tmp_path):
    def change(hdus):
        hdus[1].data["Signif_Avg"][0] = 100

    path = save_changed(dr4, tmp_path / "gll_psc_v35.fit", change)
    with pytest.raises(InvalidFileError, match=r"SHA-256 is not that of gll_psc_v35\.fit"):
        Fermi4FGL.get_catalog(path=path)


def test_sources_of_the_same_name_are_refused(dr4, tmp_path):
    def change(hdus):
        set_version("v50")(hdus)
        hdus[1].data["Source_Name"][1] = hdus[1].data["Source_Name"][0]

    path = save_changed(dr4, tmp_path / "gll_psc_v50.fit", change)
    with (
        pytest.warns(InputWarning, match="no release known"),
        pytest.raises(InvalidFileError, match="sources have the same name"),
    ):
        Fermi4FGL.get_catalog(path=path)


@may_warn
@pytest.mark.filterwarnings("ignore::astroquery.exceptions.InputWarning")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"TTYPE10 = 'Conf", b"TTYPE10 = \xff" + b"Conf"),
        (b"TFORM20 = 'E ", b"TFORM20 = 'D "),
        (b"TTYPE11 = 'Conf_95_SemiMinor'", b"TTYPE11 = 'Conf_95_SemiMajor'"),
        (b"NAXIS1  = ", b"NAXIS1  = '"),
        (b"EXTNAME = 'ExtendedSources'", b"EXTNAME = ExtendedSources'"),
        (b"DATE-OBS= '", b"DATE-OBS=  "),
        (b"TTYPE7  = 'Model_SemiMajor'", b"TTYPE7  = 'Model_SemiMinus'"),
    ],
)
def test_a_damaged_header_without_checksums_is_an_error(dr4, tmp_path, before, after):
    path = tmp_path / "gll_psc_v50.fit"
    with fits.open(dr4) as hdus:
        set_version("v50")(hdus)
        for hdu in hdus:
            for keyword in ("CHECKSUM", "DATASUM"):
                hdu.header.remove(keyword, ignore_missing=True)
        hdus.writeto(path)
    content = path.read_bytes()
    place = content.index(before, 5760)  # after the primary header
    path.write_bytes(content[:place] + after + content[place + len(after) :])
    with pytest.raises(InvalidFileError, match=r"gll_psc_v50\.fit.*damaged"):
        Fermi4FGL.get_catalog(path=path)


def test_a_web_page_is_called_one(tmp_path):
    path = tmp_path / "gll_psc_v35.fit"
    path.write_text("<!DOCTYPE html>\n<html><body>Down for maintenance</body></html>")
    with pytest.raises(InvalidFileError, match="is a web page"):
        Fermi4FGL.get_catalog(path=path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x89PNG", "begins with b'.x89PNG'"),
        (b"a,b\n1,2\n", "not a FITS file"),
        (b"\x00" * 5000, "not a FITS file"),
        (b"<?xml version='1.0'?><VOTABLE/>", "is XML or HTML, not a FITS file"),
    ],
)
def test_files_that_are_not_fits_are_refused(tmp_path, content, words):
    path = tmp_path / "something"
    path.write_bytes(content)
    with pytest.raises(InvalidFileError, match=words):
        Fermi4FGL.get_catalog(path=path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidFileError, match=r"nowhere\.fit.*No such file"):
        Fermi4FGL.get_catalog(path=tmp_path / "nowhere.fit")


def test_another_catalogue_is_refused(tmp_path):
    path = tmp_path / "stars.fits"
    Table({"star": ["a"], "magnitude": [1.0]}).write(path)
    with pytest.raises(InvalidFileError, match="not a Fermi LAT catalogue: it holds a table with"):
        Fermi4FGL.get_catalog(path=path)
    image = tmp_path / "image.fits"
    fits.PrimaryHDU(np.zeros((10, 10))).writeto(image)
    with pytest.raises(InvalidFileError, match="it holds no table"):
        Fermi4FGL.get_catalog(path=image)


def test_an_older_lat_catalogue_is_refused(dr4, tmp_path):
    def change(hdus):
        hdus[1].header["CDS-NAME"] = "3FGL"

    path = save_changed(dr4, tmp_path / "gll_psc_v16.fit", change)
    with pytest.raises(InvalidFileError, match="the catalogue 3FGL"):
        Fermi4FGL.get_catalog(path=path)


def test_missing_columns_are_named(dr4, tmp_path):
    def change(hdus):
        hdus[1].columns.change_name("RAJ2000", "RA")

    path = save_changed(dr4, tmp_path / "renamed.fit", change)
    with pytest.raises(InvalidFileError, match=r"lacks columns.*renamed: RAJ2000\."):
        Fermi4FGL.get_catalog(path=path)


def test_a_selection_saved_by_astropy_is_read(dr4, tmp_path):
    path = tmp_path / "bright.fits"
    whole = Table.read(dr4, hdu=1)
    whole.meta = {"VERSION": "v35"}
    names = ["Source_Name", "RAJ2000", "DEJ2000", "GLON", "GLAT", "Signif_Avg"]
    whole[:20][[*names, "Energy_Flux100", "SpectrumType"]].write(path)
    table = Fermi4FGL.get_catalog(path=path)
    assert len(table) == 20
    assert table.meta["release"] == "DR4"


def test_a_gzipped_file_gives_the_same_table(shared_data, dr4):
    packed = Fermi4FGL.get_catalog(path=shared_data / "fermi" / "gll_psc_v35.fit.gz")
    plain = Fermi4FGL.get_catalog(path=dr4)
    assert packed.meta["sha256"] == plain.meta["sha256"]
    assert packed.meta["file"] == "gll_psc_v35.fit.gz"
    assert np.array_equal(packed["Flux_Band"], plain["Flux_Band"])
    assert isinstance(packed["Conf_95_SemiMajor"], MaskedColumn)
    assert type(packed["RAJ2000"]) is Column


def test_ucds_mark_the_position_to_match_by():
    catalog = Fermi4FGL.get_catalog("DR4", path=shipped_catalog())
    chandra = Table({"ra": [83.633], "dec": [22.014]}, units=["deg", "deg"])
    pairs = crossmatch_tables(chandra, catalog, 0.02 * u.deg)  # a warning would be an error
    assert set(pairs["Source_Name"]) == {
        *("4FGL J0534.5+2200", "4FGL J0534.5+2201i", "4FGL J0534.5+2201s")
    }
    assert catalog["DEJ2000"].meta["ucd"] == "pos.eq.dec;meta.main"


def test_each_known_column_is_described_once():
    columns = known_columns().values()
    assert {column.group for column in columns} == {"DR4", "other", "region", "renamed"}
    assert all(column.description for column in columns)
    for column in columns:
        assert (column.dr4_name != column.name) == (column.group == "renamed")
        assert column.group != "renamed" or column.dr4_name in names_in_group("DR4")
        u.Unit(column.unit)
