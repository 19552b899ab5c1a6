# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables to files and back: nothing is lost, damaged files are named, the same table is the same bytes."""

import json

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.table import Column, MaskedColumn, Table
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from astroquery_cfx import InvalidFileError, InvalidInputError, OutputError
from astroquery_cfx.files import read_table, write_table

ENDINGS = ("ecsv", "csv", "fits", "fits.gz", "vot", "parquet")


def lists(*cells):
    column = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        column[row] = np.array(cell[0], dtype=cell[1])
    return column


def hard_table():
    """Each column has a way to be lost."""
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
        assert other.dtype == column.dtype or (
            ending == "ecsv" and other.dtype.kind == column.dtype.kind == "U"
        )


def test_csv_keeps_values_masks_and_what_is_text(tmp_path):
    table = hard_table()
    table.remove_column("shape")  # reads back as lists of lists
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


@pytest.mark.parametrize("ending", ["ecsv", "csv"])
def test_same_table_same_bytes(ending, tmp_path):
    for name in ("one", "two"):
        write_table(hard_table(), tmp_path / f"{name}.{ending}")
    assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"two.{ending}").read_bytes()


def test_other_readers_see_the_tables(tmp_path):
    table = Table(
        {
            "name": ["a", "b"],
            "flux": MaskedColumn([1.5, 2.0], mask=[False, True], unit="mJy"),
            "near": lists(([1.0, 2.0], float), ([], float)),
        },
        meta={"simulated": "Not real."},
    )
    for ending in ("ecsv", "fits", "vot", "parquet"):
        write_table(table, tmp_path / f"t.{ending}")
    ecsv = Table.read(tmp_path / "t.ecsv")
    assert (ecsv["flux"].unit, ecsv["flux"].mask.tolist(), ecsv["near"][0].tolist()) == (
        u.mJy,
        [False, True],
        [1, 2],
    )
    with fits.open(tmp_path / "t.fits") as hdus:
        assert hdus[1].columns["flux"].unit == "mJy"
        assert [cell.tolist() for cell in hdus[1].data["near"]] == [[1.0, 2.0], []]
        assert np.isnan(hdus[1].data["flux"][1])
        assert hdus[1].header["COMMENT"][0] == "Not real."
    votable = parse_single_table(tmp_path / "t.vot")
    assert votable.array["near"][0].tolist() == [1.0, 2.0]
    assert votable.array["flux"].mask.tolist() == [False, True]
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(tmp_path / "t.parquet")
    assert frame["flux"].isna().tolist() == [False, True]
    assert frame["near"][0].tolist() == [1.0, 2.0]
    assert Table.read(tmp_path / "t.parquet", exclude_names=["near"])["flux"].unit == u.mJy


def test_reads_tables_of_other_writers(tmp_path):
    table = Table({"name": ["a", "  "], "flux": Column([1.5, 2.0], unit="mJy", description="Flux")})
    table.write(tmp_path / "t.fits")
    table.write(tmp_path / "t.vot", format="votable")
    pytest.importorskip("pandas")
    table.write(tmp_path / "t.parquet")
    table.to_pandas().to_parquet(tmp_path / "pandas.parquet")
    for name in ("t.fits", "t.vot", "t.parquet", "pandas.parquet"):
        back = read_table(tmp_path / name)
        assert back["name"].dtype.kind == "U"
        assert back["name"][0] == "a"
        assert back["flux"].tolist() == [1.5, 2.0]
        assert name.startswith("pandas") or back["flux"].unit == u.mJy
    assert read_table(tmp_path / "t.fits")["name"].mask.tolist() == [False, True]


@pytest.mark.parametrize("fault", ["empty", "html", "bytes", "half", "nine bytes less"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_damaged_files_are_named(ending, fault, tmp_path):
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


@pytest.mark.parametrize(
    ("name", "ending"), [("é", "fits"), ("a\nb", "ecsv"), ("a\nb", "vot"), ("a\tb", "csv")]
)
def test_names_that_a_format_cannot_hold(tmp_path, name, ending):
    with pytest.raises(InvalidInputError, match="column named"):
        write_table(Table({name: [1]}), tmp_path / f"t.{ending}")
    assert list(tmp_path.iterdir()) == []
