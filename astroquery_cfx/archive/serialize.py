# Licensed under a 3-clause BSD style license - see LICENSE
"""Results as bytes: VOTable in the shape of HEASARC's, CSV, TSV and FITS."""

import binascii
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
from astropy.io import fits
from pyarrow import csv

from .arrow import bits_of, nulls_of, numbers_of
from .language import RequestError
from .metadata import STRINGS, ColumnInfo

# Rows that are serialized at a time: their padded strings stay within some MB.
_BLOCK_ROWS = 16_384
# VOTable's BINARY is big-endian (VOTable 1.4, section 5.3).
_BIG_ENDIAN = {"short": ">i2", "int": ">i4", "long": ">i8", "float": ">f4", "double": ">f8"}
# VOTable 1.4 keeps the namespace of 1.3.
_HEAD = (
    '<?xml version="1.0"?>\n<VOTABLE xmlns="http://www.ivoa.net/xml/VOTable/v1.3" '
    'xsi:schemaLocation="http://www.ivoa.net/xml/VOTable/v1.3 '
    'http://www.ivoa.net/xml/VOTable/v1.3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'version="1.4">\n <RESOURCE type="results">\n'
)
_TAIL = " </RESOURCE>\n</VOTABLE>\n"
_ENTITIES = {"'": "&apos;", '"': "&quot;", "\n": "&#xA;", "\r": "&#xD;", "\t": "&#x9;"}
# Characters that XML 1.0 cannot write: control characters, surrogates and two non-characters.
_NOT_XML = dict.fromkeys(
    [*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)], "?"
)


@dataclass
class Result:
    """The result of a query: its columns and rows, and what is said about them."""

    query: str
    columns: list[ColumnInfo]
    rows: pa.Table
    overflow: bool
    overflow_flag: str  # as in `Behaviour`
    simulated: tuple[str, ...]  # what the simulated tables that were read say of themselves


def xml_text(text: object) -> str:
    """Return text escaped for an element or an attribute."""
    return escape(str(text).translate(_NOT_XML), _ENTITIES)


# -- VOTable


def error_document(message: object, query: str) -> bytes:
    """Return the VOTable for a query that failed (TAP 1.1, section 3.3), in HEASARC's words."""
    words = f"Error[s] detected in query preprocessing: {message}. Query: {query}"
    info = f'  <INFO name="QUERY_STATUS" value="ERROR">{xml_text(words)}</INFO>\n'
    return (_HEAD + info + _TAIL).encode()


def _votable(result: Result, serialization: str) -> Iterator[bytes]:
    """
    Write a result as VOTable, piece by piece, in BINARY, BINARY2 or TABLEDATA.

    QUERY_STATUS stands before the table and OVERFLOW after it (DALI 1.1, section 4.4).
    """
    status = "OVERFLOW" if result.overflow and result.overflow_flag == "before" else "OK"
    head = (
        f'{_HEAD}  <INFO name="QUERY_STATUS" value="{status}">'
        "No errors detected in query preprocessing</INFO>\n"
    )
    for sentence in result.simulated:
        head += f'  <INFO name="simulated" value="{xml_text(sentence)}"/>\n'
    head += (
        f"  <TABLE>\n   <DESCRIPTION>Query result for:&#xA;{xml_text(result.query)}</DESCRIPTION>\n"
    )
    yield (head + "".join(_field(column) for column in result.columns)).encode()
    blocks = _blocks(result)
    if serialization == "TABLEDATA":
        yield b"   <DATA>\n    <TABLEDATA>\n"
        for block in blocks:
            cells = [_cells(array) for array in block]
            rows = ("</TD><TD>".join(row) for row in zip(*cells, strict=True))
            yield "".join(f"<TR><TD>{row}</TD></TR>\n" for row in rows).encode()
        yield b"    </TABLEDATA>\n   </DATA>\n"
    else:
        yield f'   <DATA>\n    <{serialization}>\n     <STREAM encoding="base64">\n'.encode()
        null_flags = serialization == "BINARY2"
        yield from _base64_lines(
            _binary_rows(block, result.columns, null_flags=null_flags) for block in blocks
        )
        yield f"\n     </STREAM>\n    </{serialization}>\n   </DATA>\n".encode()
    yield b"  </TABLE>\n"
    if result.overflow and result.overflow_flag == "after":
        yield b'  <INFO name="QUERY_STATUS" value="OVERFLOW"/>\n'
    yield _TAIL.encode()


def _field(column: ColumnInfo) -> str:
    """Return a FIELD with its attributes in HEASARC's order."""
    attributes = "".join(
        f' {name}="{xml_text(value)}"'
        for name in ("unit", "datatype", "arraysize", "ucd", "precision", "name", "width", "xtype")
        if (value := getattr(column, name))
    )
    inside = ""
    if column.description:
        inside += f"    <DESCRIPTION>{xml_text(column.description)}</DESCRIPTION>\n"
    if column.null is not None:
        inside += f'    <VALUES null="{column.null}"/>\n'
    end = f">\n{inside}   </FIELD>\n" if inside else "/>\n"
    return f"   <FIELD{attributes}{end}"


def _blocks(result: Result) -> Iterator[list[pa.Array]]:
    """Cut a result into blocks of rows; each column of a block is one contiguous array."""
    for start in range(0, result.rows.num_rows, _BLOCK_ROWS):
        pieces = (column.slice(start, _BLOCK_ROWS) for column in result.rows.columns)
        yield [
            piece.chunk(0) if piece.num_chunks == 1 else piece.combine_chunks() for piece in pieces
        ]


def _cells(array: pa.Array) -> list[str]:
    """Return the cells of a column of TABLEDATA; nulls are empty (VOTable 1.4, section 5.5)."""
    values = array.to_pylist()
    if pa.types.is_boolean(array.type):
        return ["" if value is None else "FT"[value] for value in values]
    if pa.types.is_floating(array.type):  # the shortest texts that read back as the same numbers
        kind = np.float32 if array.type == pa.float32() else float
        return ["" if value is None else str(kind(value)) for value in values]
    return ["" if value is None else escape(str(value)) for value in values]


def _binary_rows(arrays: list[pa.Array], columns: list[ColumnInfo], *, null_flags: bool) -> bytes:
    """
    Return rows as BINARY, or with null flags as BINARY2 (VOTable 1.4, sections 5.3 and 5.4).

    All rows are laid out in one matrix of bytes, strings padded to the longest, and the padding is
    cut out: a loop over rows would be slow.
    """
    # Pieces of rows, each a matrix of bytes, and how many of each line count (None: all).
    parts: list[tuple[np.ndarray, np.ndarray | None]] = []
    if null_flags:
        nulls = np.stack([nulls_of(array) for array in arrays], axis=1)
        parts.append((np.packbits(nulls, axis=1), None))
    for array, column in zip(arrays, columns, strict=True):
        if column.datatype in STRINGS:
            if column.datatype == "unicodeChar":
                texts = [text and text.encode("utf-16-be") for text in array.to_pylist()]
                array = pa.array(texts, pa.binary())
            text, sizes = _padded_text(array)
            characters = sizes // 2 if column.datatype == "unicodeChar" else sizes
            parts.append((characters.astype(">i4").view(np.uint8).reshape(-1, 4), None))
            parts.append((text, None if (sizes == text.shape[1]).all() else sizes))
            continue
        if column.datatype == "boolean":
            values = np.where(bits_of(array), ord("T"), ord("F")).astype(np.uint8)
            values[nulls_of(array)] = ord("?")
        else:
            values = numbers_of(array, column.null).astype(_BIG_ENDIAN[column.datatype])
        parts.append((values.view(np.uint8).reshape(len(array), -1), None))
    matrix = np.concatenate([piece for piece, _ in parts], axis=1)
    if all(size is None for _, size in parts):
        return matrix.tobytes()
    counted = [
        np.ones(piece.shape, dtype=bool)
        if size is None
        else np.arange(piece.shape[1]) < size[:, None]
        for piece, size in parts
    ]
    return matrix[np.concatenate(counted, axis=1)].tobytes()


def _padded_text(array: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes of strings, padded to the longest, and their lengths; NULL has length 0."""
    _, offset_buffer, buffer = array.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int32)
    offsets = offsets[array.offset : array.offset + len(array) + 1]
    lengths = np.where(nulls_of(array), 0, np.diff(offsets))
    width = int(lengths.max(initial=0))
    if width == 0:
        return np.zeros((len(array), 0), dtype=np.uint8), lengths
    data = np.frombuffer(buffer, dtype=np.uint8)
    if (lengths == width).all():
        return data[offsets[0] : offsets[-1]].reshape(len(array), width), lengths
    places = np.minimum(offsets[:-1, None] + np.arange(width, dtype=np.int32), len(data) - 1)
    return data[places], lengths


def _base64_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Encode in lines of 64 characters, 48 bytes each, whatever the sizes of the blocks."""
    rest = b""
    for block in blocks:
        whole = rest + block
        cut = len(whole) - len(whole) % 48
        rest = whole[cut:]
        if cut:
            text = binascii.b2a_base64(memoryview(whole)[:cut], newline=False)
            lines = np.full((len(text) // 64, 65), ord("\n"), dtype=np.uint8)
            lines[:, :64] = np.frombuffer(text, dtype=np.uint8).reshape(-1, 64)
            yield lines.tobytes()
    if rest:
        yield binascii.b2a_base64(rest)


# -- CSV, TSV, FITS


def _distinct_names(result: Result) -> list[str]:
    """Return the names of columns, numbered where they repeat, which VOTable alone allows."""
    distinct: list[str] = []
    for column in result.columns:
        number, name = 1, column.name
        while name in distinct:
            number += 1
            name = f"{column.name}_{number}"
        distinct.append(name)
    return distinct


def _csv(result: Result, delimiter: str) -> Iterator[bytes]:
    names = _distinct_names(result)
    buffer = io.BytesIO()
    buffer.write((delimiter.join(names) + "\r\n").encode())
    if result.rows.num_rows:
        options = csv.WriteOptions(
            delimiter=delimiter, quoting_style="needed", include_header=False
        )
        csv.write_csv(pa.Table.from_arrays(result.rows.columns, names=names), buffer, options)
    yield buffer.getvalue()


_FITS_FORMATS = {"short": "I", "int": "J", "long": "K", "float": "E", "double": "D", "boolean": "L"}
# The FITS standard discourages more than one slash in a unit.
_FITS_UNITS = {"erg/s/cm^2": "erg s-1 cm-2", "count/s/cm^2": "count s-1 cm-2"}


def _fits(result: Result) -> Iterator[bytes]:
    columns = []
    for name, column, chunks in zip(
        _distinct_names(result), result.columns, result.rows.columns, strict=True
    ):
        array = chunks.combine_chunks()
        if column.datatype in STRINGS:  # FITS has ASCII only
            texts = [(value or "").encode("ascii", "replace") for value in array.to_pylist()]
            values = np.array(texts or [b""], dtype="S")
            width = max(values.dtype.itemsize, 1)
            columns.append(fits.Column(name, f"{width}A", array=values[: len(array)]))
            continue
        if column.datatype == "boolean":  # astropy cannot write a logical that is null
            values = bits_of(array) & ~nulls_of(array)
        else:
            values = numbers_of(array, column.null)
        unit = _FITS_UNITS.get(column.unit, column.unit) or None
        form = _FITS_FORMATS[column.datatype]
        columns.append(fits.Column(name, form, unit=unit, null=column.null, array=values))
    hdu = fits.BinTableHDU.from_columns(columns)
    for number, column in enumerate(result.columns, 1):
        if column.ucd:
            hdu.header[f"TUCD{number}"] = column.ucd
        if column.description:
            hdu.header[f"TCOMM{number}"] = column.description.encode("ascii", "replace").decode()
    flagged = result.overflow and result.overflow_flag != "none"
    hdu.header["QSTATUS"] = "OVERFLOW" if flagged else "OK"
    for sentence in result.simulated:
        hdu.header.add_comment(sentence)
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(buffer)
    yield buffer.getvalue()


# -- formats (TAP 1.1, section 2.7.3)

Writer = Callable[[Result], Iterator[bytes]]
_VOTABLE = "application/x-votable+xml"

# name -> media type of the response, other names, writer; HEASARC sends its VOTables as text/xml
# fmt: off
FORMATS: dict[str, tuple[str, tuple[str, ...], Writer]] = {
    "votable": ("text/xml", (_VOTABLE, "votable/b", f"{_VOTABLE};serialization=binary"),
                partial(_votable, serialization="BINARY")),
    "votable/b2": (f"{_VOTABLE};serialization=BINARY2", (),
                   partial(_votable, serialization="BINARY2")),
    "votable/td": (f"{_VOTABLE};serialization=TABLEDATA", (),
                   partial(_votable, serialization="TABLEDATA")),
    "csv": ("text/csv;header=present", ("text/csv", "application/csv"),
            partial(_csv, delimiter=",")),
    "tsv": ("text/tab-separated-values", ("text/tsv",), partial(_csv, delimiter="\t")),
    "fits": ("application/fits", ("image/fits",), _fits),
}
# fmt: on


def find_format(wanted: str | None) -> tuple[str, Writer]:
    """Return the media type and the writer of a format of a request; None is HEASARC's default."""
    text = (wanted or "votable").lower().replace(" ", "")
    for name, (media_type, others, writer) in FORMATS.items():
        if text in (name, media_type.lower(), *others):
            return media_type, writer
    raise RequestError(f"format {wanted} is not supported: there are {', '.join(FORMATS)}")
