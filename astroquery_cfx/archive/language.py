# Licensed under a 3-clause BSD style license - see LICENSE
"""The part of ADQL 2.1 that the archive accepts, and small helpers to build its syntax trees."""

from typing import Any

import sqlglot.expressions as exp

# A node of sqlglot's syntax trees. The base class of all of them differs between versions of
# sqlglot.
Node = Any


class QueryError(Exception):
    """A query that cannot be answered; the message goes to the client in the error document."""


class RequestError(QueryError):
    """A request whose parameters are wrong, before any query is looked at."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Classes of nodes. All others are refused before the database sees them, so that whatever future
# versions of sqlglot learn to parse does not get through by itself.
ALLOWED_NODES = _words(
    # structure
    "Select Union Except Intersect SetOperation Subquery From Join Where Group Having Order "
    "Ordered Limit Offset Distinct Table TableAlias Alias Column Identifier Star Literal Null "
    "Boolean Paren Tuple And Or Not EQ NEQ GT GTE LT LTE Is Like ILike Escape In Between Exists "
    "Case If Cast DataType DataTypeParam Add Sub Mul Div Neg Mod DPipe "
    # functions
    "Abs Acos Asin Atan Atan2 Ceil Cos Cot Degrees Exp Floor Ln Log Pi Pow Radians Rand Round Sign "
    "Sin Sqrt Tan Trunc Avg Contains Count Max Min Stddev StddevPop StddevSamp Sum Variance "
    "VariancePop Median Coalesce Concat Greatest Least Length Lower Nullif SplitPart StrPosition "
    "Substring Trim Upper Left Right"
)
# Clauses that other dialects of SQL have and ADQL does not, as keys of the arguments of nodes.
# WITH (ADQL 2.1, section 4.5) is optional, and not known of HEASARC.
FORBIDDEN_CLAUSES = _words(
    "into laterals windows qualify distribute sample locks pivots match hint kind connect prewhere "
    "cluster format settings with with_"
)
ALLOWED_TYPES = _words(
    "CHAR VARCHAR NCHAR NVARCHAR TEXT SMALLINT INT BIGINT FLOAT DOUBLE DECIMAL BOOLEAN DATE "
    "TIMESTAMP"
)
# ADQL 2.1, section 4.2, without REGION; module geometry rewrites them.
GEOMETRY_FUNCTIONS = _words(
    "AREA BOX CENTROID CIRCLE CONTAINS COORD1 COORD2 COORDSYS DISTANCE INTERSECTS POINT POLYGON"
)
# Functions that sqlglot may have no node for (that depends on its version), and DuckDB's names.
RENAMED_FUNCTIONS = {
    name: name.lower() for name in _words("ACOS ASIN ATAN ATAN2 COS COT SIN TAN DEGREES RADIANS PI")
} | {
    "POWER": "power",
    "LOG10": "log10",
    "TRUNCATE": "trunc",
    "CEILING": "ceil",
    "RAND": "random",
    "CHAR_LENGTH": "length",
}


def call(name: str, *arguments: Node) -> Node:
    """Call a function of the database, with copies of the arguments."""
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def number(value: float) -> Node:
    """Make a literal that DuckDB reads as the same integer or double, not as a decimal."""
    literal = exp.Literal.number(repr(value))
    return literal if isinstance(value, int) else exp.cast(literal, "double")


def identifier(name: str) -> Node:
    """Make a quoted name."""
    return exp.to_identifier(name, quoted=True)


def function_name(node: Node) -> str:
    """Return the upper-case name of CONTAINS or a function without a node in sqlglot, else ''."""
    if isinstance(node, exp.Anonymous):
        return node.name.upper()
    return "CONTAINS" if isinstance(node, exp.Contains) else ""
