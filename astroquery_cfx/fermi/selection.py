# Licensed under a 3-clause BSD style license - see LICENSE
"""What users ask for, checked, and the rows of the catalogue that it means."""

import operator
import re
from difflib import get_close_matches

import numpy as np
from astropy import units as u
from astropy.coordinates import Angle, SkyCoord
from astropy.coordinates.name_resolve import NameResolveError
from astroquery.utils import commons

from ..errors import InvalidInputError
from .classes import known_classes

__all__ = [
    "NAME_COLUMNS",
    "filter_mask",
    "find_name",
    "parse_classes",
    "parse_position",
    "parse_radius",
    "plain_strings",
    "suggest_names",
]

#: the columns with names that a source bears
NAME_COLUMNS = (
    "Source_Name",
    "ASSOC1",
    "ASSOC2",
    "ASSOC_TEV",
    "ASSOC_4FGL",
    "ASSOC_FGL",
    "ASSOC_FHL",
    "ASSOC_GAM",
    "ASSOC_GAM1",
    "ASSOC_GAM2",
    "ASSOC_GAM3",
    "Extended_Source_Name",
)
# Catalogue prefixes that may be left out.
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


def parse_radius(radius):
    """An angle from 0 to 180 deg, in degrees, or an error that says what to write."""
    if not isinstance(radius, (u.Quantity, str)):
        raise InvalidInputError(
            f"The radius {radius!r} has no unit.", remedy="give it a unit, e.g. 0.1*u.deg."
        )
    try:
        angle = Angle(radius)
    except (TypeError, ValueError, u.UnitsError) as error:
        raise InvalidInputError(
            f"The radius {radius!r} is not an angle.", remedy="give it a unit, e.g. 0.1*u.deg."
        ) from error
    if not angle.isscalar or not 0 <= angle.deg <= 180:
        raise InvalidInputError(
            f"The radius {radius} is not one angle from 0 to 180 deg.",
            remedy="give e.g. 0.1*u.deg.",
        )
    return float(angle.deg)


def parse_position(coordinates):
    """One position (ICRS) with finite coordinates."""
    if not isinstance(coordinates, str) and not hasattr(coordinates, "transform_to"):
        raise InvalidInputError(
            f"{coordinates!r} is not a position.",
            remedy="give a SkyCoord, or a text such as '05h34m32s +22d00m52s'.",
        )
    try:
        center = SkyCoord(commons.parse_coordinates(coordinates)).icrs
    except (ValueError, TypeError, u.UnitsError, NameResolveError) as error:
        raise InvalidInputError(
            f"{coordinates!r} is not a position, or its name was not resolved: {error}",
            remedy="give a SkyCoord, or use query_object for a name.",
        ) from error
    if not center.isscalar or not np.isfinite(np.ma.filled(center.ra.deg + center.dec.deg, np.nan)):
        raise InvalidInputError(
            "The coordinates are not one position with finite values.",
            remedy="give one SkyCoord; for many positions use crossmatch_tables.",
        )
    return center


def parse_classes(classes, present):
    """
    Codes of classes in lower case.

    Parameters
    ----------
    classes : sequence of str
        As the user gave them.
    present : array_like of str
        CLASS1 of the catalogue: what it has, counts as known.

    Returns
    -------
    list of str

    Raises
    ------
    InvalidInputError
        If there is none, or one is not known.
    """
    if not classes:
        raise InvalidInputError(
            "No class is named.", remedy="name some, e.g. query_class('psr', 'msp')."
        )
    wanted = [str(code).strip().lower() for code in classes]
    known = {*known_classes(), *np.strings.lower(present).tolist()}
    unknown = [code for code in wanted if code not in known]
    if unknown:
        raise InvalidInputError(
            f"There is no class {unknown[0]!r} in the catalogue.",
            remedy=(f"name some of {', '.join(sorted(known - {''}))}, or '' for the unassociated."),
        )
    return wanted


def plain_strings(column):
    """Strings of a column as an array, empty where masked."""
    return np.asarray(column.filled("") if hasattr(column, "filled") else column)


def _squeeze(name):
    return re.sub(r"\s+", "", str(name)).upper()


def _squeezed(column):
    return np.strings.upper(np.strings.replace(plain_strings(column), " ", ""))


def find_name(table, name):
    """
    Find the rows that bear a name.

    Parameters
    ----------
    table : `~astropy.table.Table`
        With some of `NAME_COLUMNS`.
    name : str
        The name; case and spaces do not matter, and the catalogue's own prefix may be left out.

    Returns
    -------
    `~numpy.ndarray` of int
        All rows that bear it in any of the columns.

    Raises
    ------
    InvalidInputError
        If the name is empty.
    """
    wanted = _squeeze(name)
    if not wanted:
        raise InvalidInputError(
            "The name is empty.", remedy="name a source, e.g. '4FGL J1256.1-0547' or '3C 279'."
        )
    found = np.zeros(len(table), bool)
    for column in table.itercols():
        found |= _squeezed(column) == wanted
    found |= np.isin(_squeezed(table["Source_Name"]), [prefix + wanted for prefix in _PREFIXES])
    return np.flatnonzero(found)


def suggest_names(table, name):
    """The names most like one that nothing bears: up to three."""
    written = {}
    for column in table.itercols():
        plain = plain_strings(column).tolist()
        written.update(zip(_squeezed(column).tolist(), plain, strict=True))
    written.pop("", None)
    wanted = _squeeze(name)
    candidates = (
        [f"{prefix}{wanted}" for prefix in _PREFIXES] if re.match(r"J?\d{4}", wanted) else []
    )
    near = [
        match
        for text in [wanted, *candidates]
        for match in get_close_matches(text, written, n=3, cutoff=0.6)
    ]
    return [written[match] for match in dict.fromkeys(near)][:3]


def filter_mask(table, column_filters):
    """
    Tell which rows pass all filters.

    Parameters
    ----------
    table : `~astropy.table.Table`
        With the columns of the filters.
    column_filters : dict
        Column -> ``(operator, value)`` with one of = != <> < <= > >=; ``(low, high)``, both ends included; a
        list, any of which; None for masked; anything else for equality. Values may be Quantities.

    Returns
    -------
    `~numpy.ndarray` of bool
        Masked entries pass no filter but None.

    Raises
    ------
    InvalidInputError
        If a filter is not understood.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.fermi.selection import filter_mask
    >>> filter_mask(Table({"GLAT": [1.0, 20.0]}), {"GLAT": (">", 10)})
    array([False,  True])
    """
    mask = np.ones(len(table), bool)
    for name, value in column_filters.items():
        mask &= _passes(table[name], value)
    return mask


def _passes(column, value):
    """Which entries of a column pass a filter."""
    entries = np.ma.asarray(column)
    present = ~np.ma.getmaskarray(entries)
    if entries.ndim != 1:
        raise InvalidInputError(
            f"The column {column.name} has more than one value a source.",
            remedy="filter the table yourself.",
        )
    if value is None:
        return ~present
    data = np.asarray(entries.filled("") if entries.dtype.kind == "U" else entries.data)
    if isinstance(value, tuple):
        passed = _passes_pair(data, column, value)
    elif isinstance(value, (list, set, frozenset, np.ndarray)):
        passed = (
            np.any([data == _plain(item, column) for item in value], axis=0)
            if len(value)
            else False
        )
    else:
        passed = data == _plain(value, column)
    return present & passed


def _passes_pair(data, column, value):
    if len(value) == 2 and isinstance(value[0], str) and value[0].strip() in _OPERATORS:
        return _OPERATORS[value[0].strip()](data, _plain(value[1], column))
    if len(value) == 2 and not isinstance(value[0], str):
        return (data >= _plain(value[0], column)) & (data <= _plain(value[1], column))
    raise InvalidInputError(
        f"The filter {value!r} of {column.name} is not understood.",
        remedy=f"give (operator, value) with one of {' '.join(_OPERATORS)}, (low, high), "
        "or a list of values.",
    )


def _plain(value, column):
    """A value in the unit of the column, and of its kind."""
    is_text = column.dtype.kind == "U"
    if is_text != isinstance(value, str):
        raise InvalidInputError(
            f"The filter value {value!r} of {column.name} is not of its kind.",
            remedy=f"give {'text' if is_text else 'a number or a Quantity'}.",
        )
    if not isinstance(value, u.Quantity):
        return value
    try:
        return value.to_value(column.unit or u.dimensionless_unscaled)
    except u.UnitsError as error:
        raise InvalidInputError(
            f"The filter value {value} of {column.name} is not in a unit like "
            f"{column.unit or '(none)'}."
        ) from error
