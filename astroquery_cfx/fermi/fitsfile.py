# Licensed under a 3-clause BSD style license - see LICENSE
"""Bytes of a FITS file -> its extensions, each checked.

The 4FGL catalogues are read here without `astropy.io.fits`, which parses each
card and each column at leisure: a few columns of a large table cost little, and
what is cut or flipped is found before anything is used.
"""

import gzip
import math
import re
import zlib
from typing import NamedTuple

import numpy as np

from ..errors import InvalidFileError

__all__ = ["Extension", "has_good_checksums", "read_bytes", "table_dtype", "walk_extensions"]

_BLOCK = 2880
_FORMAT = re.compile(r"(\d*)([ABIJKED])$")
_TYPES = {"B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
# KEYWORD = 'text' / comment, or KEYWORD = number / comment
_CARD = re.compile(r"([A-Z0-9_-]{1,8}) *= +(?:'((?:[^']|'')*)'|([^/]*))")
_AGAIN = "download it again."


class Extension(NamedTuple):
    """Header (keyword -> value) and bytes of an extension."""

    header: dict
    header_bytes: memoryview
    data_bytes: memoryview

    @property
    def name(self):
        """EXTNAME, or an empty string."""
        return str(self.header.get("EXTNAME", "")).strip()


def read_bytes(path, what="the file"):
    """
    Read a file, gzipped or not.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file.
    what : str, optional
        What to call it in an error.

    Returns
    -------
    bytes
        Its content, unpacked.

    Raises
    ------
    InvalidFileError
        If it cannot be read or unpacked, or if it is not FITS.
    """
    try:
        with open(path, "rb") as stream:
            content = stream.read()
    except OSError as error:
        raise InvalidFileError(
            f"{what} cannot be read: {error.strerror or error}.",
            remedy="name a FITS file that is there, gzipped or not.",
        ) from error
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise InvalidFileError(
                f"{what} is cut or damaged: it does not unpack ({error}).", remedy=_AGAIN
            ) from error
    _require_fits(content, what)
    return content


def _require_fits(content, what):
    """Say what a file is that is not FITS."""
    if content[:9] == b"SIMPLE  =":
        return
    start = content[:512].lstrip().lower()
    if not content:
        kind = "is empty"
    elif start.startswith((b"<!doctype html", b"<html")) or b"<html" in start:
        kind = "is a web page (HTML), not a FITS file"
    elif start.startswith(b"<"):
        kind = "is XML or HTML, not a FITS file"
    else:
        kind = f"is not a FITS file: it begins with {content[:16]!r}"
    raise InvalidFileError(
        f"{what} {kind}.", remedy="name the FITS file of the catalogue, or download it again."
    )


def walk_extensions(content, what="the file"):
    """
    Find the extensions of a FITS file.

    Parameters
    ----------
    content : bytes
        The whole file.
    what : str, optional
        What to call it in an error.

    Returns
    -------
    list of `Extension`
        The primary one first.

    Raises
    ------
    InvalidFileError
        If the file ends before its last extension does, or a header cannot be read.
    """
    view, extensions, start = memoryview(content), [], 0
    while start < len(content):
        data_start = _header_end(content, start, what)
        header, size = _parse_header(content[start:data_start], what)
        end = data_start + size + -size % _BLOCK
        if end > len(content):
            raise InvalidFileError(
                f"{what} is cut: it has {len(content):,} bytes of at least {end:,}.", remedy=_AGAIN
            )
        extensions.append(Extension(header, view[start:data_start], view[data_start:end]))
        start = end
    return extensions


def _header_end(content, start, what):
    """Where the block ends that holds the END card."""
    for block in range(start, len(content), _BLOCK):
        cards = content[block : block + _BLOCK]
        if (
            any(cards[i : i + 80].rstrip() == b"END" for i in range(0, len(cards), 80))
            and len(cards) == _BLOCK
        ):
            return block + _BLOCK
    raise InvalidFileError(f"{what} is cut or damaged: a header has no end.", remedy=_AGAIN)


def _parse_header(cards, what):
    """Keyword -> value of a header; one that no data size comes of is damaged."""
    text = cards.decode("latin-1")
    cards = (_CARD.match(text, i, i + 80) for i in range(0, len(text), 80))
    header = {card[1]: _value(card) for card in cards if card}
    try:
        axes = [header[f"NAXIS{i}"] for i in range(1, header["NAXIS"] + 1)]
        size = (
            abs(header["BITPIX"])
            // 8
            * header.get("GCOUNT", 1)
            * (header.get("PCOUNT", 0) + math.prod(axes))
            if axes
            else 0
        )
        if size < 0 or not isinstance(size, int):
            raise ValueError("NAXIS")
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidFileError(
            f"{what} is damaged: a header does not tell the size of its data ({error}).",
            remedy=_AGAIN,
        ) from error
    return header, size


def _value(match):
    """Value of a card: a text, a number, or True or False."""
    if match[2] is not None:
        return match[2].replace("''", "'").rstrip()
    text = match[3].strip()
    if text in ("T", "F"):
        return text == "T"
    for kind in (int, float):
        try:
            return kind(text.replace("D", "E"))
        except ValueError:
            continue
    return text


def has_good_checksums(extension):
    """
    Check an extension against the CHECKSUM and DATASUM in its header.

    Both are ones'-complement sums of 32-bit words (FITS standard 4.0, appendix J).

    Parameters
    ----------
    extension : `Extension`
        The extension.

    Returns
    -------
    bool
        True also where the header has no such keyword.
    """
    header = extension.header
    if "DATASUM" not in header:
        return True
    data = _word_sum(extension.data_bytes)
    try:
        expected = int(str(header["DATASUM"]).strip() or 0)
    except ValueError:
        return False
    whole = _word_sum(extension.header_bytes, data)
    return data == expected and ("CHECKSUM" not in header or whole in (0, 0xFFFFFFFF))


def _word_sum(view, total=0):
    """Ones'-complement sum of big-endian 32-bit words."""
    total += int(np.frombuffer(view, ">u4").sum(dtype=np.uint64))
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def _shape(count, dimensions):
    """Shape of an entry: TDIM counts the fastest axis first, numpy last."""
    shape = tuple(int(size) for size in re.findall(r"\d+", str(dimensions or "")))[::-1]
    if np.prod(shape, dtype=int) != count or not shape:
        return (count,) if count != 1 else ()
    return shape


def table_dtype(header):
    """
    Data type of the rows of a binary table.

    Parameters
    ----------
    header : dict
        Of a BINTABLE extension.

    Returns
    -------
    `~numpy.dtype`
        Big-endian, with a field a column in the file's order.

    Raises
    ------
    InvalidFileError
        If there is a column of a kind that the 4FGL catalogues do not have, or sizes do not add up.
    """
    fields = []
    for i in range(1, header["TFIELDS"] + 1):
        name, form = (
            str(header.get(f"TTYPE{i}", "")).strip(),
            str(header.get(f"TFORM{i}", "")).strip(),
        )
        match = _FORMAT.match(form)
        if not name or not match:
            raise InvalidFileError(
                f"Column {i} ({name or 'without a name'}) has the format {form!r}, which "
                "the 4FGL catalogues do not use."
            )
        count = int(match[1] or 1)
        if match[2] == "A":
            fields.append((name, f"S{count}"))
        else:
            fields.append((name, _TYPES[match[2]], _shape(count, header.get(f"TDIM{i}"))))
    try:
        dtype = np.dtype(fields)
    except ValueError as error:
        raise InvalidFileError(f"The columns of the table make no table: {error}.") from error
    if dtype.itemsize != header["NAXIS1"]:
        raise InvalidFileError(
            f"The rows of the table have {header['NAXIS1']} bytes, its columns {dtype.itemsize}."
        )
    return dtype
