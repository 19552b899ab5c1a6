# Licensed under a 3-clause BSD style license - see LICENSE
"""What is proved of a whole result beyond its counts: no key repeated, the service's own sums."""

from dataclasses import dataclass, field

from ..errors import IncompleteResultError
from .adql import identifier
from .counting import Sums
from .verify import COARSE_SUM_ROUNDING, SUMMED, all_differ, bin_places, repeated_values, sum_error

__all__ = ["Proof"]

_MOST_SUMS = 20
# DaCHS writes the sum of a column in the type of the column, and fails where it does not fit.
_AS_DOUBLE = " * 1.0"


@dataclass
class Proof:
    """
    Check the columns of a result against the service.

    Parameters
    ----------
    counter : Counter
    select : Select
    keys : list of Key
        Those that together should come once; else the one that pages are cut along.
    positions : list of (int or None)
        Their columns.
    lead : int or None
        The column of the key that pages are cut along.
    unique : bool
        Whether the archive suggests that they are unique.
    """

    counter: object
    select: object
    keys: list
    positions: list
    lead: int | None
    unique: bool
    _shas: list | None = None
    _names: dict = field(default_factory=dict)
    _sums: object = None
    _differ: bool = False

    def take_sums(self, names, sums):
        """
        Take what the service says of `summed`, for `check`.

        Parameters
        ----------
        names : dict
            What `summed` gave.
        sums : Sums
        """
        self._names, self._sums = names, sums

    def compare_keys(self, columns):
        """See whether it is plain that all keys differ, for `check`: while the service counts."""
        self._differ = (
            bool(self.keys)
            and None not in self.positions
            and all_differ([columns[i] for i in self.positions])
        )

    def check(self, columns, shas, *, whole):
        """
        Check that no row was repeated and another lost, and that no value changed.

        Parameters
        ----------
        columns : list of (data, mask)
        shas : list of str
            SHA-256 of the pages.
        whole : bool
            Whether these are all rows of the query.

        Returns
        -------
        list of str
            What was proved, and what could not be.

        Raises
        ------
        IncompleteResultError
            If the service's numbers are others.
        """
        notes = [self._check_repeats(columns, whole=whole)]
        if whole and len(columns[0][0]):
            notes.append(self._check_sums(columns, shas))
        return [note for note in notes if note]

    def _check_repeats(self, columns, *, whole):
        """As many different keys as the service has."""
        if not self.keys or None in self.positions:
            return "no key among the columns: that no row was repeated rests on the counts"
        name = self.keys[0].name
        rows = len(columns[0][0])
        different, known = (
            (rows, rows) if self._differ else repeated_values([columns[i] for i in self.positions])
        )
        if different == known and self.unique:
            return f"no {name} comes twice"
        if not whole:
            return f"{name} comes more than once: that no row was repeated rests on the counts"
        theirs = self.counter.distinct(self.keys[0].expression)
        # The service may count NaN as a value, and may call texts equal that differ in case only.
        if different < theirs - (known < rows):
            raise IncompleteResultError(
                f"{name} has {theirs} values at the service and {different} in what came: rows are missing.",
                remedy="try again; if it stays, the service loses and repeats rows.",
            )
        return f"{name} is no unique key; it has as many values as at the service, {theirs}"

    def _check_sums(self, columns, shas):
        """The sums of the numeric columns."""
        places = None
        if self._sums.index:
            places = None if self.lead is None else bin_places(columns[self.lead], self._sums)
            if places is None and self.lead is not None and self._shas != shas:
                self._shas = shas
                raise IncompleteResultError(
                    "The keys that came do not lie where the service counts them: values changed.",
                    remedy="try again; the archive may be changing.",
                )
            if places is None:  # the same rows again: the service cuts bins in a way of its own
                self._sums = Sums([[value] for value in self.counter.sums(list(self._names))])
        errors = {}
        for (name, index), values in zip(self._names.items(), self._sums.values, strict=True):
            if any(value is not None for value in values):
                errors[name] = sum_error(*columns[index], values, places)
        different = [name for name, error in errors.items() if error > 0]
        if not different:
            return f"the sums of {_listed(errors)} are those of the service" if errors else ""
        if self._shas == shas and max(errors.values()) < COARSE_SUM_ROUNDING:
            return f"the service rounds the sums of {_listed(different)}: they do not tell"
        self._shas = shas
        raise IncompleteResultError(
            f"The sums of {_listed(different)} are not those of the service: values changed.",
            remedy="try again; the archive may be changing.",
        )

    def summed(self, columns, fields):
        """
        What to add up, as ADQL writes it, and which columns these are.

        Parameters
        ----------
        columns : list of (data, mask)
            Of one page.
        fields : list of Field

        Returns
        -------
        dict
        """
        if self.select.has_star:
            written = [identifier(item.name) for item in fields] if self.select.table else []
        else:
            written = [item.column for item in self.select.items]
        names = {}
        for i, name in enumerate(written):
            scalar = columns[i][0].ndim == 1 and columns[i][0].dtype != object
            if name and scalar and fields[i].datatype in SUMMED and len(names) < _MOST_SUMS:
                names.setdefault(name if fields[i].datatype == "double" else name + _AS_DOUBLE, i)
        return names


def _listed(names):
    return ", ".join(name.removesuffix(_AS_DOUBLE) for name in names)
