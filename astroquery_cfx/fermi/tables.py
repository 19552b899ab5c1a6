# Licensed under a 3-clause BSD style license - see LICENSE
"""Bytes of a table extension -> `~astropy.table.Table` with canonical names, units and descriptions."""

import re
from difflib import get_close_matches
from functools import cache

import numpy as np
from astropy import units as u
from astropy.table import Column, MaskedColumn, Table

from ..errors import InvalidFileError, InvalidInputError
from .columns import COLUMNS, REGION_COLUMNS, RENAMED, UCDS, column_description
from .fitsfile import table_dtype

__all__ = ["choose_columns", "column_names", "read_table", "region_columns"]

_DISPLAY = re.compile(r"([EF])\d+\.(\d+)$")


def column_names(header):
    """
    Canonical names of the columns of an extension.

    Parameters
    ----------
    header : dict
        Of the extension.

    Returns
    -------
    list of str
        In the order of the file.
    """
    names = [
        str(header.get(f"TTYPE{i}", "")).strip() for i in range(1, header.get("TFIELDS", 0) + 1)
    ]
    return [RENAMED.get(name, name) for name in names]


def choose_columns(columns, known, what):
    """
    Check the names of the columns to read.

    Parameters
    ----------
    columns : list of str, str or None
        Names, also old ones; a text is split at commas; all, if None or ``'*'``.
    known : list of str
        The names that there are.
    what : str
        What to call the file in an error.

    Returns
    -------
    list of str
        Canonical names in the order asked for; all of them in the order of DR4.

    Raises
    ------
    InvalidInputError
        If there is no such column.
    """
    if columns is None or columns == "*":
        order = {name: place for place, name in enumerate(COLUMNS)}
        return sorted(known, key=lambda name: order.get(name, len(order)))
    names = (
        [name.strip() for name in columns.split(",")] if isinstance(columns, str) else list(columns)
    )
    names = list(dict.fromkeys(RENAMED.get(name, name) for name in names))
    if not names:
        raise InvalidInputError(
            "The list of columns is empty.", remedy="name at least one, or None for all."
        )
    for name in names:
        if name not in known:
            near = get_close_matches(str(name), known, n=3, cutoff=0.5)
            raise InvalidInputError(
                f"{what} has no column {name!r}.",
                remedy=f"did you mean {', '.join(near)}?"
                if near
                else "see the colnames of the whole table.",
            )
    return names


def read_table(extension, names, what, rows=None):
    """
    Read columns of an extension.

    Parameters
    ----------
    extension : `~astroquery_cfx.fermi.fitsfile.Extension`
        A binary table.
    names : list of str
        Canonical names of its columns; one that it does not have, but DR4 has, comes all masked.
    what : str
        What to call the file in an error.
    rows : array_like of int, optional
        Which rows. All, if None.

    Returns
    -------
    `~astropy.table.Table`

    Raises
    ------
    InvalidFileError
        If the table does not hold what its header says.
    """
    header = extension.header
    dtype = table_dtype(header)
    try:
        records = np.frombuffer(extension.data_bytes, dtype, count=header["NAXIS2"])
    except ValueError as error:
        raise InvalidFileError(
            f"{what} is damaged: its table does not hold its {header['NAXIS2']} rows.",
            remedy="download it again.",
        ) from error
    if rows is not None:
        records = records[rows]
    numbers = {RENAMED.get(name, name): i for i, name in enumerate(dtype.names, 1)}
    return Table(
        [
            _column(name, records, header, numbers[name])
            if name in numbers
            else _absent_column(name, records)
            for name in names
        ],
        copy=False,
    )


def _column(name, records, header, number):
    """One column: native byte order, unit, description, UCD, mask."""
    original = records.dtype.names[number - 1]
    data, mask = _plain(records[original], header.get(f"TNULL{number}"))
    data, unit = _in_canonical_unit(data, _unit(header.get(f"TUNIT{number}")), name)
    kind = MaskedColumn if mask.any() else Column
    column = kind(
        data,
        name=name,
        unit=unit,
        description=column_description(original),
        format=_format(header.get(f"TDISP{number}")),
        copy=False,
        **({"mask": mask} if kind is MaskedColumn else {}),
    )
    if ucd := str(header.get(f"TUCD{number}") or UCDS.get(name, "")).strip():
        column.meta["ucd"] = ucd
    if original != name:
        column.meta["original_name"] = original
    return column


def _plain(field, null):
    """Native array and mask of a field of the file."""
    if field.dtype.kind == "S":
        text = np.strings.strip(field)
        return _decode(text), text == b""
    data = field.astype(field.dtype.newbyteorder("="))
    if data.dtype.kind == "f":
        return data, ~np.isfinite(data)
    return data, data == null if null is not None else np.zeros(data.shape, bool)


def _decode(text):
    try:
        return text.astype(str)
    except UnicodeDecodeError:  # not ASCII, against the FITS standard
        return np.char.decode(text, "latin-1")


@cache
def _unit(text):
    """Unit of a column; one that astropy does not know keeps its name."""
    text = str(text or "").strip()
    return u.Unit(text, parse_strict="silent") if text else None


def _in_canonical_unit(data, unit, name):
    """Values in the unit that the column has in DR4; a file without units is taken to have those."""
    canonical = _unit(COLUMNS.get(name, (None, ""))[0])
    if canonical is None or unit == canonical or unit is None:
        return data, unit if canonical is None else canonical
    try:
        return (data * unit.to(canonical)).astype(data.dtype), canonical
    except u.UnitsError:
        return data, unit


def _format(display):
    match = _DISPLAY.match(str(display or "").strip())
    return f".{match[2]}{match[1].lower()}" if match else None


def _absent_column(name, records):
    """A column of other releases: all masked, but for what is known all the same."""
    if name == "DataRelease" and np.all(np.strings.startswith(records["Source_Name"], b"4FGL ")):
        return Column(
            np.ones(len(records), np.int16), name=name, description=column_description(name)
        )  # DR1
    kind = "U18" if name.startswith("ASSOC") else np.int16 if name == "DataRelease" else np.float32
    data, mask = np.zeros(len(records), kind), np.ones(len(records), bool)
    if (
        name == "ASSOC_4FGL" and "ASSOC_FGL" in records.dtype.names
    ):  # where FL16Y gives the names in 4FGL
        earlier = np.strings.strip(records["ASSOC_FGL"])
        mask = ~np.strings.startswith(earlier, b"4FGL ")
        data = np.where(mask, "", earlier.astype(str))
    return MaskedColumn(
        data,
        name=name,
        mask=mask,
        unit=_unit(COLUMNS[name][0]),
        description=column_description(name),
    )


def region_columns(sources, extended):
    """
    The region on the sky that each source may lie in: its 95% ellipse, or its template.

    Parameters
    ----------
    sources : `~astropy.table.Table`
        With Conf_95_SemiMajor, Conf_95_SemiMinor, Conf_95_PosAng and Extended_Source_Name.
    extended : `~astropy.table.Table`
        The extension ExtendedSources.

    Returns
    -------
    list of `~astropy.table.MaskedColumn`
        Region_SemiMajor, Region_SemiMinor, Region_PosAng (deg) and Region_Kind (``'ellipse'``,
        ``'template'`` or masked where there is neither).
    """
    rows = {name: row for row, name in enumerate(extended["Source_Name"].tolist())}
    names = np.ma.filled(np.ma.asarray(sources["Extended_Source_Name"]), "").tolist()
    place = np.array([rows.get(name, -1) for name in names], dtype=int)
    is_template = place >= 0
    columns = []
    for axis in ("SemiMajor", "SemiMinor", "PosAng"):
        ellipse = np.ma.asarray(sources[f"Conf_95_{axis}"])
        template = np.ma.asarray(extended[f"Model_{axis}"])[place] if len(extended) else ellipse
        values = np.ma.where(is_template, template, ellipse).astype(np.float32)
        columns.append(
            _region_column(f"Region_{axis}", values.filled(np.nan), np.ma.getmaskarray(values))
        )
    kind = np.where(is_template, "template", np.where(columns[0].mask, "", "ellipse"))
    return [*columns, _region_column("Region_Kind", kind, kind == "")]


def _region_column(name, data, mask):
    unit, description = REGION_COLUMNS[name]
    return MaskedColumn(
        data,
        name=name,
        mask=mask,
        unit=_unit(unit),
        description=description,
        format=".4f" if unit else None,
    )
