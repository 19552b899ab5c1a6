# Licensed under a 3-clause BSD style license - see LICENSE
"""Which table and column each name of a query means, and what the columns of its result are called."""

import sqlglot
import sqlglot.expressions as exp

from .catalogue import ColumnInfo
from .sql import QueryError, identifier

__all__ = ["Resolver"]

_NESTED = (exp.Select, exp.SetOperation)


class Resolver:
    """
    Resolves a whole query in place.

    Parameters
    ----------
    find_table : callable
        Gives the TableInfo of a lower-case name, or None.
    behaviour : Behaviour
        How the service names and resolves.
    source_sql : callable
        Gives the SQL for the rows of a table.
    """

    def __init__(self, find_table, behaviour, source_sql):
        self.find_table = find_table
        self.behaviour = behaviour
        self.source_sql = source_sql
        self.tables = []
        # In conditions the geometry may take unit vectors from the table; elsewhere GROUP BY may forbid it.
        self._filtering = False

    def query(self, node, outer=()):
        """Resolve a SELECT, a set operation or one in parentheses; gives its columns."""
        if isinstance(node, exp.Subquery):
            return self.query(node.this, outer)
        if isinstance(node, exp.SetOperation):
            columns = self.query(node.this, outer)
            if len(self.query(node.expression, outer)) != len(columns):
                raise QueryError("each UNION query must have the same number of columns")
            self._order(node, [], columns, outer)
            return columns
        return self._select(node, outer)

    def _select(self, select, outer):
        filtering, self._filtering = self._filtering, False
        scope = self._sources(select, outer)
        select.set("expressions", self._expand_stars(select, scope))
        columns = [
            self._output(item, scope, outer, position)
            for position, item in enumerate(list(select.expressions))
        ]
        for name in ("where", "group", "having"):
            if select.args.get(name) is not None:
                self._filtering = name == "where"
                self._expressions(
                    select.args[name], scope, outer, after=columns if name == "group" else ()
                )
        self._filtering = False
        self._order(select, scope, columns, outer)
        self._filtering = filtering
        return columns

    # -- tables ---------------------------------------------------------------------------------------------

    def _sources(self, select, outer):
        """Alias and columns of each source; sources become subqueries or tables of the database."""
        joins = select.args.get("joins") or []
        start = select.args.get("from_") or select.args.get("from")
        if start is None:
            return []
        scope = [self._source(start.this, outer)]
        joins = joins + (start.this.args.get("joins") or [])
        for join in joins:
            source = self._source(join.this, outer)
            self._natural(join, scope, source)
            scope.append(source)
            if len({alias for alias, _, _ in scope}) < len(scope):
                raise QueryError(f'table name "{source[0]}" specified more than once')
            if join.args.get("on") is not None:
                self._filtering = True
                self._expression(join.args["on"], scope, outer)
                self._filtering = False
        return scope

    def _natural(self, join, scope, source):
        """Names that a NATURAL join or USING merges; hidden columns never join."""
        shared = [name.name.lower() for name in join.args.get("using") or []]
        if str(join.args.get("method") or "").upper() == "NATURAL":
            shared = [
                name
                for name, column in source[1].items()
                if not column.hidden and any(name in columns for _, columns, _ in scope)
            ]
            join.set("method", None)
        if shared:
            join.set("using", [identifier(name) for name in shared])
            source[2].update(shared)

    def _source(self, node, outer):
        if isinstance(node, exp.Subquery):
            columns = self.query(node.this, outer)
            alias = self._fold(node.args["alias"].this) if node.args.get("alias") else ""
            if not alias:
                raise QueryError("subquery in FROM must have an alias")
            node.set("alias", exp.TableAlias(this=identifier(alias)))
            return alias, {column.name.lower(): column for column in columns}, set()
        table = self.find_table(".".join(part.name for part in node.parts).lower())
        if table is None:
            raise QueryError(
                f'relation "{".".join(part.name for part in node.parts)}" does not exist'
            )
        if table not in self.tables:
            self.tables.append(table)
        alias_node = node.args.get("alias")
        alias = self._fold(alias_node.this) if alias_node else table.name.split(".")[-1].lower()
        new = sqlglot.parse_one(f"SELECT * FROM {self.source_sql(table)} AS t", read="duckdb").args
        new = (new.get("from_") or new["from"]).this
        new.set("alias", exp.TableAlias(this=identifier(alias)))
        new.set("joins", node.args.get("joins"))
        node.replace(new)
        return alias, table.columns, set()

    @staticmethod
    def _fold(name):
        """Names without quotes are lower-case, as PostgreSQL has them."""
        return name.name if name.args.get("quoted") else name.name.lower()

    # -- columns --------------------------------------------------------------------------------------------

    def _expand_stars(self, select, scope):
        items = []
        for item in select.expressions:
            if isinstance(item, exp.Star):
                if not scope:
                    raise QueryError("SELECT * with no tables specified is not valid")
                items += [column for source in scope for column in self._all_of(source)]
            elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
                items += self._all_of(self._source_named(item, scope))
            else:
                items.append(item)
        return items

    def _all_of(self, source):
        alias, columns, merged = source
        return [
            exp.Column(this=identifier(column.name), table=identifier(alias))
            for name, column in columns.items()
            if not column.hidden and name not in merged
        ]

    def _source_named(self, node, scope):
        name = node.table.lower()
        for source in scope:
            if source[0].lower() == name:
                return source
        raise QueryError(f'missing FROM-clause entry for table "{node.table}"')

    def _output(self, item, scope, outer, position):
        """Resolve one item of the select list and give the column that it makes."""
        body = item.this if isinstance(item, exp.Alias) else item
        column = None
        if isinstance(body, exp.Column):
            qualified = len(scope) > 1 and bool(body.table)
            column, alias = self._resolve(body, scope, outer)
            name = f"{alias}_{column.name}" if qualified else column.name
        elif isinstance(body, exp.Subquery):
            inner = self.query(body.this, (scope, *outer))
            name = inner[0].name
        else:
            self._expressions(body, scope, outer)
            name = self._made_up_name(body, position)
        if isinstance(item, exp.Alias):
            name = self._fold(item.args["alias"])
            item.set("alias", identifier(name))
        else:
            item.replace(exp.alias_(item.copy(), name, quoted=True))
        return (column or ColumnInfo(name)).renamed(name)

    def _made_up_name(self, body, position):
        if isinstance(body, exp.Count):
            return self.behaviour.count_name or f"column_{position + 1}"
        if self.behaviour.count_name is None:
            return f"column_{position + 1}"
        if isinstance(body, exp.Cast) and isinstance(body.this, exp.Column):
            return body.this.name.lower()
        if isinstance(body, exp.Anonymous):
            return body.name.lower()
        if isinstance(body, exp.Func) and not isinstance(body, exp.And | exp.Or | exp.Cast):
            return body.sql_name().lower()
        return f"column_{position + 1}"

    def _expressions(self, node, scope, outer, after=()):
        """Resolve all columns below a node, and the queries nested in it."""
        for child in list(node.iter_expressions()):
            self._expression(child, scope, outer, after)

    def _expression(self, node, scope, outer, after=()):
        if isinstance(node, _NESTED) or (
            isinstance(node, exp.Subquery) and isinstance(node.this, _NESTED)
        ):
            self.query(node, (scope, *outer))
        elif isinstance(node, exp.Column):
            self._resolve(node, scope, outer, after)
        else:
            self._expressions(node, scope, outer, after)

    def _resolve(self, node, scope, outer, after=()):
        """Column and alias of its source that a name means; the name is made exact in the tree."""
        if isinstance(node.this, exp.Star):
            return ColumnInfo("*"), ""
        name = node.name.lower()
        if (
            name == "time"
            and self.behaviour.time_must_be_quoted
            and not node.this.args.get("quoted")
        ):
            raise QueryError('syntax error at or near "time"')
        for sources in (scope, *outer):
            found = self._find(node, name, sources)
            if found is not None:
                alias, column = found
                node.set("this", identifier(column.name))
                node.set("table", identifier(alias))
                node.set("db", None)
                node.set("catalog", None)
                node.meta["vectors"] = self._filtering and any(
                    source == alias and self._has_vectors(columns) for source, columns, _ in sources
                )
                return column, alias
        for column in after:
            if not node.table and column.name.lower() == name:
                node.set("this", identifier(column.name))
                return column, ""
        raise QueryError(
            f'column "{node.table + "." if node.table else ""}{node.name}" does not exist'
        )

    def _has_vectors(self, columns):
        """Whether these are the columns of a table that has unit vectors beside ra and dec."""
        return "__x_ra_dec" in columns and any(table.columns is columns for table in self.tables)

    def _find(self, node, name, scope):
        if node.table:
            matching = [source for source in scope if source[0].lower() == node.table.lower()]
        else:
            matching = [source for source in scope if name not in source[2]]
        found = [(alias, columns[name]) for alias, columns, _ in matching if name in columns]
        if len(found) > 1:
            raise QueryError(f'column reference "{node.name}" is ambiguous')
        return found[0] if found else None

    def _order(self, node, scope, columns, outer):
        """ORDER BY: a name of the result comes before one of the tables, as in PostgreSQL."""
        order = node.args.get("order")
        if order is None:
            return
        names = {column.name.lower(): column.name for column in columns}
        for item in order.expressions:
            key = item.this
            if isinstance(key, exp.Column) and not key.table and key.name.lower() in names:
                key.set("this", identifier(names[key.name.lower()]))
            else:
                self._expressions(item, scope, outer, after=columns)
