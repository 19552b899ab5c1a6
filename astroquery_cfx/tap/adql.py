# Licensed under a 3-clause BSD style license - see LICENSE
"""ADQL as text: quote names and values, write conditions, take a query apart to cut it into pages.

The language is ADQL 2.1 (Mantelet et al. 2023, IVOA Recommendation), with what servers are known to
accept beyond it. Nothing here asks a server.
"""

import difflib
import itertools
import math
import numbers
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidInputError


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# ADQL's regular identifiers start with a letter; HEASARC's "__row" is accepted without quotes, too.
_REGULAR = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# Those reserved words of ADQL 2.1 and SQL-92 that catalogues have been seen to use as column names.
_RESERVED = _words("""
    ABS ALL AND ANY AREA AS ASC AT AVG BETWEEN BIT BOTH BOX BY CASE CAST CHAR CHECK CIRCLE CLOSE
    COLUMN CONTAINS COUNT CROSS CURRENT DATE DAY DEFAULT DESC DISTANCE DISTINCT DOMAIN DOUBLE ELSE
    END EXCEPT EXISTS EXTERNAL FALSE FIRST FLOAT FLOOR FOR FROM FULL GET GLOBAL GROUP HAVING HOUR IN
    INDEX INNER INPUT INT INTERVAL INTO IS JOIN KEY LANGUAGE LAST LEFT LEVEL LIKE LOCAL LOG MATCH
    MAX MIN MINUTE MOD MODULE MONTH NAMES NATIONAL NEXT NO NOT NULL NUMERIC OF OFFSET ON ONLY OPEN
    OPTION OR ORDER OUTER OUTPUT OVERLAPS POINT POLYGON POSITION POWER PRECISION PRIOR PUBLIC RAND
    READ REAL REGION RIGHT ROUND ROWS SCHEMA SECOND SECTION SELECT SESSION SET SIGN SIZE SOME SPACE
    SQL SQRT SUM TABLE THEN TIME TIMESTAMP TO TOP TRUE TRUNCATE UNION UNIQUE UNKNOWN UPPER USAGE
    USER USING VALUE VALUES VIEW WHEN WHERE WITH WORK WRITE YEAR ZONE
""")
_OPERATORS = {"=", "!=", "<>", "<", "<=", ">", ">=", "LIKE", "NOT LIKE"}
_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)
  | (?P<string>'(?:[^']|'')*')
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<word>[^\W\d]\w*)
  | (?P<mark><=|>=|<>|!=|\|\||.)""",
    re.VERBOSE | re.DOTALL,
)
# Functions of a single row, and keywords that may precede a parenthesis. A query that calls any
# other function may aggregate rows and is not split.
_ROW_FUNCTIONS = _words("""
    ABS ACOS ASIN ATAN ATAN2 CAST CEILING COALESCE COS COT DEGREES EXP FLOOR ILIKE LOG LOG10 LOWER
    MOD PI POWER RADIANS ROUND SIN SQRT TAN TRUNCATE UPPER AREA BOX CENTROID CIRCLE CONTAINS COORD1
    COORD2 COORDSYS DISTANCE INTERSECTS POINT POLYGON REGION IN_UNIT SPLIT_PART IN EXISTS AND OR NOT
    ON WHERE AS FROM JOIN LIKE THEN WHEN ELSE BETWEEN SELECT USING VALUES
""")

Token = tuple[str, str]  # its kind, a group of _TOKEN, and its text


def identifier(name: str) -> str:
    """Quote a column's or table's name where ADQL needs it; dots separate the parts of a name."""
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        raise InvalidInputError(f"{name!r} is not the name of a column or table.")
    parts = re.findall(r'"(?:[^"]|"")*"|[^.]+', name.strip())
    return ".".join(
        part
        if part.startswith('"') or (_REGULAR.match(part) and part.upper() not in _RESERVED)
        else '"' + part.replace('"', '""') + '"'
        for part in parts
    )


def literal(value: object) -> str:
    """Write a text, number or bool (Python's or numpy's) so that it reads back as that value."""
    if isinstance(value, np.generic):
        # A float32 is written as a double, with which the database compares it.
        value = value.item()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):  # not every service knows the literals TRUE and FALSE
        return "1" if value else "0"
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real) and math.isfinite(value):
        return repr(float(value))
    raise InvalidInputError(
        f"{value!r} cannot be written in ADQL.", remedy="give a text or a finite number."
    )


def condition(column: str, value: object) -> str:
    """
    Write one filter of a column, which is written as `identifier` returns it.

    The value is ``(operator, value)``; ``(low, high)``, both ends included; a list or set, of which
    any value matches; None for NULL; or anything else for equality.
    """
    if value is None:
        return f"{column} IS NULL"
    if isinstance(value, tuple):
        if len(value) == 2 and not isinstance(value[0], str):
            return f"{column} BETWEEN {literal(value[0])} AND {literal(value[1])}"
        operator = value[0].strip().upper() if len(value) == 2 else ""
        if operator not in _OPERATORS:
            raise InvalidInputError(
                f"The filter {value!r} of {column} is not understood.",
                remedy=f"give (operator, value) with one of {' '.join(sorted(_OPERATORS))}, "
                "or (low, high), or a list of values.",
            )
        return f"{column} {operator.replace('!=', '<>')} {literal(value[1])}"
    if isinstance(value, list | set | frozenset | np.ndarray):
        # The order of a set changes from run to run; the cache finds a query by its text.
        values = sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)
        if not values:
            raise InvalidInputError(f"The filter of {column} is an empty list: nothing can match.")
        return f"{column} IN ({', '.join(literal(item) for item in values)})"
    return f"{column} = {literal(value)}"


def conditions(filters: Mapping[str, object]) -> list[str]:
    """Write filters, column to value, as conditions."""
    return [condition(column, value) for column, value in filters.items()]


def both(*parts: str | None) -> str:
    """Join conditions by AND, each in parentheses; None and '' are left out."""
    return " AND ".join(f"({part})" for part in parts if part)


def near_names(name: str, names: Iterable[str]) -> list[str]:
    """Return up to three of the names that are spelled like a name."""
    lower = {str(item).strip('"').lower(): str(item) for item in names}
    found = difflib.get_close_matches(name.strip('"').lower(), lower, n=3, cutoff=0.5)
    return [lower[item] for item in found]


@dataclass(frozen=True)
class Item:
    """One item of a select list."""

    text: str
    column: str | None = None  # where the item is just a column: the column, without its alias
    name: str | None = None  # and its name in the result


@dataclass(frozen=True)
class Select:
    """A query, taken apart as far as paging needs it."""

    text: str  # the whole query, without comments
    plain: bool = False  # each row of the result is a row of the FROM clause and is counted there
    splits: bool = False  # plain and in any order: it can be fetched in pages
    reason: str = ""  # why it cannot
    items: tuple[Item, ...] = ()
    tables: str = ""  # the FROM clause, without the keyword
    where: str = ""  # the WHERE clause, without the keyword
    top: int | None = None
    order_by: str = ""
    single: bool = False  # the result has exactly one row: aggregates without GROUP BY

    @property
    def table(self) -> tuple[str, str | None] | None:
        """Name and alias of the table, where FROM names only one; else None."""
        found = re.fullmatch(r'([\w."]+)(?:\s+(?:AS\s+)?([\w"]+))?', self.tables, re.IGNORECASE)
        return (found[1], found[2]) if found else None

    @property
    def unordered(self) -> str:
        """The query without TOP and ORDER BY, on which a count does not depend."""
        text = self.text
        if self.top is not None:
            top = r"(SELECT\s+(?:(?:DISTINCT|ALL)\s+)?)TOP\s+\d+\s"
            text = re.sub(top, r"\1", text, count=1, flags=re.IGNORECASE)
        if self.order_by:
            order = r"\s*\bORDER\s+BY\s+" + re.escape(self.order_by) + r"\s*\Z"
            text = re.sub(order, "", text, flags=re.IGNORECASE)
        return text

    @property
    def has_star(self) -> bool:
        """Whether the select list has ``*`` or ``table.*``."""
        return any(item.text == "*" or item.text.endswith(".*") for item in self.items)

    def statement(
        self, items: Sequence[str] | None = None, *, where: str = "", top: int | None = None
    ) -> str:
        """Write the query with other items, one more condition and this TOP, without ORDER BY."""
        chosen = items or [item.text for item in self.items]
        limit = f"TOP {top} " if top is not None else ""
        joined = both(self.where, where) if where else self.where
        text = f"SELECT {limit}{', '.join(chosen)} FROM {self.tables}"
        return text + (f" WHERE {joined}" if joined else "")


def parse_select(adql: str) -> Select:
    """Take a query apart, or raise `InvalidInputError` where it is not a query or is left open."""
    if not isinstance(adql, str) or not adql.strip():
        raise InvalidInputError(
            "The query is empty.", remedy="give ADQL, e.g. 'SELECT name, ra, dec FROM csc'."
        )
    tokens = _tokens(adql)
    clauses, spoiler = _clauses(tokens)
    text = re.sub(r"\s*;\s*\Z", "", "".join(token for _, token in tokens).strip())
    if not re.match(r"(SELECT|WITH|\()", text, re.IGNORECASE):
        raise InvalidInputError(f"This is not a query: {text[:200]}", remedy="begin with SELECT.")
    if any(token == ";" for _, token in _tokens(text)):
        raise InvalidInputError("The query holds a semicolon.", remedy="ask one query at a time.")
    if spoiler or "FROM" not in clauses:
        return Select(text, reason=spoiler or "it has no FROM")
    return _select(text, clauses)


def split_with(adql: str) -> tuple[str, str]:
    """Split a query at the end of its WITH clause, which is empty where it has none."""
    depth = 0
    for match in _TOKEN.finditer(adql if re.match(r"WITH\b", adql, re.IGNORECASE) else ""):
        if match.lastgroup == "word" and depth == 0 and match[0].upper() == "SELECT":
            return adql[: match.start()], adql[match.start() :]
        depth += {"(": 1, ")": -1}.get(match[0], 0)
    return "", adql


def _tokens(adql: str) -> list[Token]:
    """Return the tokens; one blank stands for any white space and for a comment."""
    found = []
    for match in _TOKEN.finditer(adql):
        kind = match.lastgroup or ""
        if kind == "mark" and match[0] in "'\"":
            raise InvalidInputError(f"The query has an unclosed quote: {adql.strip()[:200]}")
        found.append((kind, " " if kind == "space" else match[0]))
    return found


def _clauses(tokens: list[Token]) -> tuple[dict[str, list[Token]], str]:
    """Return the tokens of each top-level clause, and why a query cannot be taken apart further."""
    clauses: dict[str, list[Token]] = {}
    keyword, depth, spoiler = None, 0, ""
    for kind, token in tokens:
        if kind == "mark" and token in "()":
            depth += 1 if token == "(" else -1
            if depth < 0:
                break
        word = token.upper() if kind == "word" and depth == 0 else ""
        if word in ("UNION", "EXCEPT", "INTERSECT", "WITH", "LIMIT", "OFFSET"):
            spoiler = spoiler or f"it has {word}"
        if word in ("SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER"):
            keyword = word
            clauses.setdefault(word, [])
        elif keyword is not None and not (kind == "mark" and token == ";"):
            clauses[keyword].append((kind, token))
    if depth != 0:
        raise InvalidInputError("The parentheses of the query do not match.")
    return clauses, spoiler


def _select(text: str, clauses: dict[str, list[Token]]) -> Select:
    """Put together what the clauses say of a query that has SELECT and FROM."""

    def joined(word: str) -> str:
        return "".join(token for _, token in clauses.get(word, [])).strip()

    listed = _without_blank(clauses["SELECT"])
    quantifier = listed[0][1].upper() if listed else ""
    if quantifier in ("DISTINCT", "ALL"):
        listed = _without_blank(listed[1:])
    top = None
    after_top = _without_blank(listed[1:])
    if after_top and listed[0][1].upper() == "TOP":  # else it is a column of that name
        rows = after_top[0][1]
        if not rows.isdecimal():
            raise InvalidInputError(f"TOP {rows} is not a number of rows.")
        top, listed = int(rows), _without_blank(after_top[1:])
    order_by = re.sub(r"\ABY\s+", "", joined("ORDER"), flags=re.IGNORECASE)
    grouped = "GROUP" in clauses or "HAVING" in clauses
    aggregates = (
        token.upper()
        for (kind, token), (_, following) in itertools.pairwise(
            token for token in listed if token[0] != "space"
        )
        if kind == "word" and following == "(" and token.upper() not in _ROW_FUNCTIONS
    )
    aggregate = next(aggregates, "")
    reasons = {
        "it has GROUP BY": grouped,
        "it has DISTINCT": quantifier == "DISTINCT",
        f"it calls {aggregate}()": bool(aggregate),
        "it has ORDER BY": bool(order_by),
    }
    reason = next((words for words, applies in reasons.items() if applies), "")
    return Select(
        text,
        plain=reason in ("", "it has ORDER BY"),
        splits=not reason,
        reason=reason,
        items=tuple(_items(listed)),
        tables=joined("FROM"),
        where=joined("WHERE"),
        top=top,
        order_by=order_by,
        single=reason.startswith("it calls") and aggregate in ("COUNT", "SUM", "AVG", "MIN", "MAX"),
    )


def _without_blank(tokens: list[Token]) -> list[Token]:
    """Return the tokens without a leading blank."""
    return list(itertools.dropwhile(lambda token: token[0] == "space", tokens))


def _items(listed: list[Token]) -> list[Item]:
    """Split a select list at its commas, and find the items that are just a column."""
    name = r'(?:"(?:[^"]|"")*"|[^\W\d]\w*)'
    column = re.compile(rf"({name}(?:\s*\.\s*{name})*)(?:\s+(?:AS\s+)?({name}))?", re.IGNORECASE)
    items, text, depth = [], "", 0
    for kind, token in [*listed, ("mark", ",")]:
        if kind == "mark" and token in "()":
            depth += 1 if token == "(" else -1
        if not (kind == "mark" and token == "," and depth == 0):
            text += token
            continue
        text = text.strip()
        if found := column.fullmatch(text):
            path = re.sub(r"\s", "", found[1]) if '"' not in found[1] else found[1]
            label = found[2] or re.findall(name, path)[-1]
            items.append(Item(text, path, label.strip('"').replace('""', '"')))
        else:
            items.append(Item(text))
        text = ""
    return items
