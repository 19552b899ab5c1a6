# Licensed under a 3-clause BSD style license - see LICENSE
"""Which table and column each name of a query means, and the names of the columns of its result."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import sqlglot
import sqlglot.expressions as exp

from .behaviour import Behaviour
from .language import Node, QueryError, identifier
from .metadata import ColumnInfo, TableInfo


class Source(NamedTuple):
    """One item of a FROM clause: a table or a subquery."""

    alias: str
    columns: dict[str, ColumnInfo]
    merged: set[str]  # columns that NATURAL or USING merges with those of an item before it


# What the names of a SELECT may mean: the items of its FROM clause, then those of the queries
# around it.
Scopes = Sequence[Sequence[Source]]
Columns = Sequence[ColumnInfo]


class Resolver:
    """
    Resolves the names of a whole query in place (ADQL 2.1, sections 2.1.5 to 2.1.7 and 2.2.2).

    ``find_table`` finds a table by its lower-case name; ``source_sql`` returns the SQL for a
    table's rows.
    """

    def __init__(
        self,
        find_table: Callable[[str], TableInfo | None],
        behaviour: Behaviour,
        source_sql: Callable[[TableInfo], str],
    ):
        self.find_table = find_table
        self.behaviour = behaviour
        self.source_sql = source_sql
        self.tables: list[TableInfo] = []
        # Geometry may take unit vectors from the table in conditions only: elsewhere it would use
        # columns that GROUP BY does not name.
        self._filtering = False

    def query(self, node: Node, outer: Scopes = ()) -> list[ColumnInfo]:
        """Resolve a SELECT, a set operation, or one of them in parentheses; return its columns."""
        if isinstance(node, exp.Subquery):
            return self.query(node.this, outer)
        if isinstance(node, exp.SetOperation):
            columns = self.query(node.this, outer)
            if len(self.query(node.expression, outer)) != len(columns):
                raise QueryError("each UNION query must have the same number of columns")
            self._order(node, ([], *outer), columns)
            return columns
        filtering, self._filtering = self._filtering, False
        scopes = (self._sources(node, outer), *outer)
        self._expand_stars(node, scopes[0])
        columns = [
            self._output(item, scopes, position)
            for position, item in enumerate(list(node.expressions), 1)
        ]
        for name in ("where", "group", "having"):
            if node.args.get(name) is not None:
                self._filtering = name == "where"
                after = columns if name == "group" else ()
                self._names(node.args[name], scopes, after)
        self._filtering = False
        self._order(node, scopes, columns)
        self._filtering = filtering
        return columns

    # -- tables

    def _sources(self, select: Node, outer: Scopes) -> list[Source]:
        """Resolve the FROM clause and its joins; tables become those of the database."""
        start = _from_clause(select)
        if start is None:
            return []
        joins = (select.args.get("joins") or []) + (start.this.args.get("joins") or [])
        scope = [self._source(start.this, outer)]
        for join in joins:
            source = self._source(join.this, outer)
            merged = [name.name.lower() for name in join.args.get("using") or []]
            if str(join.args.get("method") or "").upper() == "NATURAL":
                # Written as USING, because DuckDB would join by the hidden columns too.
                join.set("method", None)
                merged = [
                    name
                    for name, column in source.columns.items()
                    if not column.hidden and any(name in other.columns for other in scope)
                ]
            if merged:
                join.set("using", [identifier(name) for name in merged])
                source.merged.update(merged)
            if any(source.alias == other.alias for other in scope):
                raise QueryError(f'table name "{source.alias}" specified more than once')
            scope.append(source)
            if join.args.get("on") is not None:
                self._filtering = True
                self._names(join.args["on"], (scope, *outer))
                self._filtering = False
        return scope

    def _source(self, node: Node, outer: Scopes) -> Source:
        alias_node = node.args.get("alias")
        alias = _fold(alias_node.this) if alias_node else ""
        if isinstance(node, exp.Subquery):
            columns = self.query(node.this, outer)
            if not alias:
                raise QueryError("subquery in FROM must have an alias")
            node.set("alias", exp.TableAlias(this=identifier(alias)))
            return Source(alias, {column.name.lower(): column for column in columns}, set())
        name = ".".join(part.name for part in node.parts)
        table = self.find_table(name.lower())
        if table is None:
            raise QueryError(f'relation "{name}" does not exist')
        if table not in self.tables:
            self.tables.append(table)
        alias = alias or table.name.split(".")[-1].lower()
        sql = f"SELECT * FROM {self.source_sql(table)} AS t"
        new = _from_clause(sqlglot.parse_one(sql, read="duckdb")).this
        new.set("alias", exp.TableAlias(this=identifier(alias)))
        new.set("joins", node.args.get("joins"))
        node.replace(new)
        return Source(alias, table.columns, set())

    # -- columns

    def _expand_stars(self, select: Node, scope: Sequence[Source]) -> None:
        """Replace * and alias.* by their columns: hidden ones are not part of them."""
        items: list[Node] = []
        for item in select.expressions:
            if isinstance(item, exp.Star):
                if not scope:
                    raise QueryError("SELECT * with no tables specified is not valid")
                starred = scope
            elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
                starred = [source for source in scope if source.alias.lower() == item.table.lower()]
                if not starred:
                    raise QueryError(f'missing FROM-clause entry for table "{item.table}"')
            else:
                items.append(item)
                continue
            items += [
                exp.Column(this=identifier(column.name), table=identifier(source.alias))
                for source in starred
                for name, column in source.columns.items()
                if not column.hidden and name not in source.merged
            ]
        select.set("expressions", items)

    def _output(self, item: Node, scopes: Scopes, position: int) -> ColumnInfo:
        """Resolve an item of the select list, give it an alias, return the column that it makes."""
        body = item.this if isinstance(item, exp.Alias) else item
        column = None
        if isinstance(body, exp.Column):
            qualified = len(scopes[0]) > 1 and bool(body.table)
            column, alias = self._resolve(body, scopes)
            # HEASARC names the columns of joined tables alias_column.
            name = f"{alias}_{column.name}" if qualified else column.name
        elif isinstance(body, exp.Subquery):
            name = self.query(body.this, scopes)[0].name
        else:
            self._names(body, scopes)
            name = self._made_up_name(body) or f"column_{position}"
        if isinstance(item, exp.Alias):
            name = _fold(item.args["alias"])
            item.set("alias", identifier(name))
        else:
            item.replace(exp.alias_(item.copy(), name, quoted=True))
        return replace(column or ColumnInfo(name), name=name)

    def _made_up_name(self, body: Node) -> str | None:
        """Return PostgreSQL's name of an item without AS; None where the columns are numbered."""
        if self.behaviour.count_name is None:
            return None
        if isinstance(body, exp.Count):
            return self.behaviour.count_name
        if isinstance(body, exp.Cast) and isinstance(body.this, exp.Column):
            return body.this.name.lower()
        if isinstance(body, exp.Anonymous):
            return body.name.lower()
        if isinstance(body, exp.Func) and not isinstance(body, exp.And | exp.Or | exp.Cast):
            return body.sql_name().lower()
        return None

    def _order(self, node: Node, scopes: Scopes, columns: Columns) -> None:
        """Resolve ORDER BY: columns of the result go before those of tables, as in PostgreSQL."""
        order = node.args.get("order")
        names = {column.name.lower(): column.name for column in columns}
        for item in order.expressions if order is not None else ():
            key = item.this
            if isinstance(key, exp.Column) and not key.table and key.name.lower() in names:
                key.set("this", identifier(names[key.name.lower()]))
            else:
                self._names(item, scopes, columns)

    def _names(self, node: Node, scopes: Scopes, after: Columns = ()) -> None:
        """Resolve all columns of an expression, and the queries nested in it."""
        nested = node.this if isinstance(node, exp.Subquery) else node
        if isinstance(nested, exp.Select | exp.SetOperation):
            self.query(node, scopes)
        elif isinstance(node, exp.Column):
            self._resolve(node, scopes, after)
        else:
            for child in list(node.iter_expressions()):
                self._names(child, scopes, after)

    def _resolve(self, node: Node, scopes: Scopes, after: Columns = ()) -> tuple[ColumnInfo, str]:
        """
        Make a name exact in the tree; return the column that it means and the alias of its source.

        ``after`` are columns of the result, which are meant where no table has the name.
        """
        if isinstance(node.this, exp.Star):  # COUNT(*)
            return ColumnInfo("*"), ""
        name, quoted = node.name.lower(), node.this.args.get("quoted")
        if name == "time" and self.behaviour.time_must_be_quoted and not quoted:
            raise QueryError('syntax error at or near "time"')
        for sources in scopes:
            found = [source for source in sources if name in source.columns]
            if node.table:
                wanted = node.table.lower()
                found = [source for source in found if source.alias.lower() == wanted]
            else:
                found = [source for source in found if name not in source.merged]
            if len(found) > 1:
                raise QueryError(f'column reference "{node.name}" is ambiguous')
            if found:
                alias, columns, _ = found[0]
                column = columns[name]
                node.set("this", identifier(column.name))
                node.set("table", identifier(alias))
                node.set("db", None)
                node.set("catalog", None)
                node.meta["vectors"] = self._filtering and any(
                    table.columns is columns and "__x_ra_dec" in columns for table in self.tables
                )
                return column, alias
        for column in after:
            if not node.table and column.name.lower() == name:
                node.set("this", identifier(column.name))
                return column, ""
        qualified = f"{node.table}.{node.name}" if node.table else node.name
        raise QueryError(f'column "{qualified}" does not exist')


def _from_clause(select: Node) -> Node:
    return select.args.get("from_") or select.args.get("from")  # the latter in older sqlglots


def _fold(name: Node) -> str:
    """Return a name as PostgreSQL folds it: in lower case unless quoted."""
    return name.name if name.args.get("quoted") else name.name.lower()
