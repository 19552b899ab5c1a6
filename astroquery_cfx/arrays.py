# Licensed under a 3-clause BSD style license - see LICENSE
"""Columns and arguments to plain arrays and numbers: the one home of each conversion and check."""

import numpy as np
from astropy import units as u
from astropy.coordinates import Angle

from .errors import InvalidInputError


def to_floats(values, *, dtype=float):
    """
    Return numbers as a plain array, NaN where masked.

    Parameters
    ----------
    values : array_like, `~astropy.table.Column` or `~astropy.units.Quantity`
        Masked or not. A Quantity gives its numbers in its own unit.
    dtype : dtype or None, optional
        Type of the result. None keeps the type of floating-point numbers (float32 stays float32)
        and converts all others to float64.

    Returns
    -------
    `~numpy.ndarray`
        The same memory where nothing has to be converted or masked.
    """
    values = getattr(values, "value", values)
    mask = getattr(values, "mask", None)
    values = np.asarray(getattr(values, "unmasked", np.ma.getdata(values)))
    if dtype is None and values.dtype.kind != "f":
        dtype = float
    values = values if dtype is None else values.astype(dtype, copy=False)
    return (
        values
        if mask is None or not np.any(mask)
        else np.where(mask, values.dtype.type(np.nan), values)
    )


def to_texts(values):
    """
    Return texts as a plain array of str, without surrounding blanks, empty where masked.

    Parameters
    ----------
    values : array_like or `~astropy.table.Column`
        Texts (str, or bytes in UTF-8) or anything that `str` turns into one.

    Returns
    -------
    `~numpy.ndarray` of str
        A new array.
    """
    mask = getattr(values, "mask", False)
    texts = np.ma.getdata(getattr(values, "unmasked", values))
    texts = np.char.decode(texts, "utf-8") if np.asarray(texts).dtype.kind == "S" else texts
    texts = np.char.strip(np.array(texts, dtype=str))
    texts[np.broadcast_to(mask, texts.shape)] = ""
    return texts


def get_column(table, name, *, label="table"):
    """
    Return a column of a table, or say which columns there are.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    name : str
        Name of the column.
    label : str, optional
        What messages call the table ("left table").

    Returns
    -------
    `~astropy.table.Column` or a mixin column
        The column, not a copy.

    Raises
    ------
    InvalidInputError
        If the table has no such column.
    """
    if name not in table.colnames:
        raise InvalidInputError(
            f"The {label} has no column {name!r}.",
            remedy=f"its columns are {', '.join(table.colnames) or 'none'}.",
        )
    return table[name]


def column_floats(table, name, unit=None, *, label="table", needs_unit=True):
    """
    Return the numbers of a column in a unit, NaN where masked.

    Parameters
    ----------
    table : `~astropy.table.Table`
        The table.
    name : str
        Name of a column with one number per row.
    unit : `~astropy.units.UnitBase`, optional
        Unit of the result. By default the numbers stay in the unit of the column.
    label : str, optional
        What messages call the table ("left table").
    needs_unit : bool, optional
        Whether a column without a unit is refused. Otherwise its numbers are taken to be in ``unit``.

    Returns
    -------
    `~numpy.ndarray` of float, shape (rows,)
        The same memory as the column where nothing has to be converted or masked.

    Raises
    ------
    InvalidInputError
        If there is no such column, it does not hold one number per row, or its unit is missing or does
        not convert to ``unit``.
    """
    column = get_column(table, name, label=label)
    if getattr(column, "dtype", np.dtype("O")).kind not in "fiu" or column.ndim != 1:
        raise InvalidInputError(
            f"The column {name!r} of the {label} does not hold one number per row.",
            remedy="name a column of numbers.",
        )
    values = to_floats(column)
    if unit is None or (column.unit is None and not needs_unit):
        return values
    if column.unit is None:
        raise InvalidInputError(
            f"The column {name!r} of the {label} has no unit.",
            remedy=f"give it one: table[{name!r}].unit = {str(unit)!r}.",
        )
    try:
        factor = u.Unit(column.unit).to(unit)
    except u.UnitsError as error:
        wanted = str(unit) or "a number without a unit"
        raise InvalidInputError(
            f"The column {name!r} of the {label} is in {column.unit}, which does not convert to {wanted}.",
            remedy="name another column, or correct its unit.",
        ) from error
    return values if factor == 1 else values * factor


def angle_in_degrees(value, name, *, largest=180.0):
    """
    Return one angle in degrees.

    Parameters
    ----------
    value : `~astropy.units.Quantity` or str
        The angle, with a unit.
    name : str
        What messages call it ("radius").
    largest : float, optional
        The largest angle allowed, in degrees. The smallest is 0.

    Returns
    -------
    float

    Raises
    ------
    InvalidInputError
        If it has no unit, is not one angle, or is out of range.
    """
    if not isinstance(value, u.Quantity | str):
        raise InvalidInputError(
            f"The {name} {value!r} has no unit.", remedy="give it one, e.g. 0.1*u.deg."
        )
    try:
        degrees = Angle(value).to_value(u.deg)
    except (u.UnitsError, ValueError, TypeError) as error:
        raise InvalidInputError(
            f"The {name} {str(value)!r} is not an angle with a unit.",
            remedy="give it a unit of angle, e.g. 0.1*u.deg.",
        ) from error
    if np.ndim(degrees) != 0:
        raise InvalidInputError(f"The {name} holds {np.size(degrees)} values.", remedy="give one.")
    if not 0 <= degrees <= largest:
        raise InvalidInputError(
            f"The {name} {value} is not between 0 and {largest:g} deg.",
            remedy="give an angle in that range, e.g. 0.1*u.deg.",
        )
    return float(degrees)


def whole_number(value, name, *, least=0):
    """
    Return an argument that is a whole number as an int.

    Parameters
    ----------
    value : int
        A Python or numpy integer; a bool is not one.
    name : str
        Name of the argument, for messages.
    least : int, optional
        The smallest number allowed.

    Returns
    -------
    int

    Raises
    ------
    InvalidInputError
        If it is not a whole number, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InvalidInputError(
            f"{name}={value!r} is not valid.", remedy=f"give a whole number, {least} or more."
        )
    return int(value)


def starts_run(key):
    """Tell which values are the first of a run of equal ones."""
    return np.concatenate(([True], key[1:] != key[:-1]))[: len(key)]


def first_of_each(key, order):
    """Tell which rows come first among those of the same key, in an order that groups equal keys."""
    first = np.zeros(len(key), dtype=bool)
    first[order] = starts_run(key[order])
    return first


def distinct(rows):
    """Return the different non-negative integers of an array, in ascending order."""
    return np.flatnonzero(np.bincount(rows))
