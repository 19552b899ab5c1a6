# Licensed under a 3-clause BSD style license - see LICENSE
"""What a page must be: the rows that were counted, keys in range, the fields of the other pages. Pure."""

import math

import numpy as np

# Whole numbers of any width are the same numbers; the widest is taken when pages are joined.
_WIDTHS = dict.fromkeys(("short", "int", "long"), "integer") | {"unicodeChar": "char"}

__all__ = [
    "COARSE_SUM_ROUNDING",
    "SUMMED",
    "all_differ",
    "arrange",
    "bin_places",
    "page_fault",
    "repeated_values",
    "sum_error",
]

# Datatypes that are summed to compare.
SUMMED = ("short", "int", "long", "float", "double")
# Rounding of a sum of n numbers is below n times this of the sum of their sizes, in whichever order.
_ROUNDING = {"double": 2.0**-53, "float": 2.0**-24}
# A service that adds up or writes in float32 stays below this.
COARSE_SUM_ROUNDING = 1e-6


def page_fault(answer, page, positions, first_fields=None):
    """
    What is wrong with a page.

    Parameters
    ----------
    answer : Answer
    page : Page
    positions : dict
        Expression of a key to the index of its column.
    first_fields : list of Field, optional
        Those of another page of the query.

    Returns
    -------
    str
        '' where nothing is wrong.
    """
    if not answer.has_table:
        return "there is no table in the answer"
    if first_fields is not None and _signature(first_fields) != _signature(answer.fields):
        return "its columns differ from those of the other pages"
    if answer.num_rows != page.rows:
        return f"{answer.num_rows} rows came instead of {page.rows}"
    for piece in page.ranges:
        index = positions.get(piece.key)
        if index is not None and not _lies_inside(piece, *answer.columns[index]):
            return f"it holds keys outside of {piece.condition}"
    return ""


def _signature(fields):
    """Names and types, whatever the case of the names, and whatever their order where no name comes twice."""
    names = [item.name.lower() for item in fields]
    ordered = sorted if len(set(names)) == len(names) else list
    return ordered(
        (
            item.name.lower(),
            _WIDTHS.get(item.datatype, item.datatype),
            item.datatype in ("char", "unicodeChar") or item.arraysize or "",
        )
        for item in fields
    )


def arrange(answer, fields):
    """
    The columns of an answer in the order of other fields.

    Parameters
    ----------
    answer : Answer
    fields : list of Field

    Returns
    -------
    list of (data, mask)
    """
    names = [item.name.lower() for item in answer.fields]
    wanted = [item.name.lower() for item in fields]
    if names == wanted or len(set(names)) < len(names):
        return answer.columns
    return [answer.columns[names.index(name)] for name in wanted]


def _lies_inside(piece, data, mask):
    """Whether all keys of a column lie in a range. The order of texts is the service's own: not checked."""
    known = data if mask is None else data[~mask]
    if data.dtype.kind not in "iuf":
        return not piece.null or not any(known)
    if piece.null:
        return len(known) == 0
    if len(known) < len(data) and (data.dtype.kind != "f" or piece.high is not None):
        return False  # NaN sorts above all numbers: it may lie in the last range only
    low = piece.low is None or bool((known >= piece.low).all())
    return low and (piece.high is None or bool((known < piece.high).all()))


def bin_places(key, sums):
    """
    In which bin of a key each row lies.

    Parameters
    ----------
    key : (data, mask)
    sums : Sums
        Its bins, and how many rows the service counts in each.

    Returns
    -------
    `~numpy.ndarray` of int, or None
        None where the bins do not have these rows.
    """
    data, mask = key
    if data.dtype.kind not in "iuf":
        return None
    index = [math.inf if item is None else item for item in sums.index]
    order = np.argsort(index, kind="stable")
    known = np.array(sorted(item for item in index if item < math.inf), dtype=float)
    values = np.floor(data * sums.scale)
    found = np.searchsorted(known, values)
    if mask is not None:
        found = np.where(mask, len(known), found)
    if len(found) and found.max() >= len(order):
        return None
    places = order[found]
    return places if (np.bincount(places, minlength=len(order)) == sums.rows).all() else None


def sum_error(data, mask, values, places=None):
    """
    How far the sums of a column are from others, in units of the sum of the sizes.

    Parameters
    ----------
    data : `~numpy.ndarray`
    mask : `~numpy.ndarray` or None
    values : list of (int, float or None)
        The other sums: of each bin; None is not compared.
    places : `~numpy.ndarray` of int, optional
        In which bin each row lies; by default there is one.

    Returns
    -------
    float
        The largest of all bins; 0 where none is further than rounding explains, or where they cannot be
        compared, with infinities. What could be float32 may have been added up as such.
    """
    places = np.zeros(len(data), dtype=int) if places is None else places
    if mask is not None:
        data, places = data[~mask], places[~mask]
    with np.errstate(over="ignore"):
        short = data.dtype.kind == "f" and bool((data == data.astype("f4")).all())
    rounding = _ROUNDING["float" if short else "double"]
    data = data.astype(float)
    counts, ours, sizes = (
        np.bincount(places, weights, len(values)) for weights in (None, data, np.abs(data))
    )
    theirs = np.array([np.nan if value is None else value for value in values], dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = np.abs(ours - theirs) / sizes
    errors[~np.isfinite(errors) | (errors <= 2 * rounding * (counts + 2))] = 0.0
    return float(errors.max(initial=0.0))


def repeated_values(columns):
    """
    How many different rows there are, and how many rows.

    Parameters
    ----------
    columns : list of (data, mask)

    Returns
    -------
    different, known : int
        Rows where a value is masked are left out of both.
    """
    known = np.ones(len(columns[0][0]), dtype=bool)
    for _, mask in columns:
        if mask is not None:
            known &= ~mask
    values = [data if known.all() else data[known] for data, _ in columns]
    rows = int(known.sum())
    if _all_differ(values):
        return rows, rows
    if len(values) > 1:
        return len(set(zip(*(data.tolist() for data in values), strict=True))), rows
    data = values[0]
    return len(np.unique(data)) if data.dtype.kind in "iuf" else len(set(data.tolist())), rows


def all_differ(columns):
    """
    Whether it is plain that no row has the values of another.

    Parameters
    ----------
    columns : list of (data, mask)

    Returns
    -------
    bool
        False proves nothing: rows may be alike, values masked, or of types that are not told apart here.
    """
    return all(mask is None for _, mask in columns) and _all_differ([data for data, _ in columns])


def _all_differ(columns):
    """
    Whether all rows have different hashes.

    Equal rows have equal hashes, so that as many hashes as rows prove that all differ: at a tenth of the time
    and memory of comparing texts. Fewer prove nothing.
    """
    total, factors = np.zeros(len(columns[0]), dtype=np.uint64), np.random.default_rng(0)
    for data in columns:
        if data.dtype.kind not in "iufU" or data.ndim != 1:
            return False
        numbers = data + 0.0 if data.dtype.kind == "f" else data  # -0.0 is 0.0
        words = np.ascontiguousarray(numbers).view(
            f"u{4 if data.dtype.kind == 'U' else data.dtype.itemsize}"
        )
        words = words.reshape(len(data), data.dtype.itemsize // words.dtype.itemsize)
        odd = factors.integers(0, 2**63, words.shape[1], dtype=np.uint64) * np.uint64(
            2
        ) + np.uint64(1)
        mixed = np.einsum("ij,j->i", words, odd, dtype=np.uint64, casting="unsafe")
        total = total * np.uint64(0x9E3779B97F4A7C15) + (mixed ^ (mixed >> np.uint64(29)))
    ordered = np.sort(total)
    return not (ordered[1:] == ordered[:-1]).any()
