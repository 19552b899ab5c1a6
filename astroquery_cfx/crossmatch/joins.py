# Licensed under a 3-clause BSD style license - see LICENSE
"""Pairs of rows to a table: which rows are kept, what the columns are called, what is masked."""

from dataclasses import dataclass, replace

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.utils.masked import Masked

from ..errors import InvalidInputError
from .rows import first_of_each
from .sphere import position_angle

__all__ = ["OWN_COLUMNS", "Pairs", "check_choice", "join_rows", "merged_meta", "output_names"]

OWN_COLUMNS = ("separation", "position_angle")


def check_choice(name, value, choices):
    """Say what there is to choose from where the value is none of it."""
    if value not in choices:
        raise InvalidInputError(f"{name}={value!r} is unknown.", remedy=f"choose from {', '.join(choices)}.")


@dataclass(frozen=True)
class Pairs:
    """Rows of each side (-1: none) and separations."""

    left: np.ndarray
    right: np.ndarray
    separation: np.ndarray
    offset: np.ndarray | None = None       # in units of the error ellipse
    containment: float | None = None       # of that ellipse

    def _take(self, rows):
        return replace(self, left=self.left[rows], right=self.right[rows], separation=self.separation[rows],
                       offset=None if self.offset is None else self.offset[rows])

    def kept(self, keep):
        chosen = np.ones(len(self.left), dtype=bool)
        if keep in ("nearest_left", "mutual"):
            chosen &= first_of_each(self.right, np.lexsort((self.left, self.separation, self.right)))
        if keep in ("nearest_right", "mutual"):
            chosen &= first_of_each(self.left, np.lexsort((self.right, self.separation, self.left)))
        return self if keep == "all" else self._take(chosen)

    def joined(self, join, left_rows, right_rows):
        pairs = self
        if join in ("right", "outer"):
            alone = np.setdiff1d(np.arange(right_rows), self.right)
            pairs = pairs._with(np.full(len(alone), -1), alone)
            pairs = pairs._take(np.argsort(pairs.right, kind="stable"))
        if join in ("left", "outer"):
            alone = np.setdiff1d(np.arange(left_rows), self.left)
            pairs = pairs._with(alone, np.full(len(alone), -1))
        return pairs

    def _with(self, left, right):
        nothing = np.full(len(left), np.nan)
        return replace(
            self, left=np.concatenate((self.left, left)), right=np.concatenate((self.right, right)),
            separation=np.concatenate((self.separation, nothing)),
            offset=None if self.offset is None else np.concatenate((self.offset, nothing)))


def output_names(left, right, prefixes, prefix_all, own=OWN_COLUMNS):
    """Name in the table -> name in the result, for each side."""
    if len(prefixes) != 2 or prefixes[0] == prefixes[1]:
        raise InvalidInputError(f"The prefixes {prefixes!r} do not tell the sides apart.",
                                remedy="give two different ones: prefixes=('csc_', 'fermi_').")
    taken = (set(left.colnames) & set(right.colnames)) | set(own)
    names = [{name: prefix + name if prefix_all or name in taken else name for name in table.colnames}
             for table, prefix in zip((left, right), prefixes, strict=True)]
    result = [*names[0].values(), *names[1].values(), *own]
    twice = sorted({name for name in result if result.count(name) > 1})
    if twice:
        raise InvalidInputError(f"The result would have two columns named {', '.join(twice)}.",
                                remedy="choose other prefixes, or prefix_all=True.")
    return names


def join_rows(left, right, pairs, names, sides):
    """The table of the pairs: the columns of both tables, under their names, and the offsets."""
    kind = QTable if isinstance(left, QTable) or isinstance(right, QTable) else Table
    columns = {}
    for table, rows, renamed in ((left, pairs.left, names[0]), (right, pairs.right, names[1])):
        for name, new_name in renamed.items():
            columns[new_name] = _rows_of(table[name], rows)
    table = kind(columns, copy=False)
    return _add_offsets(table, pairs, sides)


def _rows_of(column, rows):
    """The rows of a column, masked where the row is -1; an empty column gives masked values of its kind."""
    missing = rows < 0
    if not missing.any():
        return column[rows]
    if not len(column):
        return MaskedColumn(np.zeros(len(rows), dtype=column.dtype), mask=True, unit=column.unit,
                            description=column.info.description)
    taken = column[np.where(missing, 0, rows)]
    if isinstance(taken, Column) and not isinstance(taken, MaskedColumn):
        taken = MaskedColumn(taken, copy=False)
    elif isinstance(taken, u.Quantity) and not isinstance(taken, Masked):
        info, taken = taken.info, Masked(taken, copy=False)
        taken.info = info
    taken[missing] = np.ma.masked if not isinstance(taken, SkyCoord) else taken.info.mask_val
    return taken


def _add_offsets(table, pairs, sides):
    alone = (pairs.left < 0) | (pairs.right < 0)
    angle = np.full(len(alone), np.nan)
    left, right = pairs.left[~alone], pairs.right[~alone]
    angle[~alone] = position_angle(sides[1].ra[right], sides[1].dec[right],
                                   sides[0].ra[left], sides[0].dec[left])
    columns = [("separation", pairs.separation, u.deg, "pos.angDistance", "Separation of the two rows"),
               ("position_angle", angle, u.deg, "pos.posAng",
                "Position angle of the left row as seen from the right row, east of north")]
    if pairs.offset is not None:
        columns.append(("ellipse_offset", pairs.offset, None, "pos.angDistance;arith.ratio",
                        f"Offset in units of the error ellipse of {pairs.containment:.4g} containment"))
    for name, values, unit, ucd, description in columns:
        column = Column(values, unit=unit, description=description)
        if alone.any():
            column = MaskedColumn(column, mask=alone, copy=False)
        column.meta["ucd"] = ucd
        table[name] = column
    return table


def merged_meta(left, right, prefixes):
    """Meta of both sides; keys with two values get the prefixes, as columns do."""
    merged = {}
    for own, other, prefix in ((left, right, prefixes[0]), (right, left, prefixes[1])):
        for key, value in own.items():
            shared = key != "crossmatch" and (key not in other or _same(value, other[key]))
            merged[key if shared else prefix + key] = value
    simulated = [meta["simulated"] for meta in (left, right) if meta.get("simulated")]
    for prefix in prefixes:
        merged.pop(prefix + "simulated", None)
    if simulated:
        merged["simulated"] = " ".join(dict.fromkeys(simulated))
    return merged


def _same(value, other):
    try:
        return value is other or bool(np.all(value == other))
    except ValueError:  # arrays within dictionaries, or of different shapes
        return False
