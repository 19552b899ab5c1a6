# Licensed under a 3-clause BSD style license - see LICENSE
"""The fast decoder against astropy's, value for value and mask for mask; hostile and cut documents."""

import base64
import io
import struct
import warnings

import numpy as np
import pytest
from astropy.io.votable import from_table, parse
from astropy.table import MaskedColumn, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from astroquery_cfx import InvalidFileError
from astroquery_cfx.tap.binary import decode_rows
from astroquery_cfx.tap.votable import Field, hard_limit, read_answer


def document(table, form, edit=None):
    votable = from_table(table)
    votable.get_first_table().format = form
    for field in votable.get_first_table().fields:
        if field.datatype in ("unsignedByte", "short", "int", "long") and field.arraysize is None:
            field.values.null = 99
        if field.datatype == "bit":  # as astropy writes what is boolean; no service does
            field.datatype = "boolean"
    if edit:
        edit(votable.get_first_table())
    out = io.BytesIO()
    votable.to_xml(out)
    return out.getvalue()


def astropy_columns(body):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = parse(io.BytesIO(body), verify="ignore").get_first_table().array
    return {
        name: (np.ma.getdata(array[name]), np.ma.getmaskarray(array[name]))
        for name in array.dtype.names
    }


def assert_same_as_astropy(body, piece=1 << 20):
    answer = read_answer([body[i : i + piece] for i in range(0, len(body), piece)])
    expected = astropy_columns(body)
    assert [field.name for field in answer.fields] == list(expected)
    for (data, mask), (theirs, hidden) in zip(answer.columns, expected.values(), strict=True):
        assert len(data) == len(theirs) == answer.num_rows
        ours = np.zeros(theirs.shape, bool) if mask is None else mask
        np.testing.assert_array_equal(ours, hidden)
        if theirs.dtype.kind == "O":
            assert data.tolist() == theirs.tolist()
        else:
            np.testing.assert_array_equal(data[~ours], theirs[~hidden])
            if theirs.dtype.kind in "iufb":
                assert data.dtype == theirs.dtype
    return answer


def wide_table(rows, seed=0):
    random = np.random.default_rng(seed)
    hidden = random.random(rows) < 0.2
    table = Table()
    for code in ("u1", "i2", "i4", "i8", "f4", "f8"):
        values = random.integers(0, 100, rows).astype(code)
        table[code] = MaskedColumn(values, mask=hidden)
    table["flag"] = random.random(rows) < 0.5
    table["text"] = MaskedColumn(
        [f"{'x' * (i % 7)}'\",{i}" for i in range(rows)], dtype=object, mask=False
    )
    table["fixed"] = np.array([f"id{i % 13}" for i in range(rows)], dtype="U6")
    table["vector"] = random.normal(size=(rows, 3))
    table["matrix"] = random.integers(-9, 9, (rows, 2, 4)).astype("i2")
    table["greek"] = MaskedColumn(
        ["αβγ"[: i % 4] + "ü" for i in range(rows)], dtype=object, mask=False
    )
    if rows == 0:  # astropy cannot tell what an empty column of objects holds
        for name in ("text", "greek"):
            table[name] = np.zeros(0, dtype="U3")
    return table


@pytest.mark.parametrize("form", ["binary", "binary2", "tabledata"])
@pytest.mark.parametrize("rows", [0, 1, 2, 257])
def test_same_as_astropy(form, rows):
    answer = assert_same_as_astropy(document(wide_table(rows), form))
    assert answer.num_rows == rows
    assert answer.has_table


@pytest.mark.parametrize("form", ["binary", "binary2"])
def test_in_small_pieces(form):
    body = document(wide_table(5), form)
    assert_same_as_astropy(body, piece=1)
    assert_same_as_astropy(body, piece=7)


def test_rare_types_fall_back():
    """Complex numbers and lists are left to astropy."""
    fields = b"<FIELD name='z' datatype='doubleComplex'/><FIELD name='l' datatype='double' arraysize='*'/>"
    rows = b"".join(
        struct.pack(">ddI", i, -i, i) + struct.pack(f">{i}d", *range(i)) for i in range(3)
    )
    body = (
        b"<VOTABLE version='1.4'><RESOURCE><TABLE>"
        + fields
        + b"<DATA><BINARY><STREAM encoding='base64'>"
        + base64.b64encode(rows)
        + b"</STREAM></BINARY></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    answer = read_answer([body])
    assert answer.columns[0][0].tolist() == [0, 1 - 1j, 2 - 2j]
    assert [list(item) for item in answer.columns[1][0]] == [[], [0.0], [0.0, 1.0]]


VALUES = st.tuples(
    st.floats(width=64),
    st.floats(width=32),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**15), 2**15 - 1),
    st.text(st.characters(min_codepoint=32, max_codepoint=126)),
    st.text(st.characters(codec="utf-16", exclude_characters="\0")),
    st.booleans(),
)


@settings(deadline=None, max_examples=60)
@given(rows=st.lists(VALUES, max_size=12), form=st.sampled_from(["binary", "binary2"]))
def test_any_values(rows, form):
    names = ("d", "f", "i", "s", "t", "u", "b")
    columns = list(zip(*rows, strict=True)) if rows else [[] for _ in names]
    table = Table()
    for name, code, values in zip(
        names, ("f8", "f4", "i4", "i2", object, object, bool), columns, strict=True
    ):
        code = code if rows or code is not object else "U1"
        table[name] = (
            np.array(list(values), dtype=code)
            if code is not object or not rows
            else MaskedColumn(list(values), dtype=object, mask=False)
        )

    def edit(element):
        for field in element.fields:
            if field.name in ("t", "u"):
                field.datatype = "unicodeChar" if field.name == "u" else "char"
                field.arraysize = "*"
            if field.name in ("i", "s"):
                field.values.null = -7

    assert_same_as_astropy(document(table, form, edit))


def test_recorded_answers(shared_data):
    answers = {
        path.stem: path.read_bytes()
        for path in sorted((shared_data / "heasarc-recorded").glob("*.vot"))
    }
    assert len(answers) == 4
    error = read_answer([answers.pop("error_bad_column")])
    assert error.status == "ERROR"
    assert 'column "hard_hs" does not exist' in error.message
    rows = {
        name: assert_same_as_astropy(body, piece=100).num_rows for name, body in answers.items()
    }
    assert rows == {"3c273": 1, "hd209458": 1, "m87": 13}


@pytest.mark.parametrize("form", ["binary", "binary2", "tabledata"])
def test_cut_anywhere(form):
    """A document cut at any byte is refused."""
    body = document(wide_table(2), form)
    end = body.rstrip().rindex(b">") + 1
    stream = body.find(b"<STREAM")
    for cut in {*range(0, end, 23), *range(max(stream, end - 400), end)}:
        with pytest.raises(InvalidFileError):
            read_answer([body[:cut]])


def test_rows_and_a_bit():
    body = document(wide_table(4), "binary")
    fewer = body.replace(b"</STREAM>", b"AAAA</STREAM>")
    assert fewer != body
    with pytest.raises(InvalidFileError, match=r"within a row|after"):
        read_answer([fewer])


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><html><body>down</body></html>",
        b"<html><p>down</html>",
        b"not xml at all",
        b"\x1f\x8b\x08abc",
        b'<?xml version="1.0"?><!DOCTYPE VOTABLE [<!ENTITY a "b">]><VOTABLE>&a;</VOTABLE>',
        b'<?xml version="1.0"?><!DOCTYPE v SYSTEM "file:///etc/passwd"><VOTABLE/>',
        b"<VOTABLE>" + b"<RESOURCE>" * 100,
        b"<OTHER/>",
        b"",
        b"   ",
        b"<VOTABLE><RESOURCE><TABLE><FIELD name='a' datatype='int'/><DATA><BINARY><STREAM href='file:///etc/passwd'/>"
        b"</BINARY></DATA></TABLE></RESOURCE></VOTABLE>",
    ],
)
def test_hostile_documents(body):
    with pytest.raises(InvalidFileError):
        read_answer([body])


def test_endless_text_is_bounded():
    start = b'<VOTABLE><RESOURCE><INFO name="QUERY_STATUS" value="ERROR">'
    with pytest.raises(InvalidFileError, match="endless"):
        read_answer([start, *[b"x" * 10_000] * 10_000])


def test_endless_tag_is_bounded():
    with pytest.raises(InvalidFileError, match="tag without end"):
        read_answer([b"<VOTABLE><STREAM ", *[b"x" * 10_000] * 10_000])


def test_string_longer_than_memory():
    """A length word that claims more than there is."""
    field = b"<FIELD name='a' datatype='char' arraysize='*'/>"
    body = (
        b"<VOTABLE><RESOURCE><TABLE>"
        + field
        + b"<DATA><BINARY><STREAM encoding='base64'>/////wAA</STREAM>"
        b"</BINARY></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    with pytest.raises(InvalidFileError, match="within a row"):
        read_answer([body])


@pytest.mark.parametrize(
    ("infos", "status", "late"),
    [
        ([("before", "OK")], "OK", False),
        ([("before", "OK"), ("after", "OVERFLOW")], "OVERFLOW", False),
        ([("before", "OVERFLOW")], "OVERFLOW", False),
        ([("before", "OK"), ("after", "ERROR")], "ERROR", True),
        ([("before", "ERROR")], "ERROR", False),
        ([], "OK", False),
    ],
)
def test_query_status(infos, status, late):
    table = b"<TABLE><FIELD name='a' datatype='int'/></TABLE>"
    put = {
        place: b"".join(
            b'<INFO name="QUERY_STATUS" value="%b"/>' % value.encode()
            for where, value in infos
            if where == place
        )
        for place in ("before", "after")
    }
    answer = read_answer(
        [b"<VOTABLE><RESOURCE>" + put["before"] + table + put["after"] + b"</RESOURCE></VOTABLE>"]
    )
    assert (answer.status, answer.late_error) == (status, late)


def test_hard_limit():
    body = (
        b"<c:capabilities xmlns:c='x'><capability><outputLimit><default unit='row'>20</default>%b"
        b"</outputLimit></capability></c:capabilities>"
    )
    assert hard_limit(body % b"<hard unit='row'>700</hard>") == 700
    assert hard_limit(body % b"<hard unit='byte'>700</hard>") is None
    assert hard_limit(body % b"") is None


def test_null_strings_in_nameless_field():
    body = (
        b"<VOTABLE><RESOURCE><TABLE><FIELD ID='x' datatype='char' arraysize='*'/><DATA><BINARY>"
        b"<STREAM encoding='base64'>AAAAAA==</STREAM></BINARY></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    answer = read_answer([body])
    assert answer.fields[0].name == "x"
    assert answer.columns[0][0].tolist() == [""]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 700)), min_size=1, max_size=6),
    st.integers(0, 8),
)
def test_runs_of_texts_of_one_length(runs, cut):
    """Long runs of texts of one length, and short ones, between numbers; and cut at the end."""
    texts = ["x" * length for length, rows in runs for _ in range(rows)]
    numbers = np.arange(float(len(texts)))
    raw = b"".join(
        struct.pack(">dI", number, len(text)) + text.encode() + struct.pack(">i", -7)
        for number, text in zip(numbers, texts, strict=True)
    )
    fields = [Field("a", "double"), Field("b", "char", "*"), Field("c", "int")]
    if cut:
        with pytest.raises(InvalidFileError):
            decode_rows(fields, raw[:-cut], binary2=False)
        return
    rows, columns = decode_rows(fields, raw, binary2=False)
    assert rows == len(texts)
    assert columns[1][0].tolist() == texts
    np.testing.assert_array_equal(columns[0][0], numbers)
    assert (columns[2][0] == -7).all()
