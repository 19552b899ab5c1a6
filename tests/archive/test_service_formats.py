# Licensed under a 3-clause BSD style license - see LICENSE
"""Results, read by astropy, equal the table that was served, and look like HEASARC's."""

import base64
import io
import re

import numpy as np
import pytest
import requests
from astropy.io import votable
from astropy.io.votable.tree import VOTableFile
from astropy.table import Table

from astroquery_cfx.archive import Behaviour, EmbeddedArchive

FORMATS = ["", "votable/b2", "votable/td", "csv", "tsv", "fits"]


def fetch(archive, adql, response_format="", **parameters):
    answer = requests.get(
        archive.url + "/tap/sync",
        timeout=30,
        params={
            "REQUEST": "doQuery",
            "LANG": "ADQL",
            "QUERY": adql,
            "RESPONSEFORMAT": response_format,
            **parameters,
        },
    )
    assert answer.status_code == 200
    return answer


def read(answer, response_format=""):
    content = io.BytesIO(answer.content)
    if response_format == "fits":
        return Table.read(content, format="fits")
    if response_format in ("csv", "tsv"):
        return Table.read(
            answer.content.decode(),
            format="ascii.csv",
            delimiter="\t" if response_format == "tsv" else ",",
        )
    return votable.parse_single_table(content).to_table()


def strings(column):
    """Return the strings of a column, '' where masked."""
    return ["" if value is np.ma.masked else str(value) for value in column]


@pytest.mark.parametrize("response_format", FORMATS)
def test_values_survive(kind_archive, every_kind, response_format):
    answer = fetch(kind_archive, "SELECT TOP 9999 * FROM csc ORDER BY __row", response_format)
    table = read(answer, response_format)
    assert table.colnames == every_kind.colnames[:-1]
    assert len(table) == len(every_kind)
    for name in ("ra", "dec", "b_flux_ap", "b_flux_ap_lo", "time"):
        given = np.ma.filled(np.ma.asarray(every_kind[name].value, dtype=float), np.nan)
        found = np.ma.filled(np.ma.asarray(table[name].value, dtype=float), np.nan)
        if every_kind[name].dtype == "f8" or response_format not in ("csv", "tsv", "votable/td"):
            np.testing.assert_array_equal(found, given)
        np.testing.assert_allclose(found, given, rtol=1e-7)
    for name in ("acis_num", "count", "big"):
        given, found = np.ma.asarray(every_kind[name]), np.ma.asarray(table[name])
        np.testing.assert_array_equal(np.ma.getmaskarray(found), np.ma.getmaskarray(given))
        np.testing.assert_array_equal(found.compressed(), given.compressed())
    assert strings(table["name"]) == strings(every_kind["name"])
    assert strings(table["var_flag"]) == strings(every_kind["var_flag"])
    if response_format not in ("csv", "tsv"):
        np.testing.assert_array_equal(
            np.asarray(table["extended"], dtype=bool), every_kind["extended"]
        )
        assert [
            table[name].dtype.itemsize for name in ("ra", "b_flux_ap_lo", "acis_num", "count")
        ] == [
            8,
            4,
            2,
            4,
        ]
        assert table["ra"].unit == "deg"


@pytest.mark.parametrize("response_format", ["", "votable/b2", "votable/td", "csv"])
def test_text_beyond_ascii_survives(kind_archive, every_kind, response_format):
    table = read(
        fetch(kind_archive, "SELECT note FROM csc ORDER BY __row", response_format), response_format
    )
    assert strings(table["note"]) == strings(every_kind["note"])


@pytest.mark.parametrize("response_format", FORMATS)
@pytest.mark.parametrize("where", ["ra > 400", "name = '2CXO J0000000'"])
def test_no_rows_and_one_row(kind_archive, response_format, where):
    answer = fetch(
        kind_archive, f"SELECT name, ra, acis_num, extended FROM csc WHERE {where}", response_format
    )
    if response_format in ("csv", "tsv"):
        lines = answer.text.strip().splitlines()
        assert (lines[0].replace("\t", ","), len(lines)) == (
            "name,ra,acis_num,extended",
            1 + ("J" in where),
        )
    else:
        assert len(read(answer, response_format)) == ("J" in where)


def test_bytes_of_nulls_in_binary(kind_archive):
    adql = (
        "SELECT TOP 1 CAST(NULL AS SMALLINT) AS a, CAST(NULL AS INTEGER) AS b, "
        "CAST(NULL AS DOUBLE) AS c, CAST(NULL AS REAL) AS d, CAST(NULL AS VARCHAR) AS e, "
        "CAST(NULL AS BIGINT) AS f FROM csc"
    )
    text = fetch(kind_archive, adql).text
    stream = re.search(r'<STREAM encoding="base64">\s*(.*?)\s*</STREAM>', text, re.DOTALL)[1]
    raw = base64.b64decode(stream)
    assert raw == (
        b"\x80\x00\x80\x00\x00\x00\x7f\xf8"
        + bytes(6)
        + b"\x7f\xc0\x00\x00"
        + bytes(4)
        + b"\x80"
        + bytes(7)
    )
    assert '<VALUES null="-32768"/>' in text
    assert '<VALUES null="-2147483648"/>' in text


def infos(answer):
    document = votable.parse(io.BytesIO(answer.content))
    return [(info.name, info.value) for info in document.resources[0].infos]


def test_order_of_the_infos_of_a_result(kind_archive, every_kind):
    note = ("simulated", every_kind.meta["simulated"])
    assert infos(fetch(kind_archive, "SELECT TOP 5 name FROM csc")) == [
        ("QUERY_STATUS", "OK"),
        note,
    ]
    answer = fetch(kind_archive, "SELECT name FROM csc", MAXREC=5)
    assert infos(answer) == [("QUERY_STATUS", "OK"), note, ("QUERY_STATUS", "OVERFLOW")]
    assert answer.text.index("OVERFLOW") > answer.text.index("</TABLE>") > answer.text.index('"OK"')
    assert infos(fetch(kind_archive, "SELECT TOP 5 name FROM fields")) == [("QUERY_STATUS", "OK")]


@pytest.mark.parametrize(("flag", "expected"), [("before", ["OVERFLOW"]), ("none", ["OK"])])
def test_the_overflow_can_be_flagged_elsewhere(fields, flag, expected):
    with EmbeddedArchive(
        {"fields": fields}, behaviour=Behaviour.heasarc(overflow_flag=flag)
    ) as archive:
        answer = fetch(archive, "SELECT name FROM fields", MAXREC=5)
        assert [value for name, value in infos(answer) if name == "QUERY_STATUS"] == expected


def fields_of(document):
    """Return the attributes of all FIELDs, by name."""
    return {
        field.name: {
            name: getattr(field, name)
            for name in (
                "datatype",
                "arraysize",
                "unit",
                "ucd",
                "precision",
                "width",
                "description",
            )
        }
        | {"null": field.values.null}
        for field in document.get_first_table().fields
    }


def test_results_look_like_recorded_ones_of_heasarc(small_archive, shared_data):
    recorded = (shared_data / "heasarc-recorded" / "m87.vot").read_bytes()
    real: VOTableFile = votable.parse(io.BytesIO(recorded))
    adql = real.get_first_table().description.partition("\n")[2].replace("TOP 201", "TOP 9")
    adql = re.sub(r"WHERE .* ORDER BY", "ORDER BY", adql)
    answer = fetch(small_archive, adql)
    ours = votable.parse(io.BytesIO(answer.content))
    assert fields_of(ours) == fields_of(real)
    assert list(fields_of(ours)) == list(fields_of(real))
    assert answer.headers["Content-Type"].startswith("text/xml")
    lines, real_lines = (text.splitlines() for text in (answer.text, recorded.decode()))
    shape = [line for line in lines if "simulated" not in line]
    start = next(number for number, line in enumerate(lines) if "<STREAM" in line)
    assert shape[:4] == real_lines[:4]
    assert [line for line in lines[: start + 1] if "FIELD" in line] == [
        line for line in real_lines if "FIELD" in line
    ][: len(fields_of(real)) * 2 - 1]
    assert {len(line) for line in lines[start + 1 : -8]} == {64}


def test_errors_look_like_recorded_ones_of_heasarc(small_archive, shared_data):
    recorded = (shared_data / "heasarc-recorded" / "error_bad_column.vot").read_text()
    real = votable.parse(io.BytesIO(recorded.encode())).resources[0].infos[0]
    answer = fetch(small_archive, real.content.partition("Query: ")[2])
    ours = votable.parse(io.BytesIO(answer.content)).resources[0].infos[0]
    assert (ours.name, ours.value, ours.content) == (real.name, real.value, real.content)
    assert answer.text.split() == recorded.split()
    assert answer.status_code == 200


@pytest.mark.parametrize("response_format", ["csv", "fits"])
def test_errors_are_votables_whatever_the_format(kind_archive, response_format):
    answer = fetch(kind_archive, "SELECT hard_hs FROM csc", response_format)
    assert infos(answer) == [("QUERY_STATUS", "ERROR")]


def test_strings_of_many_lengths():
    random = np.random.default_rng(5)
    table = Table(
        {
            "n": np.arange(20_000),
            **{
                f"s{k}": np.array(
                    [
                        "".join(
                            chr(97 + c) for c in random.integers(0, 26, k * random.integers(0, 4))
                        )
                        for _ in range(20_000)
                    ]
                )
                for k in (1, 3, 9)
            },
        }
    )
    with EmbeddedArchive({"t": table}) as archive:
        for response_format in ("", "votable/b2"):
            found = read(fetch(archive, "SELECT n, s1, s3, s9 FROM t ORDER BY n", response_format))
            for name in table.colnames:
                np.testing.assert_array_equal(np.asarray(found[name]), table[name])
