# Licensed under a 3-clause BSD style license - see LICENSE
"""The formats of answers, and their names."""

import io
from functools import partial

import numpy as np

from .catalogue import STRINGS
from .documents import votable_document
from .encode import column_values
from .sql import QueryError

__all__ = ["FORMATS", "find_format"]


def _csv(result, delimiter=","):
    import pyarrow as pa
    from pyarrow import csv

    names = _distinct([column.name for column in result.columns])
    buffer = io.BytesIO()
    options = csv.WriteOptions(delimiter=delimiter, quoting_style="needed", include_header=False)
    buffer.write((delimiter.join(names) + "\r\n").encode())
    if result.rows.num_rows:
        csv.write_csv(pa.Table.from_arrays(result.rows.columns, names=names), buffer, options)
    yield buffer.getvalue()


def _distinct(names):
    """Names, with numbers behind those that come again."""
    taken, distinct = set(), []
    for name in names:
        number, new = 1, name
        while new in taken:
            number += 1
            new = f"{name}_{number}"
        taken.add(new)
        distinct.append(new)
    return distinct


def _fits(result):
    from astropy.io import fits

    columns = []
    for name, column, array in zip(
        _distinct([column.name for column in result.columns]),
        result.columns,
        result.rows.columns,
        strict=True,
    ):
        columns.append(_fits_column(name, column, array.combine_chunks()))
    hdu = fits.BinTableHDU.from_columns(columns)
    for number, column in enumerate(result.columns, 1):
        if column.ucd:
            hdu.header[f"TUCD{number}"] = column.ucd
        if column.description:
            hdu.header[f"TCOMM{number}"] = column.description.encode("ascii", "replace").decode()
    hdu.header["QSTATUS"] = (
        "OVERFLOW" if result.overflow and result.overflow_flag != "none" else "OK"
    )
    for sentence in result.simulated:
        hdu.header.add_comment(sentence)
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(buffer)
    yield buffer.getvalue()


# FITS discourages more than one slash
_FITS_UNITS = {"erg/s/cm^2": "erg s-1 cm-2", "count/s/cm^2": "count s-1 cm-2"}
_FITS_FORMATS = {"short": "I", "int": "J", "long": "K", "float": "E", "double": "D", "boolean": "L"}


def _fits_column(name, column, array):
    from astropy.io import fits

    if column.datatype in STRINGS:
        texts = [
            (value or "").encode("ascii", "replace") for value in array.to_pylist()
        ]  # FITS has no more
        texts = np.array(texts or [b""], dtype="S")
        return fits.Column(name, f"{max(texts.dtype.itemsize, 1)}A", array=texts[: len(array)])
    unit = _FITS_UNITS.get(column.unit, column.unit) or None
    return fits.Column(
        name,
        _FITS_FORMATS[column.datatype],
        unit=unit,
        null=column.null,
        array=column_values(array, column),
    )


# name -> media type, other names, writer
FORMATS = {
    "votable": (
        "text/xml",
        [
            "application/x-votable+xml",
            "text/xml",
            "votable/b",
            "application/x-votable+xml;serialization=binary",
        ],
        partial(votable_document, serialization="binary"),
    ),
    "votable/b2": (
        "application/x-votable+xml;serialization=BINARY2",
        ["application/x-votable+xml;serialization=binary2"],
        partial(votable_document, serialization="binary2"),
    ),
    "votable/td": (
        "application/x-votable+xml;serialization=TABLEDATA",
        ["application/x-votable+xml;serialization=tabledata"],
        partial(votable_document, serialization="tabledata"),
    ),
    "csv": ("text/csv;header=present", ["text/csv", "application/csv"], _csv),
    "tsv": ("text/tab-separated-values", ["text/tsv"], partial(_csv, delimiter="\t")),
    "fits": ("application/fits", ["image/fits"], _fits),
}


def find_format(wanted):
    """
    Media type and writer of a format.

    Parameters
    ----------
    wanted : str or None
        FORMAT or RESPONSEFORMAT of the request; None for the VOTable that HEASARC sends.

    Raises
    ------
    QueryError
        For a format that the archive has not.
    """
    text = (wanted or "votable").lower().replace(" ", "")
    for name, (media_type, others, writer) in FORMATS.items():
        if text in (name, media_type.lower(), *others):
            return media_type, writer
    raise QueryError(f"format {wanted} is not supported: there are {', '.join(FORMATS)}")
