# Licensed under a 3-clause BSD style license - see LICENSE
"""Small things that all who work on the syntax tree share."""

import sqlglot.expressions as exp

__all__ = ["QueryError", "call", "function_name", "identifier", "number"]


class QueryError(Exception):
    """A query that cannot be answered: its words go to the client in the error document."""


def call(name, *arguments):
    """A call of a function of the database; arguments are copied into it."""
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def number(value):
    """A literal that the database reads as the same double."""
    return (
        exp.Literal.number(repr(value))
        if isinstance(value, int)
        else exp.cast(exp.Literal.number(repr(value)), "double")
    )


def identifier(name):
    """A quoted name."""
    return exp.to_identifier(name, quoted=True)


def function_name(node):
    """Upper-case name of a function that sqlglot does not know, or of CONTAINS; '' for all else."""
    if isinstance(node, exp.Anonymous):
        return node.name.upper()
    return "CONTAINS" if isinstance(node, exp.Contains) else ""
