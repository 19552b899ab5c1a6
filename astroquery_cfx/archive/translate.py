# Licensed under a 3-clause BSD style license - see LICENSE
"""From ADQL text to SQL of the database: parse, check, resolve names, rewrite geometry."""

from dataclasses import dataclass, field

import sqlglot
import sqlglot.expressions as exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.parser import Parser as BaseParser
from sqlglot.tokens import Tokenizer as BaseTokenizer
from sqlglot.tokens import TokenType

from .geometry import rewrite_geometry
from .names import Resolver
from .sql import QueryError, function_name
from .vocabulary import ALLOWED_NODES, ALLOWED_TYPES, RENAMED_FUNCTIONS

__all__ = ["QueryError", "Translation", "translate"]

_FORBIDDEN_CLAUSES = (
    "into",
    "laterals",
    "windows",
    "qualify",
    "distribute",
    "sample",
    "locks",
    "pivots",
    "match",
    "hint",
    "kind",
    "connect",
    "prewhere",
    "cluster",
    "format",
    "settings",
    "with",
    "with_",
)


class ADQL(Dialect):
    """Enough of ADQL's own syntax: TOP, and NULLs in order as PostgreSQL has them."""

    NULL_ORDERING = "nulls_are_large"

    class Tokenizer(BaseTokenizer):
        """The standard tokens and TOP."""

        KEYWORDS = {**BaseTokenizer.KEYWORDS, "TOP": TokenType.TOP}  # noqa: RUF012

    class Parser(BaseParser):
        """A TOP belongs to its own SELECT: it is no LIMIT of the UNION that it stands in."""

        SET_OP_MODIFIERS = {"order", "offset"}  # noqa: RUF012


@dataclass
class Translation:
    """A query ready for the database: the tree to run, what its columns are, and which tables it reads."""

    tree: exp.Expression
    columns: list
    tables: list = field(default_factory=list)
    top: int | None = None
    ordered: bool = False

    def sql(self, limit=None):
        """SQL text that gives ``limit`` rows at most (None for all)."""
        tree = self.tree
        if limit is not None:
            tree = tree.copy()
            tree.set("limit", exp.Limit(expression=exp.Literal.number(limit)))
        return tree.sql("duckdb")


def translate(adql, find_table, behaviour, source_sql):
    """
    Translate a query, or say what is wrong with it.

    Parameters
    ----------
    adql : str
        One SELECT, or a union of some.
    find_table : callable
        ``find_table(name)`` gives the `~astroquery_cfx.archive.catalogue.TableInfo` of a
        lower-case name, or None.
    behaviour : Behaviour
        Which parts of the language the service knows.
    source_sql : callable
        ``source_sql(table)`` gives the SQL that stands for the rows of a table.

    Returns
    -------
    Translation

    Raises
    ------
    QueryError
        In the words that the service's error document has.
    """
    tree = _parse(adql, behaviour)
    for node in tree.walk():
        _check_node(node, behaviour)
    top = _take_tops(tree, behaviour)
    resolver = Resolver(find_table, behaviour, source_sql)
    columns = resolver.query(tree)
    tree = rewrite_geometry(tree).transform(_rewrite)
    return Translation(tree, columns, resolver.tables, top, tree.args.get("order") is not None)


def _parse(adql, behaviour):
    try:
        tokens = sqlglot.tokenize(adql, read=ADQL)
        _check_tokens(tokens, behaviour)
        trees = [tree for tree in sqlglot.parse(adql, read=ADQL) if tree is not None]
    except SqlglotError as error:
        raise QueryError(_syntax_error(error)) from error
    except RecursionError as error:
        raise QueryError("the query is nested too deeply") from error
    if len(trees) != 1 or not isinstance(trees[0], exp.Select | exp.SetOperation):
        raise QueryError("only one SELECT statement is accepted")
    return trees[0]


def _check_tokens(tokens, behaviour):
    for token in tokens:
        text = token.text.upper()
        if token.token_type in (TokenType.LIMIT, TokenType.MOD, TokenType.DCOLON):
            raise QueryError(f'syntax error at or near "{token.text}"')
        if token.token_type == TokenType.OFFSET and not behaviour.offset_supported:
            raise QueryError(f'syntax error at or near "{token.text}"')
        if token.token_type == TokenType.VAR and text == "MOD" and not behaviour.mod_supported:
            raise QueryError("function mod does not exist")


def _syntax_error(error):
    details = getattr(error, "errors", None)
    if details and details[0].get("highlight"):
        return f'syntax error at or near "{details[0]["highlight"]}"'
    return "syntax error: " + str(error).splitlines()[0]


def _check_node(node, behaviour):
    name = function_name(node)
    if isinstance(node, exp.Anonymous):
        if name not in RENAMED_FUNCTIONS:
            raise QueryError(f"function {node.name.lower()} does not exist")
    elif type(node).__name__ not in ALLOWED_NODES:
        kind = "function " if isinstance(node, exp.Func) else ""
        raise QueryError(f"{kind}{node.key.lower()} is not supported")
    if isinstance(node, exp.DataType) and node.this.name not in ALLOWED_TYPES:
        raise QueryError(f'type "{node.this.name.lower()}" does not exist')
    if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
        raise QueryError(f"function {node.this.key.lower()} cannot be a table")
    for clause in _FORBIDDEN_CLAUSES:
        if node.args.get(clause) and not (clause == "kind" and isinstance(node, exp.Join)):
            raise QueryError(f"{clause.rstrip('_')} is not supported")


def _take_tops(tree, behaviour):
    """Number of the outermost TOP. Elsewhere it stays a limit, or is lost as DaCHS loses it in a UNION."""
    top = None
    for select in list(tree.find_all(exp.Select)):
        limit = select.args.get("limit")
        if limit is None:
            continue
        if (
            not isinstance(limit, exp.Limit)
            or not isinstance(limit.expression, exp.Literal)
            or not limit.expression.name.isdigit()
        ):
            raise QueryError("TOP wants a whole number")
        if select is tree:
            top = int(limit.expression.name)
            select.set("limit", None)
        elif isinstance(select.parent, exp.SetOperation) and behaviour.union_top_lost:
            select.set("limit", None)
        elif isinstance(select.parent, exp.SetOperation):
            select.replace(exp.Subquery(this=select.copy()))
    return top


def _rewrite(node):
    """Functions whose meaning is another one in ADQL, and decimals that ADQL calls doubles."""
    if (
        isinstance(node, exp.Literal)
        and not node.is_string
        and not node.name.isdigit()
        and "e" not in node.name.lower()
    ):
        return exp.Literal.number(node.name + "e0")
    if isinstance(node, exp.Log) and node.expression is None:
        return exp.Ln(this=node.this)
    if isinstance(node, exp.Rand):
        return exp.Rand()
    if isinstance(node, exp.Anonymous):
        new = RENAMED_FUNCTIONS.get(node.name.upper())
        if new and new != node.name:
            return exp.Anonymous(this=new, expressions=node.expressions)
    return node
