# Licensed under a 3-clause BSD style license - see LICENSE
"""The fast decoder against astropy's, value for value; hostile and cut documents."""

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


def stream(fields, raw, form="BINARY", *, before="", after="", encoding="encoding='base64'"):
    """A document with these FIELDs and this stream of bytes."""
    data = base64.b64encode(raw).decode()
    return (
        f"<VOTABLE version='1.4'><RESOURCE type='results'>{before}<TABLE>{fields}<DATA><{form}>"
        f"<STREAM {encoding}>{data}</STREAM></{form}></DATA></TABLE>{after}</RESOURCE></VOTABLE>"
    ).encode()


def declare(*types):
    """FIELDs of these data types, each with its further attributes."""
    return "".join(f"<FIELD name='c{i}' datatype={text}/>" for i, text in enumerate(types))


def decode(types, raw, form="BINARY"):
    """The values of each column as a list, None where they are masked."""
    answer = read_answer([stream(declare(*types), raw, form)])
    return [
        [None if hidden else value for value, hidden in zip(data.tolist(), mask, strict=True)]
        if mask is not None and mask.ndim == 1
        else np.ma.array(data, mask=mask).tolist()
        if mask is not None
        else data.tolist()
        for data, mask in answer.columns
    ]


def test_rare_types_fall_back():
    """Complex numbers and lists are left to astropy."""
    rows = b"".join(
        struct.pack(">ddI", i, -i, i) + struct.pack(f">{i}d", *range(i)) for i in range(3)
    )
    answer = read_answer([stream(declare("'doubleComplex'", "'double' arraysize='*'"), rows)])
    assert answer.columns[0][0].tolist() == [0, 1 - 1j, 2 - 2j]
    assert [list(item) for item in answer.columns[1][0]] == [[], [0.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("kind", "raw", "values"),
    [
        ("'unsignedByte'", b"\x00\xff", [0, 255]),
        ("'short'", b"\x01\x02\xff\xff", [258, -1]),
        ("'int'", b"\x00\x00\x01\x02", [258]),
        ("'long'", b"\x7f" + b"\xff" * 7, [2**63 - 1]),
        ("'float'", b"\x3f\x80\x00\x00\x7f\xc0\x00\x00", [1.0, None]),
        ("'double'", struct.pack(">2d", 0.1, np.nan), [0.1, None]),
        ("'boolean'", b"Tt1Ff0", [True, True, True, False, False, False]),
        ("'boolean'", b"T?\x00 F", [True, None, None, None, False]),
        ("'short' arraysize='1'", b"\x00\x07", [7]),
        ("'short' arraysize='2'", b"\x00\x01\x00\x02\x00\x03\x00\x04", [[1, 2], [3, 4]]),
        ("'unsignedByte' arraysize='3x2'", bytes(range(6)), [[[0, 1, 2], [3, 4, 5]]]),
        ("'boolean' arraysize='2'", b"TFF?", [[True, False], [False, None]]),
        ("'char'", b"ab", ["a", "b"]),
        ("'char' arraysize='3'", b"a\0cxyzde\0", ["a", "xyz", "de"]),  # ends at the first zero
        ("'char' arraysize='2'", b"\xc3\xa4ab", ["ä", "ab"]),  # UTF-8
        ("'char' arraysize='2'", b"\xc2\x80", ["\x80"]),
        ("'char' arraysize='2'", b"\xe4\0ab", ["ä", "ab"]),  # not UTF-8: Latin-1
        ("'char' arraysize='*'", b"\0\0\0\2ab\0\0\0\0\0\0\0\1c", ["ab", "", "c"]),
        ("'char' arraysize='9*'", b"\0\0\0\2ab", ["ab"]),
        ("'char' arraysize='*'", b"\0\0\0\3a\0b\0\0\0\2c\0", ["a\0b", "c\0"]),  # zeros stay
        ("'char' arraysize='*'", b"\0\0\0\2\xe4\xf6\0\0\0\1a", ["äö", "a"]),
        ("'unicodeChar' arraysize='*'", b"\0\0\0\2\0a\x03\xb1", ["aα"]),
        ("'unicodeChar' arraysize='*'", b"\0\0\0\2\xd8\x3d\xde\0", ["😀"]),  # a surrogate pair
        ("'unicodeChar' arraysize='*'", b"\0\0\0\1\xe0\0", ["\ue000"]),
        ("'unicodeChar' arraysize='2'", b"\0a\0b\0c\0\0", ["ab", "c"]),
    ],
)
def test_values_written_by_hand(kind, raw, values):
    """Against the VOTable standard, byte for byte."""
    assert decode([kind], raw) == [values]


def test_null_values():
    """A number that stands for null is masked where it is declared; in BINARY2 a flag says so."""
    null = "<FIELD name='a' datatype='short'><VALUES null='-1'/></FIELD>"
    body = stream(null + "<FIELD name='b' datatype='short'/>", b"\xff\xff\xff\xff\0\1\0\2")
    answer = read_answer([body])
    assert answer.fields[0].null == "-1"
    assert answer.columns[0][0].tolist() == [-1, 1]
    assert answer.columns[0][1].tolist() == [True, False]
    assert answer.columns[1][1] is None
    row = b"\0\x05" + b"\0\1" + b"\0\0\0\1x"  # the null value, and a flag beside it
    types = ["'short'"], b"\x80\0\5" + b"\0\0\6", "BINARY2"
    assert decode(*types) == [[None, 6]]
    types = ["'short' arraysize='2'", "'char' arraysize='*'"]
    row = b"%b\0\5\0\6\0\0\0\1x"
    assert decode(types, row % b"\x80" + row % b"\0", "BINARY2") == [
        [[None, None], [5, 6]],
        ["x", "x"],
    ]


@pytest.mark.parametrize("count", [1, 7, 8, 9, 10, 16, 17])
def test_null_flags_of_many_fields(count):
    """One bit per field, the first one highest, filled up to whole bytes."""
    hidden = [i in (0, 6, 9, 15) for i in range(count)]
    flags = np.packbits(hidden).tobytes()
    found = decode(["'unsignedByte'"] * count, flags + bytes(range(count)), "BINARY2")
    assert found == [[None if hidden[i] else i] for i in range(count)]


@pytest.mark.parametrize("raw", [b"", b"\0\0"])
@pytest.mark.parametrize("form", ["BINARY", "BINARY2"])
def test_table_without_fields(form, raw):
    answer = read_answer([stream("", raw, form)])
    assert (answer.num_rows, answer.columns) == (0, [])


@pytest.mark.parametrize(
    ("kind", "null", "raw", "values"),
    [
        ("'double'", "7", struct.pack(">2d", 7, 8), [None, 8.0]),  # a number in place of NaN
        ("'float'", "7", struct.pack(">2f", 7, 8), [None, 8.0]),
        ("'bit' arraysize='8'", "", b"\x80", [[True] + 7 * [False]]),
        ("'floatComplex'", "", struct.pack(">2f", 1, 2), [1 + 2j]),
        ("'short' arraysize='2*'", "", b"\0\0\0\2\0\5\0\6", [[5, 6]]),
    ],
)
def test_what_is_left_to_astropy(kind, null, raw, values):
    fields = f"<FIELD name='c' datatype={kind}>" + f"<VALUES null='{null}'/>" * bool(null)
    answer = read_answer([stream(fields + "</FIELD>", raw)])
    (data, mask), *_ = answer.columns
    found = np.ma.array(data, mask=mask).tolist()
    assert [list(cell) if isinstance(values[0], list) else cell for cell in found] == values


@pytest.mark.parametrize("null", ["x", "1.5", "99999"])
def test_null_value_that_no_cell_can_have(null):
    """It masks nothing, or the document is refused: but it never stands for something else."""
    fields = f"<FIELD name='c' datatype='short'><VALUES null='{null}'/></FIELD>"
    try:
        answer = read_answer([stream(fields, b"\0\1\0\2")])
    except InvalidFileError:
        return
    assert answer.columns[0][0].tolist() == [1, 2]
    assert answer.columns[0][1] is None


@pytest.mark.parametrize(
    ("kind", "form"),
    [("'char' arraysize='2x3'", "BINARY"), ("'int'", "FITS"), ("'int'", "PARQUET")],
)
def test_what_neither_decoder_has_is_refused(kind, form):
    """Arrays of texts; FITS and Parquet within the document."""
    with pytest.raises(InvalidFileError, match="damaged"):
        read_answer([stream(declare(kind), b"abcdefgh", form)])


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


@pytest.mark.parametrize(
    ("types", "raw"),
    [
        (["'char' arraysize='*'"], b"\xff\xff\xff\xff\0\0"),  # claims more than there is
        (["'char' arraysize='*'"] * 2, b"\0\0\0\0\xff\xff\xff\xff\0\0"),
        (["'char' arraysize='*'"], b"\0\0\0\1a\0\0"),
        (["'char' arraysize='*'"] * 2, b"\0\0\0\1a"),
        (["'int'"], b"\0\0\0\0\0"),
        (["'double' arraysize='4294967296x4294967296'"], b"\0" * 64),  # 2 to the 64, times 8
        (["'char' arraysize='99999999999'"], b"\0" * 64),
    ],
)
def test_rows_that_are_not_whole(types, raw):
    with pytest.raises(InvalidFileError, match="within a row"):
        read_answer([stream(declare(*types), raw)])


def test_value_that_is_not_a_boolean():
    with pytest.raises(InvalidFileError, match="c0 holds a value that is not a boolean"):
        read_answer([stream(declare("'boolean'"), b"TFX")])


@pytest.mark.parametrize(
    ("infos", "status", "late"),
    [
        ([("before", "OK")], "OK", False),
        ([("before", "OK"), ("after", "OVERFLOW")], "OVERFLOW", False),
        ([("before", "OVERFLOW")], "OVERFLOW", False),
        ([("before", "OK"), ("after", "ERROR")], "ERROR", True),
        ([("before", "ERROR")], "ERROR", False),
        ([("before", "odd"), ("before", "also odd")], "OK", False),
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


def test_hard_limit_is_the_least_that_counts_rows():
    body = "<a><outputLimit>%s</outputLimit><hard>1</hard><b><outputLimit>%s</outputLimit></b></a>"
    first = "<hard unit='row'> 900 </hard><hard unit='byte'>5</hard>"
    second = (
        "<hard>800</hard><hard>0</hard><hard>-3</hard><hard/><hard>many</hard><default>2</default>"
    )
    assert hard_limit((body % (first, second)).encode()) == 800


@pytest.mark.parametrize(
    "document",
    [b"", b"not XML", b"<a>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"<!DOCTYPE a><a/>"],
)
def test_capabilities_that_are_refused(document):
    with pytest.raises(InvalidFileError):
        hard_limit(document)


def test_what_a_field_declares():
    fields = (
        "<FIELD name='a' ID='b' datatype='int' unit='deg' ucd='pos.eq.ra' utype='u' xtype='x'>"
        "<DESCRIPTION> the &lt;first&gt; one\n</DESCRIPTION><VALUES null='-9'><MIN value='1'/>"
        "</VALUES></FIELD><FIELD ID='x' arraysize='*' unit='' ucd=''/>"
        "<FIELD datatype='short'><VALUES null=''/></FIELD>"
    )
    about_the_table = "<TABLE name='t'><DESCRIPTION>all</DESCRIPTION><PARAM name='p' value='1'/>"
    body = stream(fields, b"").replace(b"<TABLE>", about_the_table.encode())
    answer = read_answer([body])
    assert answer.fields == [
        Field("a", "int", None, "deg", "pos.eq.ra", "u", "x", "-9", "the <first> one"),
        Field("x", "char", "*"),
        Field("column_3", "short"),
    ]
    assert [data.dtype.str for data, _ in answer.columns] == ["<i4", "<U1", "<i2"]
    assert answer.num_rows == 0


def test_infos_and_the_words_of_the_worst_status():
    info = "<INFO name='%s' value='%s'>%s</INFO>"
    before = (
        info % ("QUERY_STATUS", "OK", "fine")
        + info % ("simulated", "yes", "")
        + info % ("query_status", " error ", " it\nbroke ")
    )
    after = info % ("QUERY_STATUS", "OVERFLOW", "more") + info % ("QUERY_STATUS", "odd", "words")
    answer = read_answer([stream(declare("'int'"), b"", before=before, after=after)])
    assert (answer.status, answer.message) == ("ERROR", "it\nbroke")
    assert not answer.late_error
    assert answer.infos[:2] == [("QUERY_STATUS", "OK"), ("simulated", "yes")]
    assert len(answer.infos) == 5
    many = read_answer([stream(declare("'int'"), b"", before=info % ("a", "b", "") * 1001)])
    assert len(many.infos) == 1000  # the rest says nothing new


def test_only_the_first_table_counts():
    other = "<TABLE><FIELD name='other' datatype='long'/><DATA><BINARY><STREAM encoding='base64'>"
    other += "AAAA</STREAM></BINARY></DATA></TABLE>"
    answer = read_answer([stream(declare("'short'"), b"\0\7", after=other)])
    assert [field.name for field in answer.fields] == ["c0"]
    assert answer.columns[0][0].tolist() == [7]


@pytest.mark.parametrize("piece", [1, 3, 64, 10_000])
def test_names_with_a_prefix_and_odd_white_space(piece):
    body = stream(declare("'int'"), struct.pack(">3i", 1, 2, 3)).decode()
    body = body.replace("</", "</v:").replace("<", "<v:").replace("<v:/v:", "</v:")
    body = body.replace("<v:VOTABLE", "\n<v:VOTABLE xmlns:v='x'").replace("AAAB", " A\r\n\tAAB ")
    raw = b"\xef\xbb\xbf" * (piece != 1) + body.encode()
    answer = read_answer([raw[i : i + piece] for i in range(0, len(raw), piece)])
    assert answer.columns[0][0].tolist() == [1, 2, 3]


def test_stream_that_begins_between_pieces_of_a_long_document():
    fields = f"<FIELD name='a' datatype='int'><DESCRIPTION>{'x' * 99_000}</DESCRIPTION></FIELD>"
    body = stream(fields, struct.pack(">3i", 1, 2, 3))
    for cut in range(body.index(b"<STREAM") - 1, body.index(b"AAAA") + 6):
        answer = read_answer([body[:cut], body[cut:]])
        assert answer.columns[0][0].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "page", [b"<!DOCTYPE html><html>", b"\n <HTML><body>", b'<?xml version="1.0"?><html>', b"down"]
)
def test_page_in_place_of_a_table_is_quoted(page):
    with pytest.raises(InvalidFileError, match="not a VOTable; it starts with '") as error:
        read_answer([page + b"Service down"])
    assert page.decode().strip() in str(error.value)


def test_base64_between_comments():
    """The end of the fast way through the stream, and the way back into it."""
    body = stream(declare("'int'"), struct.pack(">3i", 1, 2, 3))
    body = body.replace(b"AAAAAQAA", b"AAAA<!-- STREAM -->AQAA<![CDATA[]]>")
    assert read_answer([body]).columns[0][0].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (stream(declare("'int'"), b"\0\0\0\0", encoding=""), "not base64"),
        (stream(declare("'int'"), b"\0\0\0\0", encoding="encoding='gzip'"), "not base64"),
        (stream(declare("'int'"), b"", encoding="encoding='base64' href='file:x'"), "elsewhere"),
        (stream(declare("'int'"), b"\0\0\0\0").replace(b"AAAAAA==", b"AAAAAA="), "base64.* cut"),
        (stream(declare("'int'"), b"\0\0\0\0").replace(b"==", b"==AAAA"), "after its end|damaged"),
        (stream(declare("'int'"), b"\0\0\0\0").replace(b"AAAA", b"A*AA"), "damaged"),
        (b"<VOTABLE><RESOURCE>" + b"<RESOURCE>" * 39, "nested too deeply"),
        (b"<VOTABLE><RESOURCE><TABLE><DATA><BINARY/><TABLEDATA/>", "two data sections"),
        (b"<VOTABLE><TABLE>" + b"<FIELD name='a'/>" * 20_001, "too many fields"),
        (b"<html><VOTABLE/></html>", "not a VOTable"),
        (b"<VO/>", "not a VOTable: it is <VO>"),
        (b"<VOTABLE>", "is cut"),
    ],
)
def test_why_documents_are_refused(body, words):
    with pytest.raises(InvalidFileError, match=words):
        read_answer([body])
    with pytest.raises(InvalidFileError, match=words):
        read_answer([body[i : i + 4] for i in range(0, len(body), 4)])


def test_what_is_just_within_the_bounds():
    resources = b"<RESOURCE>" * 39 + b"</RESOURCE>" * 39
    assert not read_answer([b"<VOTABLE>" + resources + b"</VOTABLE>"]).has_table
    fields = b"<FIELD name='a' datatype='int'/>" * 20_000
    body = b"<VOTABLE><RESOURCE><TABLE>%b</TABLE></RESOURCE></VOTABLE>"
    answer = read_answer([body % fields])
    assert len(answer.columns) == 20_000
    text = b"<INFO name='a' value='b'>" + b"x" * 1_000_000 + b"</INFO>"
    assert read_answer([b"<VOTABLE>" + text + b"</VOTABLE>"]).infos == [("a", "b")]
    with pytest.raises(InvalidFileError, match="endless text"):
        read_answer([b"<VOTABLE>" + text.replace(b"<IN", b"x<IN").replace(b"x</", b"xx</")])
    tag = b"<VOTABLE><STREAM a='%b'/></VOTABLE>"
    assert not read_answer([tag[:20], b"x" * 65_000, tag[22:]]).has_table


def test_few_long_texts_among_many_short_ones():
    """One matrix would be 2000 times as large as the answer: they come as Python objects."""
    texts = ["x" * 40_000, *["y"] * 2000]
    raw = b"".join(struct.pack(">I", len(text)) + text.encode() for text in texts)
    (data, _) = read_answer([stream(declare("'char' arraysize='*'"), raw)]).columns[0]
    assert data.tolist() == texts
    assert data.nbytes < 100_000


def test_null_strings_in_nameless_field():
    body = stream("<FIELD ID='x' datatype='char' arraysize='*'/>", b"\0\0\0\0")
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
