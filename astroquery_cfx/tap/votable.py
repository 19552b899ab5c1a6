# Licensed under a 3-clause BSD style license - see LICENSE
"""VOTable bytes to columns, as they stream in; hostile or damaged documents are refused.

`astropy.io.votable` reads whole documents, believes their document types and entities, and does not
report what QUERY_STATUS followed the table; it is used for what is rare.
"""

import binascii
import io
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

import numpy as np

from ..errors import InvalidFileError
from .binary import ColumnData, Field, decode_rows, is_supported

# Far beyond any real answer: what exceeds these was made to exhaust the memory.
_MAX_DEPTH = 40
_MAX_FIELDS = 20_000
_MAX_INFOS = 1000
_MAX_TEXT = 1_000_000
_MAX_TAG = 65_536
_SEVERITY = {"OK": 0, "OVERFLOW": 1, "ERROR": 2}


@dataclass
class Answer:
    """The content of one VOTable."""

    fields: list[Field] = field(default_factory=list)
    columns: list[ColumnData] = field(default_factory=list)  # in the order of the fields
    num_rows: int = 0
    status: str = "OK"  # the worst QUERY_STATUS of the document: OK, OVERFLOW or ERROR
    message: str = ""  # the service's own words for it
    late_error: bool = False  # whether the ERROR followed a table, which then is not whole
    infos: list[tuple[str, str]] = field(default_factory=list)  # name and value of each INFO
    has_table: bool = False


class AnswerReader:
    """
    A reader of one VOTable that comes in pieces.

    XML goes to expat. The base64 of the first table's BINARY or BINARY2 stream does not: it is
    decoded while it comes. Other serializations and rare data types are kept as a document and
    left to `astropy.io.votable`.
    """

    def __init__(self) -> None:
        self.answer = Answer()
        self._parser = _make_parser()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._started = False  # whether the document begins like XML
        self._document: list[bytes] | None = []  # None once the fast decoder takes over
        # Elements
        self._path: list[str] = []
        self._text: list[str] = []  # of the INFO or DESCRIPTION that is open
        self._text_length = 0
        self._info: dict[str, str] = {}
        self._field: dict[str, str] | None = None
        self._tables = 0
        self._serialization: str | None = None
        # Streams
        self._pending = b""  # the start of a tag, of which the rest is still to come
        self._in_stream = False
        self._in_base64 = False  # whether the next bytes go to the fast decoder
        self._base64 = b""  # up to three characters that await the rest of their group of four
        self._padded = False  # whether the base64 has ended
        self._raw = bytearray()

    def feed(self, data: bytes) -> None:
        """Take the next piece of the document."""
        if not self._started and (head := data.lstrip()[:200].lower()):
            is_xml = head.startswith((b"<", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"))
            if not is_xml or b"<html" in head or b"<!doctype" in head:
                excerpt = data[:60].decode("ascii", "replace")
                raise InvalidFileError(f"The answer is not a VOTable; it starts with {excerpt!r}.")
            self._started = True
        if self._document is not None:
            self._document.append(data)
        while data:
            data = self._feed_base64(data) if self._in_base64 else self._feed_xml(data)

    def close(self) -> Answer:
        """Finish, and return what the document holds."""
        self._parse(self._pending)
        self._pending = b""
        self._parse(b"", final=True)
        answer = self.answer
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
        # The parser holds this reader by its handlers, and both stay until garbage is collected.
        self._raw, self._document = bytearray(), None
        return answer

    def _feed_xml(self, data: bytes) -> bytes:
        """Parse XML up to the start of a base64 stream; return what follows."""
        data = self._pending + data
        self._pending = b""
        found = data.find(b"STREAM")
        if found < 0:
            start = data.rfind(b"<", max(0, len(data) - 64))  # perhaps of a STREAM, cut in its name
            cut = start if start >= 0 else len(data)
            self._parse(data[:cut])
            self._pending = data[cut:]
            return b""
        end = data.find(b">", found)
        if end < 0:
            if len(data) - found > _MAX_TAG:
                raise InvalidFileError("The answer holds a tag without end.")
            self._parse(data[: found - 1])
            self._pending = data[found - 1 :]
            return b""
        self._parse(data[: end + 1])
        self._in_base64 = self._in_stream
        return data[end + 1 :]

    def _feed_base64(self, data: bytes) -> bytes:
        """Decode base64 up to the next tag; return what follows."""
        end = data.find(b"<")
        self._decode(data if end < 0 else data[:end])
        if end < 0:
            return b""
        self._in_base64 = False
        return data[end:]

    def _decode(self, text: bytes) -> None:
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

    def _parse(self, data: bytes, *, final: bool = False) -> None:
        try:
            self._parser.Parse(data, final)
        except expat.ExpatError as error:
            raise InvalidFileError(f"The answer is cut, or is not XML: {error}.") from error

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        self._path.append(name)
        if len(self._path) == 1 and name != "VOTABLE":
            raise InvalidFileError(f"The answer is not a VOTable: it is <{name}>.")
        if len(self._path) > _MAX_DEPTH:
            raise InvalidFileError("The answer is nested too deeply.")
        self._text = []
        self._text_length = 0
        if name == "TABLE":
            self._tables += 1
            self.answer.has_table = True
        elif name == "INFO":
            self._info = attributes
        elif self._tables == 1:
            self._start_in_table(name, attributes)

    def _start_in_table(self, name: str, attributes: dict[str, str]) -> None:
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

    def _characters(self, text: str) -> None:
        if self._in_stream and self._document is None:
            self._decode(text.encode("ascii", "replace"))
            return
        if self._path and self._path[-1] in ("INFO", "DESCRIPTION"):
            self._text_length += len(text)
            if self._text_length > _MAX_TEXT:
                raise InvalidFileError("The answer holds an endless text.")
            self._text.append(text)

    def _end(self, name: str) -> None:
        name = self._path.pop()
        if name == "STREAM":
            self._in_stream = False
        elif name == "INFO":
            self._end_info("".join(self._text).strip())
        elif name == "DESCRIPTION" and self._field is not None:
            self._field["description"] = "".join(self._text).strip()
        elif name == "FIELD" and self._field is not None:
            self._end_field(self._field)
            self._field = None

    def _end_info(self, text: str) -> None:
        name, value = self._info.get("name", ""), self._info.get("value", "")
        self._text = []
        if len(self.answer.infos) < _MAX_INFOS:
            self.answer.infos.append((name, value))
        if name.upper() != "QUERY_STATUS":
            return
        status = value.strip().upper()
        if _SEVERITY.get(status, 0) >= _SEVERITY[self.answer.status]:
            # The content of the element is for the user (DALI 1.1, section 4.4).
            self.answer.message = text
            self.answer.status = status if status in _SEVERITY else "OK"
        if status == "ERROR" and self.answer.has_table:
            self.answer.late_error = True

    def _end_field(self, given: dict[str, str]) -> None:
        number = len(self.answer.fields) + 1
        if number > _MAX_FIELDS:
            raise InvalidFileError("The answer declares too many fields.")
        name = given.get("name") or given.get("ID") or f"column_{number}"
        optional = ("arraysize", "unit", "ucd", "utype", "xtype")
        self.answer.fields.append(
            Field(
                name,
                given.get("datatype", "char"),
                null=given.get("null"),
                description=given.get("description", ""),
                **{key: given[key] for key in optional if given.get(key)},
            )
        )


def read_answer(pieces: Iterable[bytes]) -> Answer:
    """Read one VOTable in pieces; raise `InvalidFileError` if it is cut, damaged or hostile."""
    reader = AnswerReader()
    for piece in pieces:
        reader.feed(piece)
    return reader.close()


def _read_with_astropy(document: bytes, answer: Answer) -> None:
    """Read the columns that the fast decoder does not take: TABLEDATA, FITS, rare types."""
    from astropy.io.votable import parse  # slow to import, and seldom needed

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
        is_masked = mask.dtype == bool and mask.any()
        answer.columns.append((np.ma.getdata(array[name]), mask if is_masked else None))
    if len(answer.columns) != len(answer.fields):
        raise InvalidFileError("The answer's table lacks columns that it declares.")


def hard_limit(document: bytes) -> int | None:
    """Return the hard row limit of a capabilities document (TAPRegExt 1.0, outputLimit/hard)."""
    try:
        _make_parser().Parse(document, True)  # noqa: FBT003 - expat's own signature
    except expat.ExpatError as error:
        raise InvalidFileError(f"The capabilities are not XML: {error}.") from error
    limits = ET.fromstring(document).iterfind(".//{*}outputLimit/{*}hard")
    texts = [(limit.text or "").strip() for limit in limits if limit.get("unit", "row") == "row"]
    return min((int(text) for text in texts if text.isdecimal() and int(text)), default=None)


def _make_parser() -> expat.XMLParserType:
    """Make a parser that refuses what XML bombs and attacks by external entities are made of."""

    def refuse(*_: Any) -> None:
        raise InvalidFileError("The answer declares a document type or entities: refused.")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    return parser
