# Licensed under a 3-clause BSD style license - see LICENSE
"""The columns of the catalogues, with the same names, units and descriptions for all releases.

The names are those of 4FGL-DR4. ``data/columns.csv`` says what each column holds, after Table 12 of
Abdollahi et al. 2020 (ApJS 247, 33) and Table 6 of Abdollahi et al. 2022 (ApJS 260, 53).
"""

import csv
import re
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Column, MaskedColumn, Table

from ..arrays import to_texts
from ..errors import InvalidInputError


class KnownColumn(NamedTuple):
    """A row of ``data/columns.csv``.

    The group is DR4; other, for columns of other releases only; region, for those that this package
    adds; or renamed, for the name in older releases of what DR4 calls ``dr4_name``. The files have
    no UCDs: those here mark the position to match by.
    """

    name: str
    group: str
    dr4_name: str
    unit: str
    ucd: str
    description: str


@cache
def known_columns() -> dict[str, KnownColumn]:
    """Return what is known of each column by its name; first those of DR4, in their order."""
    with open(Path(__file__).with_name("data") / "columns.csv", encoding="ascii") as stream:
        rows = (KnownColumn(**row) for row in csv.DictReader(stream))
        return {row.name: row._replace(dr4_name=row.dr4_name or row.name) for row in rows}


def known_column(name: str) -> KnownColumn:
    """Return what is known of a column: of one of an unknown release no more than its name."""
    return known_columns().get(name) or KnownColumn(name, "", name, "", "", "")


def names_in_group(group: str) -> list[str]:
    """Return the names of the known columns of a group."""
    return [column.name for column in known_columns().values() if column.group == group]


def choose_columns(columns: Sequence[str] | None, available: list[str], label: str) -> list[str]:
    """Return the DR4 names of the columns to read, in the order asked for; all in the order of DR4.

    ``columns`` may have names of older releases; a text is split at commas; None or ``'*'`` is all.
    ``label`` is what an error calls the file.
    """
    if columns is None or columns == "*":
        order = {name: place for place, name in enumerate(names_in_group("DR4"))}
        return sorted(available, key=lambda name: order.get(name, len(order)))
    if isinstance(columns, str):
        columns = [name.strip() for name in columns.split(",")]
    names = list(dict.fromkeys(known_column(name).dr4_name for name in columns))
    if not names:
        raise InvalidInputError(
            "The list of columns is empty.", remedy="name at least one, or None for all."
        )
    for name in names:
        if name not in available:
            near = ", ".join(get_close_matches(str(name), available, n=3, cutoff=0.5))
            raise InvalidInputError(
                f"{label} has no column {name!r}.",
                remedy=f"did you mean {near}?" if near else "see the colnames of the whole table.",
            )
    return names


def read_column(hdu: fits.BinTableHDU, records: np.ndarray, name: str) -> Column:
    """Return a column under its DR4 name: native byte order, unit, description, UCD, mask.

    ``records`` are rows of the table as stored in the file, ``name`` is the column's name there.
    """
    info = hdu.columns[name]
    dr4 = known_column(known_column(name).dr4_name)
    values, mask = _native(records[name], info.null)
    values, unit = _in_unit(values, _unit(info.unit), _unit(dr4.unit))
    display = re.match(r"([EF])\d+\.(\d+)$", info.disp or "")  # F8.4 -> .4f
    column = (MaskedColumn if mask.any() else Column)(
        values,
        name=dr4.name,
        unit=unit,
        description=known_column(name).description,
        format=f".{display[2]}{display[1].lower()}" if display else None,
        copy=False,
        **({"mask": mask} if mask.any() else {}),
    )
    if ucd := hdu.header.get(f"TUCD{hdu.columns.names.index(name) + 1}") or dr4.ucd:
        column.meta["ucd"] = ucd.strip()
    if name != dr4.name:
        column.meta["original_name"] = name
    return column


def _native(field, null) -> tuple[np.ndarray, np.ndarray]:
    """Return a field of the file as a native array, and where it is blank, not finite or TNULL."""
    if field.dtype.kind == "S":
        texts = np.strings.strip(field)
        try:
            return texts.astype(str), texts == b""
        except UnicodeDecodeError:  # not ASCII, against the FITS standard
            return np.char.decode(texts, "latin-1"), texts == b""
    values = field.astype(field.dtype.newbyteorder("="))
    if values.dtype.kind == "f":
        return values, ~np.isfinite(values)
    return values, np.zeros(values.shape, bool) if null is None else values == null


@cache
def _unit(text: str | None):
    """Return a unit; one that astropy does not know keeps its name. None for no unit."""
    text = (text or "").strip()
    return u.Unit(text, parse_strict="silent") if text else None


def _in_unit(values, unit, wanted):
    """Return values and their unit: that of DR4, unless they do not convert or DR4 has none."""
    if wanted is None or unit == wanted:
        return values, unit
    if unit is None:  # a file without units is taken to have those of DR4
        return values, wanted
    try:
        return (values * unit.to(wanted)).astype(values.dtype), wanted
    except ValueError:  # UnitsError, or a unit that astropy does not know
        return values, unit


def absent_column(records: np.ndarray, name: str) -> Column:
    """Return a column of DR4 that is not in the file: masked, unless its values are known."""
    known = known_column(name)
    own = {"name": name, "unit": _unit(known.unit), "description": known.description}
    if name == "DataRelease":
        if np.all(np.strings.startswith(records["Source_Name"], b"4FGL ")):
            return Column(np.ones(len(records), np.int16), **own)  # DR1 is the first release
        values = np.zeros(len(records), np.int16)  # of FL16Y
    else:
        values = np.zeros(len(records), "U18" if name.startswith("ASSOC") else np.float32)
    mask = np.ones(len(records), bool)
    if name == "ASSOC_4FGL" and "ASSOC_FGL" in (records.dtype.names or ()):
        # FL16Y gives the names in 4FGL together with those in earlier catalogues.
        earlier = to_texts(records["ASSOC_FGL"])
        mask = ~np.strings.startswith(earlier, "4FGL ")
        values[~mask] = earlier[~mask]
    return MaskedColumn(values, mask=mask, **own)


def region_columns(sources: Table, extended: Table) -> list[MaskedColumn]:
    """Return the region that each source may lie in: its 95% error ellipse, or its template.

    ``sources`` has the 95% ellipses and Extended_Source_Name; ``extended`` is the extension
    ExtendedSources. The columns are those of the group region, masked where there is neither.
    """
    rows = {name: row for row, name in enumerate(extended["Source_Name"].tolist())}
    names = to_texts(sources["Extended_Source_Name"]).tolist()
    row = np.array([rows.get(name, -1) for name in names], dtype=int)
    is_template = row >= 0
    columns = {}
    for axis in ("SemiMajor", "SemiMinor", "PosAng"):
        ellipse = np.ma.asarray(sources[f"Conf_95_{axis}"])
        template = np.ma.asarray(extended[f"Model_{axis}"])[row] if len(extended) else ellipse
        columns[f"Region_{axis}"] = np.ma.where(is_template, template, ellipse).astype(np.float32)
    has_region = ~np.ma.getmaskarray(columns["Region_SemiMajor"])
    kind = np.where(is_template, "template", np.where(has_region, "ellipse", ""))
    columns["Region_Kind"] = np.ma.masked_where(kind == "", kind)
    for name, values in columns.items():
        known = known_column(name)
        column = MaskedColumn(values, name, unit=_unit(known.unit), description=known.description)
        column.format = ".4f" if known.unit else None
        columns[name] = column
    return list(columns.values())
