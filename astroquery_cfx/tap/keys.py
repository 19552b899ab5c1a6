# Licensed under a 3-clause BSD style license - see LICENSE
"""The keys of one query: which columns its pages can be cut along, and where they stand in the answers."""

from dataclasses import dataclass
from functools import cached_property

from ..errors import IncompleteResultError
from .schema import Column, choose_keys

__all__ = ["KeyPlaces", "find_keys"]


def find_keys(select, schema, ask, hint=None):
    """
    Find the keys of a query.

    Parameters
    ----------
    select : Select
    schema : Schema
    ask : callable
        ``ask(adql, rows)`` gives an `Answer`; `rows` is the number of rows to make room for.
    hint : str, optional
        The name of a column to prefer.

    Returns
    -------
    keys : list of Key
        To cut pages along, best first.
    identity : list of Key
        Those that together should come once.
    """
    table = select.table
    if table is not None:
        columns = schema.columns(table[0])
        if select.has_star:
            columns = [column for column in columns if not column.name.startswith("__")]
        keys, identity = choose_keys(columns, prefix=f"{table[1]}." if table[1] else "", hint=hint)
        if keys:
            return keys, [identity] if identity else []
    return _keys_of_items(select, ask, hint), []


def _keys_of_items(select, ask, hint):
    """Where TAP_SCHEMA cannot help: the columns that the query itself gives."""
    answer = ask(select.statement(top=1), 1)
    if not select.has_star and len(answer.fields) != len(select.items):
        raise IncompleteResultError(
            f"The query has {len(select.items)} columns and the answer {len(answer.fields)}.",
            remedy="try again; if it stays, the service mixes up its answers.",
        )
    if select.has_star:
        pairs = [(item.name, item) for item in answer.fields] if select.table else []
    else:
        found = zip(select.items, answer.fields, strict=True)
        pairs = [(item.column, column) for item, column in found if item.column]
    columns = [
        Column(name, item.datatype, ucd=item.ucd or "")
        for name, item in pairs
        if item.arraysize in (None, "", "1") or item.datatype in ("char", "unicodeChar")
    ]
    return choose_keys(columns, hint=hint)[0]


@dataclass(frozen=True)
class KeyPlaces:
    """
    Where the keys of a query stand in its answers.

    Parameters
    ----------
    select : Select
    keys, identity : list of Key
        What `find_keys` gives.
    star_names : list of str
        Names of the columns, in small letters, where the query has a star.
    """

    select: object
    keys: list
    identity: list
    star_names: list

    @cached_property
    def extras(self):
        """Keys that the query does not give and that the proof needs."""
        if self.select.has_star:
            return []
        return [
            key
            for key in dict.fromkeys([*self.keys[:1], *self.identity])
            if self._item_of(key) is None
        ]

    @property
    def items(self):
        """The select list, with the extra keys at its end."""
        return [item.text for item in self.select.items] + [
            f"{key.expression} AS cfx_key_{i}" for i, key in enumerate(self.extras)
        ]

    @cached_property
    def positions(self):
        """Expression of each key to the index of its column in an answer."""
        if self.select.has_star:
            return {
                key.expression: self.star_names.index(key.name.lower())
                for key in self.keys
                if self.star_names.count(key.name.lower()) == 1
            }
        positions = {key.expression: self._item_of(key) for key in self.keys}
        positions |= {
            key.expression: len(self.select.items) + i for i, key in enumerate(self.extras)
        }
        return {name: index for name, index in positions.items() if index is not None}

    @property
    def lead(self):
        """Index of the column that orders the rows; None where it does not come."""
        return self.columns_of(self.keys[:1])[0] if self.keys else None

    @property
    def identity_columns(self):
        """Indices of the columns that together should have no values twice."""
        found = self.columns_of(self.identity)
        return [] if None in found else found

    def columns_of(self, keys):
        """Index of the column of each key; None where it does not come."""
        return [self.positions.get(key.expression) for key in keys]

    def _item_of(self, key):
        """Which item of the select list is a key."""
        for i, item in enumerate(self.select.items):
            if (
                item.column
                and _bare(item.column) == _bare(key.expression)
                and (self.select.table is not None or item.column.lower() == key.expression.lower())
            ):
                return i
        return None


def _bare(expression):
    return expression.rpartition(".")[2].strip('"').lower()
