# Licensed under a 3-clause BSD style license - see LICENSE
"""From ADQL to the SQL of DuckDB: parse, check, resolve names, rewrite geometry and functions."""

from collections.abc import Callable
from dataclasses import dataclass

import sqlglot
import sqlglot.expressions as exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.parser import Parser as BaseParser
from sqlglot.tokens import Tokenizer as BaseTokenizer
from sqlglot.tokens import TokenType

from . import language
from .behaviour import Behaviour
from .geometry import rewrite_geometry
from .language import Node, QueryError, function_name
from .metadata import ColumnInfo, TableInfo
from .names import Resolver


class ADQL(Dialect):
    """What ADQL has beyond sqlglot's standard SQL: TOP, and NULLs last, as in PostgreSQL."""

    NULL_ORDERING = "nulls_are_large"

    class Tokenizer(BaseTokenizer):
        """The standard tokens and TOP."""

        KEYWORDS = {**BaseTokenizer.KEYWORDS, "TOP": TokenType.TOP}  # noqa: RUF012

    class Parser(BaseParser):
        """A TOP belongs to its own SELECT, not to the UNION that the SELECT is part of."""

        SET_OP_MODIFIERS = {"order", "offset"}  # noqa: RUF012


@dataclass
class Translation:
    """A query for the database: its tree, its columns, the tables that it reads, its TOP."""

    tree: Node
    columns: list[ColumnInfo]
    tables: list[TableInfo]
    top: int | None

    def sql(self, limit: int | None) -> str:
        """Return SQL text that gives at most ``limit`` rows (None for all)."""
        if limit is not None:
            self.tree.set("limit", exp.Limit(expression=exp.Literal.number(limit)))
        return self.tree.sql("duckdb")


def translate(
    adql: str,
    find_table: Callable[[str], TableInfo | None],
    behaviour: Behaviour,
    source_sql: Callable[[TableInfo], str],
) -> Translation:
    """
    Translate one SELECT or set operation, or raise a `QueryError` in the words of PostgreSQL.

    ``find_table`` finds a table by its lower-case name; ``source_sql`` gives the SQL for its rows.
    """
    tree = _parse(adql, behaviour)
    for node in tree.walk():
        _check_node(node)
    top = _take_tops(tree, union_top_lost=behaviour.union_top_lost)
    resolver = Resolver(find_table, behaviour, source_sql)
    columns = resolver.query(tree)
    tree = rewrite_geometry(tree).transform(_rewrite_functions)
    return Translation(tree, columns, resolver.tables, top)


def _parse(adql: str, behaviour: Behaviour) -> Node:
    try:
        for token in sqlglot.tokenize(adql, read=ADQL):
            kind, text = token.token_type, token.text
            # Not in ADQL, and refused by real servers, but DuckDB would take them.
            if kind in (TokenType.LIMIT, TokenType.MOD, TokenType.DCOLON) or (
                kind == TokenType.OFFSET and not behaviour.offset_supported
            ):
                raise QueryError(f'syntax error at or near "{text}"')
            if kind == TokenType.VAR and text.upper() == "MOD" and not behaviour.mod_supported:
                raise QueryError("function mod does not exist")
        trees = [tree for tree in sqlglot.parse(adql, read=ADQL) if tree is not None]
    except SqlglotError as error:
        details = getattr(error, "errors", None)
        if details and details[0].get("highlight"):
            where = details[0]["highlight"]
            raise QueryError(f'syntax error at or near "{where}"') from error
        raise QueryError("syntax error: " + str(error).splitlines()[0]) from error
    except RecursionError as error:
        raise QueryError("the query is nested too deeply") from error
    if len(trees) != 1 or not isinstance(trees[0], exp.Select | exp.SetOperation):
        raise QueryError("only one SELECT statement is accepted")
    return trees[0]


def _check_node(node: Node) -> None:
    """Refuse what is not in the vocabulary of module language."""
    if isinstance(node, exp.Anonymous):
        name = function_name(node)
        if name == "REGION":
            raise QueryError("function region is not supported")
        if name not in language.RENAMED_FUNCTIONS and name not in language.GEOMETRY_FUNCTIONS:
            raise QueryError(f"function {node.name.lower()} does not exist")
    elif type(node).__name__ not in language.ALLOWED_NODES:
        kind = "function " if isinstance(node, exp.Func) else ""
        raise QueryError(f"{kind}{node.key.lower()} is not supported")
    if isinstance(node, exp.DataType) and node.this.name not in language.ALLOWED_TYPES:
        raise QueryError(f'type "{node.this.name.lower()}" does not exist')
    if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
        raise QueryError(f"function {node.this.key.lower()} cannot be a table")
    for clause in language.FORBIDDEN_CLAUSES:
        is_kind_of_join = clause == "kind" and isinstance(node, exp.Join)  # INNER, CROSS
        if node.args.get(clause) and not is_kind_of_join:
            raise QueryError(f"{clause.rstrip('_')} is not supported")


def _take_tops(tree: Node, *, union_top_lost: bool) -> int | None:
    """
    Take the TOP of the outermost SELECT out of the tree and return it.

    Others stay as limits of their SELECT, but DaCHS 2.7 loses those of the arms of a UNION.
    """
    top = None
    for select in list(tree.find_all(exp.Select)):
        limit = select.args.get("limit")
        if limit is None:
            continue
        count = limit.expression
        if not isinstance(count, exp.Literal) or not count.name.isdigit():
            raise QueryError("TOP must be followed by a whole number")
        in_union = isinstance(select.parent, exp.SetOperation)
        if select is tree:
            top = int(count.name)
            select.set("limit", None)
        elif in_union and union_top_lost:
            select.set("limit", None)
        elif in_union:  # SQL takes a LIMIT there only in parentheses
            select.replace(exp.Subquery(this=select.copy()))
    return top


def _rewrite_functions(node: Node) -> Node:
    """Replace decimals, which are doubles in ADQL, and functions that DuckDB calls otherwise."""
    is_number = isinstance(node, exp.Literal) and not node.is_string
    if is_number and not node.name.isdigit() and "e" not in node.name.lower():
        return exp.Literal.number(node.name + "e0")
    if isinstance(node, exp.Log) and node.expression is None:
        return exp.Ln(this=node.this)  # ADQL's LOG is the natural logarithm, DuckDB's is to base 10
    if isinstance(node, exp.Rand):
        return exp.Rand()  # without the seed, which ADQL allows
    if isinstance(node, exp.Anonymous) and function_name(node) in language.RENAMED_FUNCTIONS:
        new = language.RENAMED_FUNCTIONS[function_name(node)]
        return node if new == node.name else exp.Anonymous(this=new, expressions=node.expressions)
    return node
