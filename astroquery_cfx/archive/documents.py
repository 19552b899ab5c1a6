# Licensed under a 3-clause BSD style license - see LICENSE
"""Answers as VOTable documents, in the shape that HEASARC's service gives them."""

import binascii
from xml.sax.saxutils import escape

import numpy as np

from .encode import binary_blocks, tabledata_blocks

__all__ = ["error_document", "votable_document"]

_HEAD = (
    '<?xml version="1.0"?>\n<VOTABLE xmlns="http://www.ivoa.net/xml/VOTable/v1.3" '
    'xsi:schemaLocation="http://www.ivoa.net/xml/VOTable/v1.3 http://www.ivoa.net/xml/VOTable/v1.3" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="1.4">\n <RESOURCE type="results">\n'
)
_TAIL = " </RESOURCE>\n</VOTABLE>\n"
_ENTITIES = {"'": "&apos;", '"': "&quot;", "\n": "&#xA;", "\r": "&#xD;", "\t": "&#x9;"}
# characters that XML 1.0 has no way to write
_NOT_XML = dict.fromkeys(
    [*range(9), 11, 12, *range(14, 32), 65534, 65535, *range(55296, 57344)], "?"
)


def xml_text(text):
    """Text that may stand in an element or an attribute."""
    return escape(str(text).translate(_NOT_XML), _ENTITIES)


def error_document(message, query):
    """
    The answer to a query that failed.

    Parameters
    ----------
    message, query : str
        What was wrong, and the query as it came.

    Returns
    -------
    bytes
    """
    words = f"Error[s] detected in query preprocessing: {message}. Query: {query}"
    return (
        _HEAD + f'  <INFO name="QUERY_STATUS" value="ERROR">{xml_text(words)}</INFO>\n' + _TAIL
    ).encode()


def votable_document(result, serialization="binary"):
    """
    The answer to a query, piece by piece.

    Parameters
    ----------
    result : Result
        Columns, rows, and whether rows are missing.
    serialization : {'binary', 'binary2', 'tabledata'}
        How the rows are written.

    Yields
    ------
    bytes
    """
    yield "".join(_before_rows(result)).encode()
    element = serialization.upper()
    if serialization == "tabledata":
        yield b"   <DATA>\n    <TABLEDATA>\n"
        yield from tabledata_blocks(result)
        yield b"    </TABLEDATA>\n   </DATA>\n"
    else:
        yield f'   <DATA>\n    <{element}>\n     <STREAM encoding="base64">\n'.encode()
        yield from _base64(binary_blocks(result, null_flags=serialization == "binary2"))
        yield f"\n     </STREAM>\n    </{element}>\n   </DATA>\n".encode()
    yield b"  </TABLE>\n"
    if result.overflow and result.overflow_flag == "after":
        yield b'  <INFO name="QUERY_STATUS" value="OVERFLOW"/>\n'
    yield _TAIL.encode()


def _before_rows(result):
    yield _HEAD
    status = "OVERFLOW" if result.overflow and result.overflow_flag == "before" else "OK"
    yield f'  <INFO name="QUERY_STATUS" value="{status}">No errors detected in query preprocessing</INFO>\n'
    for sentence in result.simulated:
        yield f'  <INFO name="simulated" value="{xml_text(sentence)}"/>\n'
    yield (
        "  <TABLE>\n   <DESCRIPTION>Query result for:&#xA;"
        + xml_text(result.query)
        + "</DESCRIPTION>\n"
    )
    for column in result.columns:
        yield _field(column)


def _field(column):
    attributes = [
        ("unit", column.unit),
        ("datatype", column.datatype),
        ("arraysize", column.arraysize),
        ("ucd", column.ucd),
        ("precision", column.precision),
        ("name", column.name),
        ("width", column.width),
        ("xtype", column.xtype),
    ]
    head = "   <FIELD " + " ".join(
        f'{name}="{xml_text(value)}"' for name, value in attributes if value
    )
    inside = ""
    if column.description:
        inside += f"    <DESCRIPTION>{xml_text(column.description)}</DESCRIPTION>\n"
    if column.null is not None:
        inside += f'    <VALUES null="{column.null}"/>\n'
    return f"{head}>\n{inside}   </FIELD>\n" if inside else f"{head}/>\n"


def _base64(blocks):
    """Lines of 64 characters: 48 bytes each, whatever the blocks' sizes."""
    rest = b""
    for block in blocks:
        whole = rest + block
        cut = len(whole) - len(whole) % 48
        rest = whole[cut:]
        if cut:
            text = np.frombuffer(
                binascii.b2a_base64(memoryview(whole)[:cut], newline=False), dtype=np.uint8
            )
            lines = np.full((len(text) // 64, 65), ord("\n"), dtype=np.uint8)
            lines[:, :64] = text.reshape(-1, 64)
            yield lines.tobytes()
    if rest:
        yield binascii.b2a_base64(rest)
