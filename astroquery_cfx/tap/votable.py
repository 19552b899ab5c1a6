# Licensed under a 3-clause BSD style license - see LICENSE
"""VOTable bytes to columns, as they stream in; hostile or damaged documents are refused."""

import binascii
import io
import warnings
from dataclasses import dataclass, field
from xml.parsers import expat

import numpy as np

from ..errors import InvalidFileError
from .binary import decode_rows, is_supported

__all__ = ["Answer", "AnswerReader", "Field", "hard_limit", "read_answer"]

_MAX_DEPTH = 40
_MAX_FIELDS = 20_000
_MAX_TEXT = 1_000_000
_MAX_TAG = 65_536
_SEVERITY = {"OK": 0, "OVERFLOW": 1, "ERROR": 2}


@dataclass(frozen=True)
class Field:
    """One FIELD of a VOTable: what a column is called and how it is encoded."""

    name: str
    datatype: str = "char"
    arraysize: str | None = None
    unit: str | None = None
    ucd: str | None = None
    utype: str | None = None
    xtype: str | None = None
    null: str | None = None
    description: str = ""


@dataclass
class Answer:
    """
    What one VOTable holds.

    Attributes
    ----------
    fields : list of Field
        In the order of the columns.
    columns : list of (`~numpy.ndarray`, `~numpy.ndarray` or None)
        Data and mask of each column; None where nothing is masked.
    num_rows : int
    status : str
        The worst QUERY_STATUS of the document: 'OK', 'OVERFLOW' or 'ERROR'.
    message : str
        The service's own words that go with the status.
    late_error : bool
        Whether the ERROR came after rows had come.
    infos : list of (str, str)
        Name and value of each INFO.
    has_table : bool
    """

    fields: list = field(default_factory=list)
    columns: list = field(default_factory=list)
    num_rows: int = 0
    status: str = "OK"
    message: str = ""
    late_error: bool = False
    infos: list = field(default_factory=list)
    has_table: bool = False


class AnswerReader:
    """
    Read one VOTable from pieces of bytes.

    BINARY and BINARY2 streams are decoded while they come; documents of other
    serialisations, and of data types that are rare, are kept and given to
    `astropy.io.votable`.

    Examples
    --------
    >>> from astroquery_cfx.tap.votable import AnswerReader
    >>> reader = AnswerReader()
    >>> reader.feed(b'<VOTABLE version="1.4"><RESOURCE type="results"><INFO name="QUERY_STATUS" ')
    >>> reader.feed(b'value="ERROR">no such column</INFO></RESOURCE></VOTABLE>')
    >>> answer = reader.close()
    >>> answer.status, answer.message
    ('ERROR', 'no such column')
    """

    def __init__(self):
        self.answer = Answer()
        self._parser = self._make_parser()
        self._path = []
        self._text = []
        self._text_length = 0
        self._field = None
        self._info = None
        self._tables = 0
        self._serialization = None
        self._pending = b""
        self._in_stream = False
        self._captures = False
        self._base64 = b""
        self._padded = False
        self._raw = bytearray()
        self._document = []  # kept until the fast decoder takes over
        self._started = False

    def feed(self, data):
        """Take the next piece of the document."""
        if not self._started:
            self._check_start(data)
        if self._document is not None:
            self._document.append(data)
        while data:
            data = self._feed_base64(data) if self._captures else self._feed_xml(data)

    def close(self):
        """Finish, and give the `Answer`."""
        self._parse(self._pending)
        self._pending = b""
        self._parse(b"", final=True)
        answer = self.answer
        if not answer.has_table:
            return answer
        if self._document is None:
            if self._base64:
                raise InvalidFileError("The base64 of the answer is cut.")
            answer.num_rows, answer.columns = decode_rows(
                answer.fields, self._raw, binary2=self._serialization == "BINARY2"
            )
        elif self._serialization is None and all(is_supported(item) for item in answer.fields):
            answer.num_rows, answer.columns = decode_rows(answer.fields, b"", binary2=False)
        else:
            _read_with_astropy(b"".join(self._document), answer)
        self._raw = self._document = None
        return answer

    def _check_start(self, data):
        head = data.lstrip()[:200].lower()
        if not head:
            return
        if (
            not head.startswith((b"<", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"))
            or b"<html" in head
            or b"<!doctype" in head
        ):
            raise InvalidFileError(f"The answer is no VOTable; it starts with {_excerpt(data)}.")
        self._started = True

    def _feed_xml(self, data):
        """Give XML to the parser up to the start of a base64 stream; give back what follows."""
        data = self._pending + data
        self._pending = b""
        found = data.find(b"STREAM")
        if found < 0:
            keep = len(data) - data.rfind(b"<", max(0, len(data) - 64)) if b"<" in data[-64:] else 0
            self._parse(data[: len(data) - keep])
            self._pending = data[len(data) - keep :]
            return b""
        end = data.find(b">", found)
        if end < 0:
            if len(data) - found > _MAX_TAG:
                raise InvalidFileError("The answer holds a tag without end.")
            self._parse(data[: found - 1])
            self._pending = data[found - 1 :]
            return b""
        self._parse(data[: end + 1])
        self._captures = self._in_stream
        return data[end + 1 :]

    def _feed_base64(self, data):
        """Decode base64 up to the next tag; give back what follows."""
        end = data.find(b"<")
        text = data if end < 0 else data[:end]
        self._decode(text)
        if end < 0:
            return b""
        self._captures = False
        return data[end:]

    def _decode(self, text):
        if self._document is not None:
            return
        text = self._base64 + text.translate(None, b" \r\n\t")
        cut = len(text) - len(text) % 4
        self._base64 = text[cut:]
        if not cut:
            return
        if self._padded:
            raise InvalidFileError("The base64 of the answer goes on after its end.")
        try:
            self._raw += binascii.a2b_base64(text[:cut], strict_mode=True)
        except binascii.Error as error:
            raise InvalidFileError(f"The base64 of the answer is damaged: {error}.") from error
        self._padded = text[cut - 1 : cut] == b"="

    # --- XML events

    def _make_parser(self):
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        return parser

    def _parse(self, data, *, final=False):
        try:
            self._parser.Parse(data, final)
        except expat.ExpatError as error:
            raise InvalidFileError(f"The answer is cut, or no XML: {error}.") from error

    def _start(self, name, attributes):
        name = name.rpartition(":")[2]
        self._path.append(name)
        if len(self._path) == 1 and name != "VOTABLE":
            raise InvalidFileError(f"The answer is no VOTable: it is <{name}>.")
        if len(self._path) > _MAX_DEPTH:
            raise InvalidFileError("The answer is nested too deep.")
        self._text = []
        self._text_length = 0
        if name == "TABLE":
            self._tables += 1
            self.answer.has_table = True
        elif name == "INFO":
            self._info = attributes
        elif self._tables == 1:
            self._start_in_table(name, attributes)

    def _start_in_table(self, name, attributes):
        if name == "FIELD":
            self._field = dict(attributes)
        elif name == "VALUES" and self._field is not None and attributes.get("null"):
            self._field["null"] = attributes["null"]
        elif name in ("BINARY", "BINARY2", "TABLEDATA", "FITS", "PARQUET"):
            if self._serialization is not None:
                raise InvalidFileError("The answer holds two data sections in one table.")
            self._serialization = name
        elif name == "STREAM" and self._serialization in ("BINARY", "BINARY2"):
            if attributes.get("encoding") != "base64" or "href" in attributes:
                raise InvalidFileError("The answer's stream is elsewhere, or is not base64.")
            self._in_stream = True
            if all(is_supported(item) for item in self.answer.fields):
                self._document = None

    def _characters(self, text):
        if self._in_stream and self._document is None:
            self._decode(text.encode("ascii", "replace"))
            return
        if self._path and self._path[-1] in ("INFO", "DESCRIPTION"):
            self._text_length += len(text)
            if self._text_length > _MAX_TEXT:
                raise InvalidFileError("The answer holds an endless text.")
            self._text.append(text)

    def _end(self, name):
        name = self._path.pop()
        if name == "STREAM":
            self._in_stream = False
        elif name == "INFO":
            self._end_info("".join(self._text).strip())
        elif name == "DESCRIPTION" and self._field is not None:
            self._field["description"] = "".join(self._text).strip()
        elif name == "FIELD" and self._field is not None:
            self._end_field()

    def _end_info(self, text):
        name, value = self._info.get("name", ""), self._info.get("value", "")
        self._text = []
        if len(self.answer.infos) < 1000:
            self.answer.infos.append((name, value))
        if name.upper() != "QUERY_STATUS":
            return
        status = value.strip().upper()
        if _SEVERITY.get(status, 0) >= _SEVERITY[self.answer.status]:
            # DaCHS puts its words of an error into the content, others into the value
            self.answer.message = text
            self.answer.status = status if status in _SEVERITY else "OK"
        if status == "ERROR" and self.answer.has_table:
            self.answer.late_error = True

    def _end_field(self):
        if len(self.answer.fields) >= _MAX_FIELDS:
            raise InvalidFileError("The answer declares too many fields.")
        given, self._field = self._field, None
        self.answer.fields.append(
            Field(
                name=given.get("name")
                or given.get("ID")
                or f"column_{len(self.answer.fields) + 1}",
                datatype=given.get("datatype", "char"),
                arraysize=given.get("arraysize"),
                unit=given.get("unit") or None,
                ucd=given.get("ucd") or None,
                utype=given.get("utype") or None,
                xtype=given.get("xtype") or None,
                null=given.get("null"),
                description=given.get("description", ""),
            )
        )


def read_answer(pieces):
    """
    Read one VOTable.

    Parameters
    ----------
    pieces : iterable of bytes
        The document, in pieces of any size.

    Returns
    -------
    Answer

    Raises
    ------
    InvalidFileError
        If it is cut, damaged, hostile or no VOTable.
    """
    reader = AnswerReader()
    for piece in pieces:
        reader.feed(piece)
    return reader.close()


def _read_with_astropy(document, answer):
    """Decode what the fast decoder does not take: TABLEDATA, FITS, rare types."""
    from astropy.io.votable import parse

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array = parse(io.BytesIO(document), verify="ignore").get_first_table().array
    except (ValueError, TypeError, EOFError, IndexError, KeyError, OSError, Warning) as error:
        raise InvalidFileError(f"The answer's table is damaged: {error}.") from error
    answer.num_rows = len(array)
    answer.columns = []
    for name in array.dtype.names or ():
        mask = np.ma.getmaskarray(array[name])
        mask = mask if mask.dtype == bool and mask.any() else None
        answer.columns.append((np.ma.getdata(array[name]), mask))
    if len(answer.columns) != len(answer.fields):
        raise InvalidFileError("The answer's table has not the columns that it declares.")


def hard_limit(document):
    """
    The hard row limit of a capabilities document (TAPRegExt 1.0, ``outputLimit/hard``).

    Parameters
    ----------
    document : bytes

    Returns
    -------
    int or None
    """
    path, found = [], []

    def start(name, attributes):
        path.append(name.rpartition(":")[2])
        if path[-2:] == ["outputLimit", "hard"]:
            found.append([attributes.get("unit", "row"), ""])

    def characters(text):
        if path[-2:] == ["outputLimit", "hard"]:
            found[-1][1] += text

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refuse
    parser.StartElementHandler, parser.CharacterDataHandler = start, characters
    parser.EndElementHandler = lambda _: path.pop()
    try:
        parser.Parse(document, True)  # noqa: FBT003 - expat's own signature
    except expat.ExpatError as error:
        raise InvalidFileError(f"The capabilities are no XML: {error}.") from error
    limits = [int(text) for unit, text in found if unit == "row" and text.strip().isdigit()]
    return min((limit for limit in limits if limit > 0), default=None)


def _refuse(*_):
    raise InvalidFileError("The answer declares a document type or entities: refused.")


def _excerpt(data):
    return repr(data[:60].decode("ascii", "replace"))
