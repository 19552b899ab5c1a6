# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables to files and back: nothing is lost, damaged files are reported, same table, same bytes."""

import errno
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.time import Time
from astropy.utils.masked import Masked
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from astroquery_cfx import InvalidFileError, InvalidInputError, OutputError
from astroquery_cfx.files import FORMATS, file_format, read_table, write_aside, write_table

ENDINGS = ("ecsv", "csv", "fits", "fits.gz", "vot", "parquet")


def lists(*cells):
    column = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        column[row] = np.array(cell[0], dtype=cell[1])
    return column


def hard_table():
    """Return a table in which each column has a way to be lost."""
    table = Table(meta={"simulated": "Not a real sky.", "nested": {"a": [1, 2.5, None]}, "é": "ü"})
    table["flux"] = Column(
        lists(([1.0, np.nan], float), ([], float), ([0.1], float)),
        unit="erg / (s cm2)",
        description="Fluxes, not équal",
        meta={"ucd": "phot.flux"},
    )
    table["names"] = lists((['a, "b"', "é "], str), ([], str), ([""], str))
    table["counts"] = lists(([1, 2], int), ([], int), ([3], int))
    table["hidden_list"] = MaskedColumn(
        lists(([1.0], float), ([2.0], float), ([], float)), mask=[0, 1, 0]
    )
    table["shown_list"] = MaskedColumn(lists(([1], int), ([2, 3], int), ([], int)))
    table["text"] = MaskedColumn(["", "x", "y"], mask=[0, 1, 0])
    table["unit_text"] = MaskedColumn(["z", "x", "y"], mask=[0, 1, 0])
    table["not_masked"] = MaskedColumn([1.0, 2.0, 3.0])
    table["nan_and_masked"] = MaskedColumn([np.nan, 1.0, 2.0], mask=[0, 1, 0], unit=u.deg)
    table["integer"] = MaskedColumn([3, 1, 2], mask=[0, 1, 0])
    table["byte"] = MaskedColumn(np.array([-128, 127, 2], "i1"), mask=[0, 0, 1])
    table["short"] = MaskedColumn(np.array([-32768, 127, 32767], "i2"), mask=[0, 1, 0])
    table["empty"] = ["", "", " b "]
    table["lines"] = ["a\nb", '"q"', "x,y"]
    table["digits"] = ["1", "2", "3"]
    table["json"] = ["[1]", "[2]", " [3]"]
    table["unsigned"] = np.array([2**64 - 1, 0, 1], "u8")
    table["single"] = np.array([0.1, np.nan, -np.inf], "f4")
    table["truth"] = MaskedColumn([True, False, True], mask=[0, 0, 1])
    table["shape"] = np.arange(24.0).reshape(3, 4, 2)
    table["shape_masked"] = MaskedColumn([[1.0, 2.0]] * 3, mask=[[0, 1], [0, 0], [1, 1]])
    table["shape_shown"] = MaskedColumn([[1, 2]] * 3)
    table["texts"] = np.array([["a", "b "], ["", "c"], ["d", "é"]])
    table["bytes"] = MaskedColumn(np.array([b"a", b"", b"c d"]), mask=[0, 0, 1])
    table["half"] = np.array([0.1, 2.0, -3.0], "f2")
    table["big_endian"] = np.array([1, 2, 3], ">i4")
    table["all_masked"] = MaskedColumn(["a", "b", "c"], mask=True)
    table["rate"] = Column([1.0, 2.0, 3.0], unit=u.Unit("ph cm-2 s-1"))
    return table


def plain_mask(column):
    return np.broadcast_to(np.asarray(getattr(column, "mask", False)), column.shape)


def assert_same_values(table, back):
    assert back.colnames == table.colnames
    assert len(back) == len(table)
    for name in table.colnames:
        np.testing.assert_array_equal(plain_mask(back[name]), plain_mask(table[name]), err_msg=name)
        for row in range(len(table)):
            if np.all(plain_mask(table[name])[row]):
                continue
            cell, other = np.asarray(table[name][row]), np.asarray(back[name][row])
            assert other.shape == cell.shape, name
            if cell.ndim and table[name].ndim > 1:  # some elements may be masked
                known = ~plain_mask(table[name])[row]
                cell, other = cell[known], other[known]
            assert not cell.size or other.dtype.kind in {
                cell.dtype.kind,
                *("iu" if cell.dtype.kind in "iu" else ""),
            }
            np.testing.assert_array_equal(other, cell, err_msg=name)


@pytest.mark.parametrize("rows", [3, 0])
@pytest.mark.parametrize("ending", [ending for ending in ENDINGS if ending != "csv"])
def test_nothing_is_lost(ending, rows, tmp_path):
    table = hard_table()[:rows]
    write_table(table, tmp_path / f"table.{ending}")
    back = read_table(tmp_path / f"table.{ending}")
    assert_same_values(table, back)
    assert back.meta == table.meta
    for name in table.colnames:
        column, other = table[name], back[name]
        assert type(other) is type(column), name
        assert (other.unit, other.description, dict(other.meta)) == (
            column.unit,
            column.description,
            dict(column.meta),
        )
        # ECSV knows text, not the width of a column of it.
        assert other.dtype == column.dtype.newbyteorder("=") or (
            ending == "ecsv" and other.dtype.kind == column.dtype.kind == "U"
        )


def test_csv_keeps_values_masks_and_what_is_text(tmp_path):
    table = hard_table()
    # These read back as lists; bytes as text.
    table.remove_columns([name for name in table.colnames if table[name].ndim > 1] + ["bytes"])
    write_table(table, tmp_path / "table.csv")
    back = read_table(tmp_path / "table.csv")
    assert_same_values(table, back)
    assert back["digits"].dtype.kind == "U"
    assert back["json"].tolist() == ["[1]", "[2]", " [3]"]


def test_csv_reads_what_other_programs_write(tmp_path):
    path = tmp_path / "other.csv"
    path.write_bytes(
        b'\xef\xbb\xbfname,ra,n,flag,gap\r\nM 31,10.5,1,True,\r\n"a, b",-1e-3,2,False,x\r\n\r\n'
    )
    table = read_table(path)
    assert table["name"].tolist() == ["M 31", "a, b"]
    assert (table["ra"].tolist(), table["n"].tolist(), table["flag"].tolist()) == (
        [10.5, -0.001],
        [1, 2],
        [True, False],
    )
    assert table["gap"].mask.tolist() == [True, False]


def csv_table(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, newline="")
    return read_table(path)


@pytest.mark.parametrize(
    ("fields", "kind", "values", "masked"),
    [
        (["1", "-2", "+3"], "i", [1, -2, 3], []),
        (["1", "", "3"], "i", [1, None, 3], [1]),
        (["9223372036854775807"], "i", [2**63 - 1], []),
        (["9223372036854775808"], "u", [2**63], []),
        (["1", "2.5", "1e-3"], "f", [1, 2.5, 0.001], []),
        (["1", ".5", "INF"], "f", [1, 0.5, np.inf], []),
        (["True", "", "False"], "b", [True, None, False], [1]),
        (["True", "no"], "U", ["True", "no"], []),
        (['"1"', "2"], "U", ["1", "2"], []),
        (['"1"', ""], "U", ["1", None], [1]),
        (['""', "", '"a""b"'], "U", ["", None, 'a"b'], [1]),
        (['"[1,2]"', '"[]"'], "O", [[1, 2], []], []),
        (['"[1,2]"', ""], "O", [[1, 2], None], [1]),
        (['" [1]"', '" [2"'], "U", [" [1]", " [2"], []),
        (['" [1]"', '" [2]"'], "U", ["[1]", "[2]"], []),
        (['"[1,null]"'], "O", [[1.0, np.nan]], []),
        (["", ""], "f", [None, None], [0, 1]),
    ],
)
def test_csv_columns_have_the_narrowest_type(tmp_path, fields, kind, values, masked):
    column = csv_table(tmp_path, "x,y\n" + "".join(f"{field},0\n" for field in fields))["x"]
    assert column.dtype.kind == kind
    assert np.flatnonzero(plain_mask(column)).tolist() == masked
    for row, value in enumerate(values):
        if value is not None:
            np.testing.assert_array_equal(column[row], value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
def test_csv_lines_end_in_any_way(tmp_path, end):
    table = csv_table(tmp_path, f"a,b{end or chr(10)}1,{end}")
    assert (len(table), table["a"][0], table["b"].mask.tolist()) == (1, 1, [True])


def test_blank_line_is_a_row_of_one_column_only(tmp_path):
    assert csv_table(tmp_path, "a,b\n\n1,2\n\n")["a"].tolist() == [1]
    assert csv_table(tmp_path, "a\n1\n\n2\n")["a"].mask.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n1\n", "number of fields"),
        ("a,a\n1,2\n", "not a list of names"),
        ("<html>,b\n1,2\n", "not a list of names"),
        ('a\n"', "quote in line 2"),
        ('a,b\n1,"x', "quote in line 2"),
        ('a\n1\nx"y\n', "quote in line 3"),
        ('a\n"x"y\n', "quote in line 2"),
    ],
)
def test_faults_of_csv_are_named(tmp_path, text, message):
    with pytest.raises(InvalidFileError, match=message):
        csv_table(tmp_path, text)


def test_csv_writes_several_numbers_per_row_as_lists(tmp_path):
    table = Table({"x": MaskedColumn([[1.5, 2.0], [3.0, 4.0]], mask=[[0, 1], [1, 1]])})
    write_table(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == '"x"\n"[1.5,null]"\n\n'


def noted_table():
    """Return a table with columns that ECSV alone would not restore, and some that it would."""
    table = Table()
    table["name"] = ["a", " b"]  # would be stripped
    table["flux"] = MaskedColumn([1.5, 2.0], mask=[False, True])
    table["note"] = MaskedColumn(["", "x"], mask=[0, 1])  # the empty text would be masked
    table["all"] = MaskedColumn([1, 2])  # would not be a MaskedColumn
    table["near"] = lists(([0.1, 2.0], float), ([], float))
    table["hidden"] = MaskedColumn(lists(([1], int), ([2], int)), mask=[0, 1])
    return table


def test_ecsv_and_csv_are_written_as_documented(tmp_path):
    for ending in ("ecsv", "csv"):
        for name in ("one", "two"):
            write_table(noted_table(), tmp_path / f"{name}.{ending}")
        one, two = (tmp_path / f"{name}.{ending}" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    assert one.read_text().splitlines() == [
        '"name","flux","note","all","near","hidden"',
        '"a",1.5,"",1,"[0.1,2.0]","[1]"',
        '" b",,,2,"[]",',
    ]
    assert (tmp_path / "one.ecsv").read_text().splitlines()[-3:] == [
        "name flux note all near hidden",
        '"""a""" 1.5 "" 1 [0.1,2.0] [1]',
        '""" b""" "" "" 2 [] []',
    ]
    raw = Table.read(tmp_path / "one.ecsv", format="ascii.ecsv")
    assert set(raw.meta["astroquery_cfx"]) == {"name", "note", "all", "hidden"}
    write_table(noted_table()["flux", "near"], tmp_path / "plain.ecsv")
    assert Table.read(tmp_path / "plain.ecsv", format="ascii.ecsv").meta == {}


@pytest.mark.parametrize("text", [" a", "a\n", "#a", "a\tb"])
def test_ecsv_keeps_what_its_reader_would_change(tmp_path, text):
    write_table(Table({"x": [text], "y": ["b"]}), tmp_path / "t.ecsv")
    assert read_table(tmp_path / "t.ecsv")["x"].tolist() == [text]


@pytest.mark.parametrize("ending", [ending for ending in ENDINGS if ending != "csv"])
def test_objects_are_text_or_lists(ending, tmp_path):
    table = Table()
    table["text"] = np.array(["a", None, "bc"], dtype=object)
    table["masked"] = MaskedColumn(np.array(["a", "b", None], object), mask=[1, 0, 0])
    table["list"] = [[1, 2], None, [3.5]]
    table["tuple"] = lists(([1], int), ([2], int), ([3], int))
    table["tuple"][:] = [(1, 2), (), (3,)]
    write_table(table, tmp_path / f"t.{ending}")
    back = read_table(tmp_path / f"t.{ending}")
    assert back["text"].mask.tolist() == [False, True, False]
    assert [back["text"][0], back["text"][2]] == ["a", "bc"]
    assert back["masked"].mask.tolist() == [True, False, True]
    assert back["masked"][1] == "b"
    assert back["list"].mask.tolist() == [False, True, False]
    assert [back["list"][0].tolist(), back["list"][2].tolist()] == [[1.0, 2.0], [3.5]]
    assert [cell.tolist() for cell in back["tuple"]] == [[1, 2], [], [3]]


@pytest.mark.parametrize("ending", ENDINGS)
def test_lists_may_all_be_empty(ending, tmp_path):
    write_table(
        Table({"near": lists(([], float)), "names": lists(([], str))}), tmp_path / f"t.{ending}"
    )
    back = read_table(tmp_path / f"t.{ending}")
    assert [back[name][0].tolist() for name in back.colnames] == [[], []]


@pytest.mark.parametrize("ending", ENDINGS)
def test_lists_may_be_long(ending, tmp_path):
    names = [f"2CXO {number}" for number in range(20_000)]
    write_table(Table({"names": lists((names, str), ([], str))}), tmp_path / f"t.{ending}")
    assert read_table(tmp_path / f"t.{ending}")["names"][0].tolist() == names


@pytest.mark.parametrize("form", ["fits", "vot"])
def test_masks_are_columns_only_where_no_value_is_free(form, tmp_path):
    table = hard_table()["byte", "short", "integer", "truth", "text", "unit_text", "nan_and_masked"]
    write_table(table, tmp_path / f"t.{form}")
    if form == "fits":
        with fits.open(tmp_path / "t.fits") as hdus:
            names = hdus["TABLE"].columns.names
            assert hdus["TABLE"].data["integer"].tolist() == [3, -(2**63), 2]
            assert hdus["TABLE"].columns["integer"].null == -(2**63)
            assert hdus["TABLE"].columns["short"].null == 32767
    else:
        names = parse_single_table(tmp_path / "t.vot").array.dtype.names
    masks = [name for name in names if name.endswith(".mask")]
    assert masks == ["short.mask", "truth.mask", "text.mask", "nan_and_masked.mask"]


def test_other_readers_see_the_tables(tmp_path):
    table = Table(
        {
            "name": ["a", "b"],
            "flux": MaskedColumn([1.5, 2.0], mask=[False, True], unit="mJy"),
            "near": lists(([1.0, 2.0], float), ([], float)),
        },
        meta={"simulated": "Not real."},
    )
    table["flux"].description, table["flux"].meta["ucd"] = "Flüx", "phot.flux"
    for ending in ("ecsv", "fits", "vot", "parquet"):
        write_table(table, tmp_path / f"t.{ending}")
    ecsv = Table.read(tmp_path / "t.ecsv")
    assert (ecsv["flux"].unit, ecsv["flux"].mask.tolist()) == (u.mJy, [False, True])
    assert ecsv["near"][0].tolist() == [1, 2]
    with fits.open(tmp_path / "t.fits") as hdus:
        assert hdus[1].columns["flux"].unit == "mJy"
        assert [cell.tolist() for cell in hdus[1].data["near"]] == [[1.0, 2.0], []]
        assert np.isnan(hdus[1].data["flux"][1])
        header = hdus[1].header
        assert (header["COMMENT"][0], header["TCOMM2"]) == ("Not real.", "Fl?x")
        assert (header["TUCD2"], "TCOMM1" in header) == ("phot.flux", False)
    votable = parse_single_table(tmp_path / "t.vot")
    assert votable.array["near"][0].tolist() == [1.0, 2.0]
    assert votable.array["flux"].mask.tolist() == [False, True]
    field = votable.get_field_by_id_or_name("flux")
    assert (field.unit, field.ucd, field.description) == (u.mJy, "phot.flux", "Flüx")
    arrow = pq.read_table(tmp_path / "t.parquet")
    assert arrow["flux"].to_pylist() == [1.5, None]
    assert arrow["near"].to_pylist() == [[1.0, 2.0], []]
    assert b"mJy" in arrow.schema.metadata[b"table_meta_yaml"]


def test_astropy_and_pandas_read_our_parquet(tmp_path):
    pandas = pytest.importorskip("pandas")
    table = Table({"name": ["a", "b"], "flux": MaskedColumn([1.5, 2.0], mask=[0, 1], unit="mJy")})
    write_table(table, tmp_path / "t.parquet")
    assert pandas.read_parquet(tmp_path / "t.parquet")["flux"].isna().tolist() == [False, True]
    assert Table.read(tmp_path / "t.parquet")["flux"].unit == u.mJy


def test_reads_tables_of_other_writers(tmp_path):
    table = Table({"name": ["a", "  "], "flux": Column([1.5, 2.0], unit="mJy", description="Flux")})
    table["count"] = MaskedColumn([1, 2], mask=[True, False])
    table.write(tmp_path / "t.vot", format="votable")
    table["odd"] = Column([1, 2], unit=u.Unit("furlongs", parse_strict="silent"))
    with pytest.warns(u.UnitsWarning):
        table.write(tmp_path / "t.fits")
    for name in ("t.vot", "t.fits"):
        back = read_table(tmp_path / name)
        assert back["name"].dtype.kind == "U"
        assert back["name"][0] == "a"
        assert back["flux"].tolist() == [1.5, 2.0]
        assert (back["flux"].unit, back["flux"].dtype.isnative) == (u.mJy, True)
        assert back["count"].mask.tolist() == [True, False]
    assert back["name"].mask.tolist() == [False, True]
    assert str(back["odd"].unit) == "furlongs"


def test_names_and_notes_of_votables_are_read(tmp_path):
    (tmp_path / "t.vot").write_text(
        """<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
        <INFO name="simulated" value="Not real."/><RESOURCE><TABLE>
        <FIELD ID="col1" name="flux" datatype="double" unit="mJy"/>
        <FIELD ID="col2" name="label" datatype="char" arraysize="*"/>
        <DATA><TABLEDATA><TR><TD>1.5</TD><TD>a</TD></TR><TR><TD/><TD>bc</TD></TR></TABLEDATA></DATA>
        </TABLE></RESOURCE></VOTABLE>"""
    )
    table = read_table(tmp_path / "t.vot")
    assert (table.colnames, table.meta["simulated"]) == (["flux", "label"], "Not real.")
    assert (table["flux"][0], table["label"].tolist()) == (1.5, ["a", "bc"])


def test_reads_parquet_of_other_writers(tmp_path):
    columns = {
        "text": pa.array(["a", None]),
        "large": pa.array(["é", "b"], pa.large_string()),
        "class": pa.array(["x", "y"]).dictionary_encode(),
        "whole": pa.array([1, None], pa.int32()),
        "truth": pa.array([None, True]),
        "list": pa.array([[1, 2], []]),
        "large_list": pa.array([["p"], ["q", "r"]], pa.large_list(pa.string())),
        "pair": pa.array([[1.5, 2.5], [3.5, 4.5]], pa.list_(pa.float64(), 2)),
        "__index_level_0__": pa.array([7, 8]),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    back = read_table(tmp_path / "t.parquet")
    assert back.colnames == list(columns)[:-1]
    assert back["text"].mask.tolist() == [False, True]
    assert [back[name][0] for name in ("text", "large", "class")] == ["a", "é", "x"]
    assert (back["whole"].dtype, back["whole"].mask.tolist()) == (np.int32, [False, True])
    assert (back["truth"].dtype, back["truth"].mask.tolist()) == (bool, [True, False])
    assert [cell.tolist() for cell in back["list"]] == [[1, 2], []]
    assert [cell.tolist() for cell in back["large_list"]] == [["p"], ["q", "r"]]
    assert back["pair"].tolist() == [[1.5, 2.5], [3.5, 4.5]]
    assert not any(hasattr(back[name], "mask") for name in ("large", "class", "list", "pair"))


def test_files_without_a_table_are_named(tmp_path):
    fits.PrimaryHDU(np.zeros((2, 2))).writeto(tmp_path / "image.fits")
    with pytest.raises(InvalidFileError, match="holds no FITS table"):
        read_table(tmp_path / "image.fits")
    (tmp_path / "empty.vot").write_text(
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE/></VOTABLE>'
    )
    with pytest.raises(InvalidFileError, match="holds no VOTable table"):
        read_table(tmp_path / "empty.vot")


@pytest.mark.parametrize("fault", ["empty", "html", "bytes", "half", "nine bytes less"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_damaged_files_are_reported(ending, fault, tmp_path):
    path = tmp_path / f"table.{ending}"
    write_table(hard_table(), path)
    whole = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "html": b"<html><body>503 Service Unavailable",
            "bytes": bytes(range(256)) * 9,
            "half": whole[: len(whole) // 2],
            "nine bytes less": whole[:-9],
        }[fault]
    )
    with pytest.raises(InvalidFileError, match=path.name):
        read_table(path)


def test_format_is_the_end_of_the_name():
    assert {file_format(f"x{ending.upper()}") for ending in FORMATS} == set(FORMATS.values())
    assert file_format("a.fits.csv") == "csv"
    with pytest.raises(InvalidInputError, match=r"name of a table file.*\.fits\.gz"):
        file_format("a.fits.bz2")


def test_absent_and_unknown_files(tmp_path):
    with pytest.raises(InvalidFileError, match="There is no file"):
        read_table(tmp_path / "absent.fits")
    with pytest.raises(InvalidInputError, match=r"\.parquet"):
        read_table(tmp_path / "table.doc")
    with pytest.raises(InvalidInputError, match=r"\.parquet"):
        write_table(Table(), tmp_path / "table")


def test_objects_and_mixins_are_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="'thing'"):
        write_table(Table({"thing": np.array([{}, object()], dtype=object)}), tmp_path / "t.ecsv")
    with pytest.raises(InvalidInputError, match="'mixed' holds lists of text and lists of numb"):
        write_table(Table({"mixed": lists((["a"], str), ([1], int))}), tmp_path / "t.ecsv")
    with pytest.raises(InvalidInputError, match="'when' is a Time"):
        write_table(Table({"when": Time(["2026-01-01"])}), tmp_path / "t.ecsv")
    with pytest.raises(InvalidInputError, match="'when'"):
        write_table(
            Table({"when": np.array(["2026-01-01"], dtype="datetime64[D]")}), tmp_path / "t.ecsv"
        )
    assert list(tmp_path.iterdir()) == []


def test_older_file_survives_a_failure(tmp_path):
    path = tmp_path / "table.ecsv"
    write_table(Table({"a": [1]}), path)
    before = path.read_bytes()
    with pytest.raises(InvalidInputError):
        write_table(Table({"a": [1j]}, dtype=[object]), path)
    assert path.read_bytes() == before
    with pytest.raises(OutputError, match="could not be written"):
        write_table(Table({"a": [1]}), path / "below.ecsv")
    assert [item.name for item in tmp_path.iterdir()] == ["table.ecsv"]


# Any text, and more often those that some format gives a meaning.
TEXT = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"])
    | st.sampled_from("#\"', \t\r\n\\%-[]{}:&*"),
    max_size=8,
)


@example([("# no comment", False, ["#"], 1.0)])
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(TEXT, st.booleans(), st.lists(TEXT, max_size=3), st.floats()),
        min_size=1,
        max_size=4,
    )
)
def test_any_text_survives(tmp_path, rows):
    table = Table(
        {
            "text": [row[0] for row in rows],
            "masked": MaskedColumn([row[0] for row in rows], mask=[row[1] for row in rows]),
            "list": lists(*((row[2], str) for row in rows)),
            "number": np.array([row[3] for row in rows]),
        }
    )
    for ending in ("ecsv", "csv", "fits", "vot", "parquet"):
        write_table(table, tmp_path / f"t.{ending}")
        back = read_table(tmp_path / f"t.{ending}")
        for name in ("text", "number", "masked"):
            np.testing.assert_array_equal(
                plain_mask(back[name]), plain_mask(table[name]), err_msg=f"{ending} {name}"
            )
        for row in range(len(rows)):
            assert back["list"][row].tolist() == table["list"][row].tolist(), ending
            assert str(back["text"][row]) == rows[row][0], ending
            np.testing.assert_array_equal(back["number"][row], rows[row][3], err_msg=ending)


def test_meta_that_json_cannot_hold_becomes_text(tmp_path):
    table = Table(
        {"a": [1]}, meta={"path": tmp_path, "number": np.float64(2.5), "array": np.arange(2)}
    )
    write_table(table, tmp_path / "t.parquet")
    meta = read_table(tmp_path / "t.parquet").meta
    assert meta == {"path": str(tmp_path), "number": 2.5, "array": [0, 1]}
    assert json.dumps(meta)


@pytest.mark.parametrize("ending", ["ecsv", "fits", "parquet"])
def test_units_that_astropy_does_not_know_are_kept(ending, tmp_path):
    unit = u.Unit("furlongs", parse_strict="silent")
    write_table(Table({"x": Column([1.0], unit=unit)}), tmp_path / f"t.{ending}")
    assert str(read_table(tmp_path / f"t.{ending}")["x"].unit) == "furlongs"


def test_quantities_become_columns(tmp_path):
    table = QTable({"a": [1.0, 2.0] * u.m, "b": Masked([1, 2] * u.s, mask=[True, False])})
    write_table(table, tmp_path / "t.fits")
    back = read_table(tmp_path / "t.fits")
    assert (back["a"].unit, type(back["a"]), back["b"].mask.tolist()) == (
        u.m,
        Column,
        [True, False],
    )


def test_file_is_whole_or_absent(tmp_path):
    path = tmp_path / "new" / "folder" / "note.txt"
    with write_aside(path) as aside:
        aside.write_text("whole")
        assert not path.exists()
        assert (aside.parent, aside.name.endswith("note.txt")) == (path.parent, True)
    with pytest.raises(RuntimeError, match="stop"), write_aside(path) as aside:  # noqa: PT012
        aside.write_text("half")
        raise RuntimeError("stop")
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_errors_that_are_not_of_the_disk_pass_through(tmp_path):
    error = OSError(errno.ECONNRESET, "Connection reset by peer")
    with pytest.raises(OSError, match="reset") as caught, write_aside(tmp_path / "x"):
        raise error
    assert caught.value is error
    with pytest.raises(OutputError, match="No space left"), write_aside(tmp_path / "x"):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("name", "ending"), [("é", "fits"), ("a\nb", "ecsv"), ("a\nb", "vot"), ("a\tb", "csv")]
)
def test_names_that_a_format_cannot_hold(tmp_path, name, ending):
    with pytest.raises(InvalidInputError, match="column named"):
        write_table(Table({name: [1]}), tmp_path / f"t.{ending}")
    assert list(tmp_path.iterdir()) == []
