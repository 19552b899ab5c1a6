# Licensed under a 3-clause BSD style license - see LICENSE
"""Columns and arguments to plain arrays and numbers: the one home of each conversion and check."""

from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import Angle
from astropy.table import Table

from .errors import InvalidInputError


def to_floats(values: Any, *, dtype: Any = float) -> np.ndarray:
    """Return numbers as a plain array, NaN where masked: the same memory where possible.

    A Quantity gives its numbers in its own unit. With ``dtype=None`` floating-point numbers keep
    their type (float32 stays float32) and all others become float64.
    """
    # Only arrays have a mask: that of a pandas Series is a method.
    values = np.asanyarray(getattr(values, "value", values))
    mask = getattr(values, "mask", None)
    values = np.asarray(getattr(values, "unmasked", np.ma.getdata(values)))
    if dtype is None and values.dtype.kind != "f":
        dtype = float
    values = values if dtype is None else values.astype(dtype, copy=False)
    if mask is None or not np.any(mask):
        return values
    return np.where(mask, values.dtype.type(np.nan), values)


def to_texts(values: Any) -> np.ndarray:
    """Return texts (str, or bytes in UTF-8) as a new array of str.

    Surrounding blanks are removed; masked texts are empty.
    """
    values = np.asanyarray(values)
    mask = getattr(values, "mask", False)
    texts = np.ma.getdata(getattr(values, "unmasked", values))
    texts = np.char.decode(texts, "utf-8") if texts.dtype.kind == "S" else texts
    texts = np.char.strip(np.array(texts, dtype=str))
    texts[np.broadcast_to(mask, texts.shape)] = ""
    return texts


def get_column(table: Table, name: str, *, label: str = "table") -> Any:
    """Return a column of a table, or raise an error that names the columns there are.

    The label is what messages call the table ("left table").
    """
    if name not in table.colnames:
        raise InvalidInputError(
            f"The {label} has no column {name!r}.",
            remedy=f"its columns are {', '.join(table.colnames) or 'none'}.",
        )
    return table[name]


def column_floats(
    table: Table,
    name: str,
    unit: u.UnitBase | None = None,
    *,
    label: str = "table",
    needs_unit: bool = True,
) -> np.ndarray:
    """Return the numbers of a column in a unit, NaN where masked, shape (rows,).

    Without a unit, the numbers stay in that of the column. A column without a unit is refused
    unless ``needs_unit`` is False; its numbers are then taken to be in ``unit``. An
    `InvalidInputError` says if there is no such column, it does not hold one number per row, or
    its unit is missing or does not convert.
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
    except ValueError as error:  # no unit that astropy knows, or one of another kind
        wanted = str(unit) or "a number without a unit"
        raise InvalidInputError(
            f"The column {name!r} of the {label} is in {column.unit}, which does not convert to"
            f" {wanted}.",
            remedy="name another column, or correct its unit.",
        ) from error
    return values if factor == 1 else values * factor


def angle_in_degrees(value: Any, name: str, *, largest: float = 180.0) -> float:
    """Return one angle, a Quantity or a text with a unit, in degrees.

    An `InvalidInputError` says if it has no unit, is not one angle, or is not between 0 and
    ``largest`` degrees. The name is what messages call it ("radius").
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


def whole_number(value: Any, name: str, *, least: int = 0) -> int:
    """Return an argument that is a whole number, not smaller than ``least``, as an int."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InvalidInputError(
            f"{name}={value!r} is not valid.", remedy=f"give a whole number, {least} or more."
        )
    return int(value)


def starts_run(key: np.ndarray) -> np.ndarray:
    """Tell which values are the first of a run of equal ones."""
    return np.concatenate(([True], key[1:] != key[:-1]))[: len(key)]


def first_of_each(key: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Tell which rows come first among those of their key, in an order that groups equal keys."""
    first = np.zeros(len(key), dtype=bool)
    first[order] = starts_run(key[order])
    return first


def distinct(rows: np.ndarray) -> np.ndarray:
    """Return the different non-negative integers of an array, in ascending order."""
    return np.flatnonzero(np.bincount(rows))
