# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables in FITS files: a binary table for everybody, and an image of JSON bytes for what FITS cannot say."""

import gzip
import io
import json
import warnings

import numpy as np
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from ..errors import InvalidFileError
from .binary import MASK_SUFFIX, decode_column, encode_column
from .columns import SCHEMA_KEY, object_array, plain_columns, plain_meta, restore_table

__all__ = ["read", "write"]

_FORMATS = {"b1": "L", "u1": "B", "i2": "I", "i4": "J", "i8": "K", "f4": "E", "f8": "D"}


def write(table, path):
    """Write a table to a FITS file."""
    columns, schemas = [], []
    for column in plain_columns(table):
        values, hidden, schema = encode_column(column)
        columns.append(_to_fits(values, column, schema))
        if hidden is not None:
            columns.append(_mask_column(hidden, column.name))
        schemas.append({**schema, "hidden": hidden is not None})
    hdu = fits.BinTableHDU.from_columns(columns, nrows=len(table), name="TABLE")
    for number, column in enumerate(schemas_of(columns, schemas), 1):
        _describe(hdu.header, number, column)
    if table.meta.get("simulated"):
        hdu.header["COMMENT"] = _printable(str(table.meta["simulated"]))
    text = json.dumps({"columns": schemas, "meta": plain_meta(table.meta)}).encode()
    notes = fits.ImageHDU(np.frombuffer(text, dtype=np.uint8), name=SCHEMA_KEY.upper())
    fits.HDUList([fits.PrimaryHDU(), hdu, notes]).writeto(path, overwrite=True)


def schemas_of(columns, schemas):
    """Return for each FITS column the schema that describes it, or None for a mask."""
    named = {schema["name"]: schema for schema in schemas}
    return [named.get(column.name) for column in columns]


def _to_fits(values, column, schema):
    unit = _fits_unit(column.unit)
    if values.dtype.kind == "U" and schema.get("encoding") == "json":
        return fits.Column(column.name, "QA()", array=object_array([str(text) for text in values]))
    if values.dtype.kind == "U":
        return fits.Column(
            column.name, f"{max(1, values.dtype.itemsize // 4)}A", array=values, unit=unit
        )
    if column.is_list:
        dtype = values[0].dtype
        return fits.Column(column.name, f"Q{_FORMATS[dtype.str[1:]]}()", array=values, unit=unit)
    letter = _FORMATS[values.dtype.str[1:]]
    shape = values.shape[1:]
    null = schema.get("null") if letter in "BIJK" else None
    size = int(np.prod(shape)) if shape else ""
    return fits.Column(
        column.name,
        f"{size}{letter}",
        array=values,
        unit=unit,
        null=null,
        dim=str(tuple(reversed(shape))) if len(shape) > 1 else None,
    )


def _mask_column(hidden, name):
    size = int(np.prod(hidden.shape[1:]))
    dim = str(tuple(reversed(hidden.shape[1:]))) if hidden.ndim > 2 else None
    return fits.Column(
        name + MASK_SUFFIX, f"{size}L" if hidden.ndim > 1 else "L", array=hidden, dim=dim
    )


def _fits_unit(unit):
    try:
        return None if unit is None else unit.to_string("fits")
    except ValueError:  # FITS has no word for it; the JSON has
        return None


def _describe(header, number, schema):
    if schema is None:
        return
    if schema["description"]:
        header[f"TCOMM{number}"] = _printable(schema["description"])
    if schema["meta"].get("ucd"):
        header[f"TUCD{number}"] = _printable(str(schema["meta"]["ucd"]))


def _printable(text):
    """Header cards hold printable ASCII only; the JSON has the text itself."""
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text)


def read(path):
    """Read a table from a FITS file."""
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(
            content
        )  # checks the sum at the end, which astropy would not read
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*truncated.*")
        with fits.open(io.BytesIO(content), lazy_load_hdus=False) as hdus:
            if SCHEMA_KEY.upper() in hdus:
                return _read_own(hdus)
            return _read_foreign(hdus, path)


def _read_own(hdus):
    notes = json.loads(hdus[SCHEMA_KEY.upper()].data.tobytes().decode())
    data = hdus["TABLE"].data
    columns = []
    for schema in notes["columns"]:
        hidden = (
            np.array(data.field(schema["name"] + MASK_SUFFIX), bool)
            if schema.pop("hidden")
            else None
        )
        columns.append(decode_column(_from_fits(data, schema), hidden, schema))
    return restore_table(columns, notes["meta"])


def _from_fits(data, schema):
    values = data.field(schema["name"])
    if schema.get("encoding") == "json":
        # astropy gives an array of letters that lose their blanks unless it is looked at as a plain array.
        return ["".join(np.ravel(cell.view(np.ndarray))) for cell in values]
    if schema["list"]:
        return object_array([np.array(cell) for cell in values])
    values = np.array(values)
    return values.astype(values.dtype.newbyteorder("="))


def _read_foreign(hdus, path):
    tables = [
        number
        for number, hdu in enumerate(hdus)
        if isinstance(hdu, (fits.BinTableHDU, fits.TableHDU))
    ]
    if not tables:
        raise InvalidFileError(
            f"{path} holds no FITS table.", remedy="name a file with a catalogue in it."
        )
    with warnings.catch_warnings():  # units that astropy does not know stay as they are
        warnings.filterwarnings("ignore", category=fits.verify.VerifyWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        table = Table.read(hdus, hdu=tables[0], unit_parse_strict="silent")
    for name in table.colnames:
        if table[name].dtype.kind in "SU":
            table[name] = _text(table[name])
        elif not table[name].dtype.isnative:
            table[name] = table[name].astype(table[name].dtype.newbyteorder("="))
    table.meta = plain_meta(table.meta)
    return table


def _text(column):
    """Text is stripped of FITS's padding; blank text is masked."""
    values = np.ma.filled(np.ma.asarray(column), "" if column.dtype.kind == "U" else b"")
    values = np.char.strip(values if values.dtype.kind == "U" else np.char.decode(values, "utf-8"))
    blank = values == ""
    said = {"unit": column.unit, "description": column.description, "meta": column.meta}
    if blank.any():
        return MaskedColumn(values, mask=blank, **said)
    return type(column)(values, **said)
