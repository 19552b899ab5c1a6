# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables in FITS files: a binary table, and an image of JSON bytes for what FITS cannot express."""

import gzip
import io
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ..errors import InvalidFileError
from .nulls import decode_table, encode_table
from .plain import SCHEMA_KEY, object_array, plain_columns, plain_meta, restore_table

_FORMATS = {"b1": "L", "u1": "B", "i2": "I", "i4": "J", "i8": "K", "f4": "E", "f8": "D"}


def write(table: Table, path: Path) -> None:
    """Write a table to a FITS file."""
    columns, schema = encode_table(table)
    hdu = fits.BinTableHDU.from_columns(
        [_fits_column(column) for column in columns], nrows=len(table), name="TABLE"
    )
    for number, column in enumerate(columns, 1):
        if column.schema["description"]:
            hdu.header[f"TCOMM{number}"] = _printable(column.schema["description"])
        if column.schema["meta"].get("ucd"):
            hdu.header[f"TUCD{number}"] = _printable(str(column.schema["meta"]["ucd"]))
    if table.meta.get("simulated"):
        hdu.header["COMMENT"] = _printable(str(table.meta["simulated"]))
    content = np.frombuffer(schema.encode(), dtype=np.uint8)
    notes = fits.ImageHDU(content, name=SCHEMA_KEY.upper())
    fits.HDUList([fits.PrimaryHDU(), hdu, notes]).writeto(path, overwrite=True)


def _fits_column(column):
    name, values, schema, unit = column.name, column.values, column.schema, column.unit
    if schema.get("encoding") == "json":
        return fits.Column(name, "QA()", array=object_array([str(text) for text in values]))
    try:
        unit = None if unit is None else unit.to_string("fits")
    except ValueError:  # not a unit of FITS; the JSON has it
        unit = None
    null = dim = None
    if values.dtype.kind == "U":
        form = f"{max(1, values.dtype.itemsize // 4)}A"
    elif column.is_list:
        form = f"Q{_FORMATS[values[0].dtype.str[1:]]}()"
    else:
        letter, shape = _FORMATS[values.dtype.str[1:]], values.shape[1:]
        form = f"{int(np.prod(shape)) if shape else ''}{letter}"
        null = schema.get("null") if letter in "BIJK" else None
        dim = str(shape[::-1]) if len(shape) > 1 else None
    return fits.Column(name, form, array=values, unit=unit, null=null, dim=dim)


def _printable(text):
    """Replace what header cards cannot hold; the JSON has the text itself."""
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text)


def read(path: Path) -> Table:
    """Read a table from a FITS file."""
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)  # checks the CRC at the end, which astropy does not read
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*truncated.*")
        with fits.open(io.BytesIO(content), lazy_load_hdus=False) as hdus:
            if SCHEMA_KEY.upper() in hdus:
                return _read_own(hdus, content)
            return _read_foreign(hdus, path)


def _read_own(hdus, content):
    hdu = hdus["TABLE"]
    header = hdu.header
    heap = hdu.fileinfo()["datLoc"] + header.get("THEAP", header["NAXIS1"] * header["NAXIS2"])

    def read_column(name, schema):
        if schema.get("encoding") == "json":
            # Not with hdu.data.field: for a text of n letters astropy allocates 4 n**2 bytes.
            places = np.asarray(hdu.data)[name] + np.array([0, heap])  # length and start of each
            return [content[start : start + length].decode() for length, start in places.tolist()]
        return np.array(hdu.data.field(name))

    return decode_table(hdus[SCHEMA_KEY.upper()].data.tobytes().decode(), read_column)


def _read_foreign(hdus, path):
    tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
    if not tables:
        raise InvalidFileError(
            f"{path} holds no FITS table.", remedy="name a file with a catalogue in it."
        )
    with warnings.catch_warnings():  # units that astropy does not know stay as they are
        warnings.filterwarnings("ignore", category=fits.verify.VerifyWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        table = Table.read(tables[0], unit_parse_strict="silent")
    columns = plain_columns(table)
    for column in columns:
        if column.values.dtype.kind == "U":  # without FITS's padding; blank text is masked
            column.values = np.char.strip(column.values)
            column.mask = column.values == ""
            column.schema["dtype"] = column.values.dtype.str
            column.schema["masked"] |= bool(column.mask.any())
    return restore_table(columns, plain_meta(table.meta))
