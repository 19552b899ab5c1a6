# Licensed under a 3-clause BSD style license - see LICENSE
"""
Tables in CSV files that tell text from numbers.

Text is quoted, numbers and truth values are not, a masked cell is empty, a list is JSON in a quoted
field: ``"12"`` is text and ``12`` a number, an empty text is ``""``. Only the widths of types,
units and meta are lost. If all texts of a column happen to be JSON lists, each is written with one
more blank in front, which is removed when it is read.

The csv module of Python 3.11 does not say which fields are quoted, hence the parser of our own.
"""

import json
import re
from pathlib import Path

import numpy as np
from astropy.table import Table

from ..errors import InvalidFileError
from .plain import json_list, make_column, object_array, plain_columns

_FIELD = re.compile(r'("[^"]*(?:""[^"]*)*"|[^",\r\n]*)(,|\r\n|\n|\r|\Z)')
_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf)", re.IGNORECASE)
_TRUTH = {"True": True, "False": False}


def write(table: Table, path: Path) -> None:
    """Write a table to a CSV file."""
    columns = plain_columns(table)
    header = ",".join(_quote(column.name) for column in columns)
    rows = zip(*(_cells(column) for column in columns), strict=True)
    with open(path, "w", encoding="utf-8", newline="") as out:
        out.write(header + "\n")
        out.writelines(",".join(row) + "\n" for row in rows)


def _quote(text):
    return '"' + text.replace('"', '""') + '"'


def _cells(column):
    values = column.values
    mask = np.zeros(values.shape, bool) if column.mask is None else column.mask
    if values.ndim > 1:  # a masked element is null in JSON
        values, mask = np.ma.array(values, mask=mask), mask.all(axis=tuple(range(1, values.ndim)))
    if values.ndim > 1 or column.is_list:
        texts = [_quote(json_list(cell)) for cell in values]
    elif values.dtype.kind == "U":
        blank = "" if _lists(values[~mask].tolist()) is None else " "
        texts = [_quote(blank + text) for text in values.tolist()]
    else:  # tolist widens float32 to the double of the same value, so that it reads back equal
        texts = [repr(value) for value in values.tolist()]
    return ["" if hidden else text for text, hidden in zip(texts, mask, strict=True)]


def read(path: Path) -> Table:
    """Read a table from a CSV file."""
    text = path.read_bytes().decode("utf-8-sig")  # not as text: line ends in fields must stay
    rows = _rows(text, path)
    if not rows:
        raise InvalidFileError(f"{path} is empty.", remedy="name a CSV file with a header line.")
    header, rows = rows[0], rows[1:]
    names = [_unquote(field) for field in header]
    ragged = any(len(row) != len(names) for row in rows)
    if ragged or names[0].startswith("<") or len(set(names)) != len(names):
        raise InvalidFileError(
            f"{path} is not a CSV table: its lines differ in the number of fields, or its header"
            " is not a list of names.",
            remedy="get the file again, or repair it.",
        )
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    table = Table()
    for name, fields in zip(names, columns, strict=True):
        mask = np.array([field == "" for field in fields], dtype=bool)
        table[name] = make_column(_values(fields), mask if mask.any() else None)
    return table


def _rows(text, path):
    rows, row, position = [], [], 0
    for field in _FIELD.finditer(text):
        if position == len(text) and not row:  # the empty match after the last line
            break
        if field.start() != position:
            line = text.count("\n", 0, position) + 1
            raise InvalidFileError(
                f"{path} is not a CSV table: a quote in line {line} is not closed, or is inside"
                " a field.",
                remedy="get the file again, or repair the line.",
            )
        row.append(field[1])
        position = field.end()
        if field[2] != ",":
            # A blank line is not a row, unless the table has one column.
            if row != [""] or len(rows[0] if rows else row) == 1:
                rows.append(row)
            row = []
    return rows


def _unquote(field):
    return field[1:-1].replace('""', '"') if field.startswith('"') else field


def _values(fields):
    """Return fields as the narrowest type that holds all that are not masked."""
    known = [field for field in fields if field]
    if any(field.startswith('"') for field in known):
        texts = [_unquote(field) for field in known]
        lists = _lists(texts)
        if lists is None:
            return np.array([_unquote(field) for field in fields])
        if all(text.startswith(" ") for text in texts):
            return np.array([_unquote(field)[1:] for field in fields])
        cells = iter(lists)
        return object_array([next(cells) if field else np.array([]) for field in fields])
    if known and all(field in _TRUTH for field in known):
        return np.array([_TRUTH.get(field, False) for field in fields])
    if known and all(_INTEGER.fullmatch(field) for field in known):
        numbers = [int(field or 0) for field in fields]
        return np.array(numbers, dtype=np.uint64 if max(numbers) >= 2**63 else np.int64)
    are_numbers = all(_NUMBER.fullmatch(field) for field in known)
    return np.array([float(field or "nan") for field in fields] if are_numbers else fields)


def _lists(texts):
    """Return the lists of a column of JSON lists, or None if a text is something else."""
    if not texts or not all(text.lstrip(" ").startswith("[") for text in texts):
        return None
    try:
        lists = [json.loads(text) for text in texts]
    except ValueError:
        return None
    filled = [np.array(cell) for cell in lists if cell]
    dtype = np.result_type(*filled) if filled else np.dtype(float)
    # Objects are None, for a masked element of a column with several numbers per row.
    return [np.array(cell, dtype=float if dtype.kind == "O" else dtype) for cell in lists]
