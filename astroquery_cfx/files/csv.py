# Licensed under a 3-clause BSD style license - see LICENSE
"""
Tables in CSV files that say what is text.

Text is quoted, numbers and truth values are not, a masked cell is empty, a
list is JSON in a quoted field. So ``"12"`` is text and ``12`` a number, an
empty text is ``""``, and nothing is lost but types' widths, units and meta.
Where all texts of a column happen to be JSON lists, each is written with one
more blank in front, and loses it when it is read.
"""

import json
import re

import numpy as np
from astropy.table import Column, MaskedColumn, Table

from ..errors import InvalidFileError
from .columns import json_list, object_array, plain_columns

__all__ = ["read", "write"]

_FIELD = re.compile(r'("[^"]*(?:""[^"]*)*"|[^",\r\n]*)(,|\r\n|\n|\r|\Z)')
_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf)", re.IGNORECASE)
_TRUTH = {"True": True, "False": False}


def write(table, path):
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
    if values.ndim > 1:
        values, mask = np.ma.array(values, mask=mask), mask.all(axis=tuple(range(1, values.ndim)))
        texts = [_quote(json_list(cell)) for cell in values]
    elif column.is_list:
        texts = [_quote(json_list(cell)) for cell in values]
    elif values.dtype.kind == "U":
        texts = _text_cells(values.tolist(), mask)
    else:  # tolist widens float32 to the double of the same value, so that it reads back equal
        texts = [repr(value) for value in values.tolist()]
    return ["" if hidden else text for text, hidden in zip(texts, mask, strict=True)]


def _text_cells(texts, mask):
    known = [text for text, hidden in zip(texts, mask, strict=True) if not hidden]
    blank = " " if _lists(known) is not None else ""
    return [_quote(blank + text) for text in texts]


def read(path):
    """Read a table from a CSV file."""
    text = path.read_bytes().decode("utf-8-sig")  # line ends inside texts stay as they are
    rows = _rows(text, path)
    if not rows:
        raise InvalidFileError(f"{path} is empty.", remedy="name a CSV file with a header line.")
    header, rows = rows[0], rows[1:]
    names = [_unquote(field) for field in header]
    ragged = any(len(row) != len(names) for row in rows)
    if ragged or names[0].startswith("<") or len(set(names)) != len(names):
        raise InvalidFileError(
            f"{path} is no CSV table: its lines differ in the number of fields,"
            " or its header is no list of names.",
            remedy="get the file again, or repair it.",
        )
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    table = Table()
    for name, fields in zip(names, columns, strict=True):
        table[name] = _column(fields)
    return table


def _rows(text, path):
    rows, row, position = [], [], 0
    while position < len(text):
        field = _FIELD.match(text, position)
        if field is None:
            line = text.count("\n", 0, position) + 1
            raise InvalidFileError(
                f"{path} is no CSV table: line {line} has a quote that does not close"
                " or stands inside a field.",
                remedy="get the file again, or repair the line.",
            )
        row.append(field[1])
        position = field.end()
        if field[2] != ",":
            if row != [""] or len(rows[0] if rows else row) == 1:  # a blank line is no row
                rows.append(row)
            row = []
    if row:  # the file ended right after a comma
        rows.append([*row, ""])
    return rows


def _unquote(field):
    return field[1:-1].replace('""', '"') if field.startswith('"') else field


def _column(fields):
    mask = np.array([field == "" for field in fields], dtype=bool)
    known = [field for field in fields if field]
    values = _values([field or None for field in fields], known)
    return MaskedColumn(values, mask=mask) if mask.any() else Column(values)


def _values(fields, known):
    """Give each column the narrowest kind that holds all its fields; None is a masked field."""
    if any(field.startswith('"') for field in known):
        return _quoted_values([None if field is None else _unquote(field) for field in fields])
    if known and all(field in _TRUTH for field in known):
        return np.array([_TRUTH.get(field, False) for field in fields])
    if known and all(_INTEGER.fullmatch(field) for field in known):
        numbers = [0 if field is None else int(field) for field in fields]
        return np.array(
            numbers, dtype=np.uint64 if max(numbers) > np.iinfo(np.int64).max else np.int64
        )
    if all(_NUMBER.fullmatch(field) for field in known):
        return np.array(
            [np.nan if field is None else float(field) for field in fields], dtype=float
        )
    return np.array(["" if field is None else field for field in fields])


def _quoted_values(texts):
    known = [text for text in texts if text is not None]
    lists = _lists(known)
    if lists is None:
        return np.array(["" if text is None else text for text in texts])
    if all(text.startswith(" ") for text in known):
        return np.array(["" if text is None else text[1:] for text in texts])
    lists = iter(lists)
    return object_array([np.array([]) if text is None else next(lists) for text in texts])


def _lists(texts):
    """Return the lists of a column of JSON lists, or None where a text is something else."""
    lists = []
    for text in texts:
        if not text.lstrip(" ").startswith("["):
            return None
        try:
            lists.append(json.loads(text))
        except ValueError:
            return None
    if not lists:
        return None
    filled = [np.array(cell) for cell in lists if cell]
    dtype = np.result_type(*filled) if filled else np.dtype(float)
    # None is a masked element of a column with several numbers a row.
    return [np.array(cell, dtype=float if dtype.kind == "O" else dtype) for cell in lists]
