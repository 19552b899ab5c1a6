# Licensed under a 3-clause BSD style license - see LICENSE
"""The positions, classes, names and filters that users give, and the rows that they select."""

import operator
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.coordinates.name_resolve import NameResolveError
from astropy.table import Column, Table
from astroquery.utils import commons

from ..arrays import to_texts
from ..errors import InvalidInputError
from .classes import known_classes

# The columns with names of a source.
NAME_COLUMNS = (
    *("Source_Name", "ASSOC1", "ASSOC2", "ASSOC_TEV", "ASSOC_4FGL", "ASSOC_FGL", "ASSOC_FHL"),
    *("ASSOC_GAM", "ASSOC_GAM1", "ASSOC_GAM2", "ASSOC_GAM3", "Extended_Source_Name"),
)
# Prefixes of the catalogue's own names, which may be left out; 5FGL for the one to come.
_PREFIXES = ("4FGL", "FL16Y", "5FGL")
_OPERATORS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def parse_position(coordinates: str | SkyCoord) -> SkyCoord:
    """Return one position in ICRS with finite coordinates; Sesame resolves a name."""
    try:
        center = SkyCoord(commons.parse_coordinates(coordinates)).icrs
    except (ValueError, TypeError, u.UnitsError, NameResolveError) as error:
        raise InvalidInputError(
            f"{coordinates!r} is not a position, or its name was not resolved: {error}",
            remedy="give a SkyCoord or '05h34m32s +22d00m52s'; for a name use query_object.",
        ) from error
    if not center.isscalar or not np.isfinite(np.ma.filled(center.ra.deg + center.dec.deg, np.nan)):
        raise InvalidInputError(
            "The coordinates are not one position with finite values.",
            remedy="give one SkyCoord; for many positions use crossmatch_tables.",
        )
    return center


def class_mask(codes: np.ndarray, classes: Sequence[str], *, identified: bool | None) -> np.ndarray:
    """Tell which entries of CLASS1 are of some classes, in any case; ``''`` is unassociated.

    Capitals are identified sources: True for ``identified`` asks for them, False for all others. A
    class that neither the catalogue nor this package knows is an error.
    """
    if not classes:
        raise InvalidInputError(
            "No class is named.", remedy="name some, e.g. query_class('psr', 'msp')."
        )
    lower = np.strings.lower(codes)
    wanted = [str(code).strip().lower() for code in classes]
    known = {*known_classes(), *lower.tolist()}
    for code in wanted:
        if code not in known:
            raise InvalidInputError(
                f"There is no class {code!r} in the catalogue.",
                remedy=f"name some of {', '.join(sorted(known - {''}))}, "
                "or '' for the unassociated.",
            )
    is_wanted = np.isin(lower, wanted)
    if identified is not None:
        is_wanted &= np.strings.isupper(codes) == bool(identified)
    return is_wanted


def find_name(table: Table, name: str) -> np.ndarray:
    """Return the rows that have a name in any of the columns of a table with `NAME_COLUMNS`.

    Case and spaces do not matter, and the prefix of the catalogue itself may be left out.
    """
    wanted = "".join(str(name).split()).upper()
    if not wanted:
        raise InvalidInputError(
            "The name is empty.", remedy="name a source, e.g. '4FGL J1256.1-0547' or '3C 279'."
        )
    found = np.zeros(len(table), bool)
    for column in table.itercols():
        found |= _squeeze(column) == wanted
    found |= np.isin(_squeeze(table["Source_Name"]), [prefix + wanted for prefix in _PREFIXES])
    return np.flatnonzero(found)


def hint_names(table: Table, name: str) -> str:
    """Return the end of a message about an unknown name: up to three names that are like it."""
    written: dict[str, str] = {}
    for column in table.itercols():
        written.update(zip(_squeeze(column).tolist(), to_texts(column).tolist(), strict=True))
    written.pop("", None)
    wanted = "".join(str(name).split()).upper()
    texts = [wanted]
    if re.match(r"J?\d{4}", wanted):  # the name of a source without its prefix
        texts += [prefix + wanted for prefix in _PREFIXES]
    near = [match for text in texts for match in get_close_matches(text, written)]
    names = [written[match] for match in dict.fromkeys(near)][:3]
    return f"; the nearest names are {', '.join(names)}" if names else ""


def _squeeze(names) -> np.ndarray:
    """Return names in capitals without spaces."""
    return np.strings.upper(np.strings.replace(to_texts(names), " ", ""))


def filter_mask(table: Table, column_filters: Mapping[str, object]) -> np.ndarray:
    """Tell which rows pass all filters, given as for ``Fermi4FGLClass.get_catalog``."""
    mask = np.ones(len(table), bool)
    for name, value in column_filters.items():
        mask &= _passes(table[name], value)
    return mask


def _passes(column: Column, value) -> np.ndarray:
    """Tell which entries of a column pass a filter; a masked one passes no filter but None."""
    entries = np.ma.asarray(column)
    if entries.ndim != 1:
        raise InvalidInputError(
            f"The column {column.name} has more than one value per source.",
            remedy="filter the table yourself.",
        )
    present = ~np.ma.getmaskarray(entries)
    data = np.asarray(entries.filled("") if entries.dtype.kind == "U" else entries.data)
    if value is None:
        return ~present
    if isinstance(value, np.ndarray) and value.ndim:  # a scalar Quantity is an ndarray, too
        value = list(value)
    if isinstance(value, list | set | frozenset):
        passed = np.zeros(len(data), bool)
        for item in value:
            passed |= data == _comparable(item, column)
    elif not isinstance(value, tuple):
        passed = data == _comparable(value, column)
    elif len(value) == 2 and isinstance(value[0], str) and value[0].strip() in _OPERATORS:
        passed = _OPERATORS[value[0].strip()](data, _comparable(value[1], column))
    elif len(value) == 2 and not isinstance(value[0], str):
        low, high = (_comparable(end, column) for end in value)
        passed = (data >= low) & (data <= high)
    else:
        raise InvalidInputError(
            f"The filter {value!r} of {column.name} is not understood.",
            remedy=f"give (operator, value) with one of {' '.join(_OPERATORS)}, (low, high), "
            "or a list of values.",
        )
    return present & passed


def _comparable(value, column: Column):
    """Return a text for a column of texts, or a number in the unit of a column of numbers."""
    is_text = column.dtype.kind == "U"
    if is_text != isinstance(value, str):
        raise InvalidInputError(
            f"The filter value {value!r} of {column.name} does not have the type of the column.",
            remedy=f"give {'text' if is_text else 'a number or a Quantity'}.",
        )
    if not isinstance(value, u.Quantity):
        return value
    try:
        return value.to_value(column.unit or u.dimensionless_unscaled)
    except u.UnitsError as error:
        raise InvalidInputError(
            f"The filter value {value} of {column.name} does not convert to "
            f"{column.unit or 'a number without a unit'}.",
            remedy="give a value in a unit that does.",
        ) from error
