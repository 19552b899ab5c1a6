# Licensed under a 3-clause BSD style license - see LICENSE
"""ADQL, pure: quote names and values, build conditions, take a query apart far enough to page it."""

import difflib
import itertools
import math
import numbers
import re
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InvalidInputError

__all__ = [
    "Item",
    "Select",
    "both",
    "condition",
    "conditions",
    "identifier",
    "literal",
    "near_names",
    "parse_select",
    "split_with",
]

_REGULAR = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# Of the reserved words of ADQL 2.1 (and SQL-92) those that catalogues have been seen to use as column names.
_RESERVED = set(
    re.findall(
        r"\w+",
        """
    ABS ALL AND ANY AREA AS ASC AT AVG BETWEEN BIT BOTH BOX BY CASE CAST CHAR CHECK CIRCLE CLOSE COLUMN
    CONTAINS COUNT CROSS CURRENT DATE DAY DEFAULT DESC DISTANCE DISTINCT DOMAIN DOUBLE ELSE END EXCEPT
    EXISTS EXTERNAL FALSE FIRST FLOAT FLOOR FOR FROM FULL GET GLOBAL GROUP HAVING HOUR IN INDEX INNER INPUT
    INT INTERVAL INTO IS JOIN KEY LANGUAGE LAST LEFT LEVEL LIKE LOCAL LOG MATCH MAX MIN MINUTE MOD MODULE
    MONTH NAMES NATIONAL NEXT NO NOT NULL NUMERIC OF OFFSET ON ONLY OPEN OPTION OR ORDER OUTER OUTPUT
    OVERLAPS POINT POLYGON POSITION POWER PRECISION PRIOR PUBLIC RAND READ REAL REGION RIGHT ROUND ROWS
    SCHEMA SECOND SECTION SELECT SESSION SET SIGN SIZE SOME SPACE SQL SQRT SUM TABLE THEN TIME TIMESTAMP TO
    TOP TRUE TRUNCATE UNION UNIQUE UNKNOWN UPPER USAGE USER USING VALUE VALUES VIEW WHEN WHERE WITH WORK
    WRITE YEAR ZONE""",
    )
)
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
# Functions of one row. A query that calls any other may fold rows together and is not split.
_ROW_FUNCTIONS = set(
    re.findall(
        r"\w+",
        """
    ABS ACOS ASIN ATAN ATAN2 CAST CEILING COALESCE COS COT DEGREES EXP FLOOR ILIKE LOG LOG10 LOWER MOD PI
    POWER RADIANS ROUND SIN SQRT TAN TRUNCATE UPPER AREA BOX CENTROID CIRCLE CONTAINS COORD1 COORD2 COORDSYS
    DISTANCE INTERSECTS POINT POLYGON REGION IN_UNIT SPLIT_PART IN EXISTS AND OR NOT ON WHERE AS FROM JOIN
    LIKE THEN WHEN ELSE BETWEEN SELECT USING VALUES""",
    )
)


def identifier(name):
    """
    Write a column's or table's name so that ADQL takes it.

    Parameters
    ----------
    name : str
        One name, or several joined by dots; what is in double quotes already stays.

    Returns
    -------
    str

    Examples
    --------
    >>> from astroquery_cfx.tap.adql import identifier
    >>> identifier("b_flux_ap"), identifier("time"), identifier("cfx.csc"), identifier("e_Flux-2")
    ('b_flux_ap', '"time"', 'cfx.csc', '"e_Flux-2"')
    """
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        raise InvalidInputError(f"{name!r} is no name of a column or table.")
    parts = re.findall(r'"(?:[^"]|"")*"|[^.]+', name.strip())
    return ".".join(_quoted(part) for part in parts)


def _quoted(part):
    if part.startswith('"') or (_REGULAR.match(part) and part.upper() not in _RESERVED):
        return part
    return '"' + part.replace('"', '""') + '"'


def literal(value):
    """
    Write a value so that it reads back as itself.

    Parameters
    ----------
    value : str, int, float, bool or numpy scalar

    Returns
    -------
    str

    Examples
    --------
    >>> from astroquery_cfx.tap.adql import literal
    >>> literal("Barnard's star"), literal(0.1), literal(7)
    ("'Barnard''s star'", '0.1', '7')
    """
    if isinstance(value, np.generic):
        # A float32 is written by its double value, which is what the database compares with.
        value = value.item()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real) and math.isfinite(value):
        return repr(float(value))
    raise InvalidInputError(f"{value!r} cannot be written in ADQL: a text or a finite number can.")


def condition(column, value):
    """
    Write one filter.

    Parameters
    ----------
    column : str
        Written as `identifier` gives it.
    value : str, number, None, tuple or list
        ``(operator, value)`` with one of = != <> < <= > >= LIKE; ``(low, high)``, both ends included;
        a list, any of which; None for NULL; anything else for equality.

    Returns
    -------
    str

    Examples
    --------
    >>> from astroquery_cfx.tap.adql import condition
    >>> condition("exposure", (">", 1e4)), condition("detector", ["ACIS-I", "ACIS-S"])
    ('exposure > 10000.0', "detector IN ('ACIS-I', 'ACIS-S')")
    >>> condition("ra", (10, 20)), condition("ra", None)
    ('ra BETWEEN 10 AND 20', 'ra IS NULL')
    """
    if value is None:
        return f"{column} IS NULL"
    if isinstance(value, tuple):
        if len(value) == 2 and isinstance(value[0], str) and value[0].strip().upper() in _OPERATORS:
            return f"{column} {value[0].strip().upper().replace('!=', '<>')} {literal(value[1])}"
        if len(value) == 2 and not isinstance(value[0], str):
            return f"{column} BETWEEN {literal(value[0])} AND {literal(value[1])}"
        raise InvalidInputError(
            f"The filter {value!r} of {column} is not understood.",
            remedy="give (operator, value) with one of "
            + " ".join(sorted(_OPERATORS))
            + ", or (low, high), or a list of values.",
        )
    if isinstance(value, list | set | frozenset | np.ndarray):
        values = sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)
        if not values:
            raise InvalidInputError(f"The filter of {column} is an empty list: nothing can match.")
        return f"{column} IN ({', '.join(literal(item) for item in values)})"
    return f"{column} = {literal(value)}"


def conditions(filters):
    """Write a dict of filters as a list of conditions; each is there or an error is raised."""
    return [condition(column, value) for column, value in filters.items()]


def both(*parts):
    """Join conditions by AND, each in parentheses; None and '' are left out."""
    return " AND ".join(f"({part})" for part in parts if part)


def near_names(name, names):
    """Up to three of `names` that look like `name`."""
    lower = {str(item).strip('"').lower(): str(item) for item in names}
    found = difflib.get_close_matches(name.strip('"').lower(), lower, n=3, cutoff=0.5)
    return [lower[item] for item in found]


@dataclass(frozen=True)
class Item:
    """One item of a select list: its text, and the column it is, where it is just a column."""

    text: str
    column: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Select:
    """
    A query, taken apart as far as paging needs it.

    Attributes
    ----------
    text : str
        The whole query without comments.
    plain : bool
        Whether rows of the result are rows of the FROM clause, so that they can be counted there.
    splits : bool
        Whether they come in any order, too, so that they can be fetched in pages.
    reason : str
        Why it does not split.
    items : tuple of Item
    tables, where : str
        The FROM and WHERE clauses without their keywords.
    top : int or None
    order_by : str
    single : bool
        Whether exactly one row comes (aggregates without GROUP BY).
    """

    text: str
    plain: bool = False
    splits: bool = False
    reason: str = ""
    items: tuple = ()
    tables: str = ""
    where: str = ""
    top: int | None = None
    order_by: str = ""
    single: bool = False

    @property
    def table(self):
        """Name and alias of the table, where FROM names just one; else None."""
        found = re.fullmatch(r'([\w."]+)(?:\s+(?:AS\s+)?([\w"]+))?', self.tables, re.IGNORECASE)
        return (found[1], found[2]) if found else None

    @property
    def unordered(self):
        """The query without TOP and ORDER BY, which make no difference to a count."""
        text = (
            re.sub(
                r"(SELECT\s+(?:(?:DISTINCT|ALL)\s+)?)TOP\s+\d+\s",
                r"\1",
                self.text,
                count=1,
                flags=re.IGNORECASE,
            )
            if self.top is not None
            else self.text
        )
        if not self.order_by:
            return text
        ending = r"\s*\bORDER\s+BY\s+" + re.escape(self.order_by) + r"\s*\Z"
        return re.sub(ending, "", text, flags=re.IGNORECASE)

    @property
    def has_star(self):
        return any(item.text == "*" or item.text.endswith(".*") for item in self.items)

    def statement(self, items=None, *, where="", top=None):
        """Write the query with other items, further conditions, another TOP."""
        chosen = items or [item.text for item in self.items]
        room = f"TOP {top} " if top is not None else ""
        text = f"SELECT {room}{', '.join(chosen)} FROM {self.tables}"
        joined = both(self.where, where) if where else self.where
        return text + (f" WHERE {joined}" if joined else "")


def _tokens(adql):
    found = []
    for match in _TOKEN.finditer(adql):
        kind = match.lastgroup
        if kind == "mark" and match[0] in "'\"":
            raise InvalidInputError(f"The query has a quote without end: {adql.strip()[:200]}")
        found.append((kind, " " if kind == "space" else match[0]))
    return found


def parse_select(adql):
    """
    Take a query apart.

    Parameters
    ----------
    adql : str

    Returns
    -------
    Select

    Raises
    ------
    InvalidInputError
        If it is no query, or quotes or parentheses are left open.

    Examples
    --------
    >>> from astroquery_cfx.tap.adql import parse_select
    >>> query = parse_select("SELECT TOP 10 name, ra AS x FROM csc WHERE dec > 0 OR ra < 9 -- note")
    >>> query.splits, query.top, query.tables, query.where
    (True, 10, 'csc', 'dec > 0 OR ra < 9')
    >>> query.statement(where="ra >= 5.0", top=100)
    'SELECT TOP 100 name, ra AS x FROM csc WHERE (dec > 0 OR ra < 9) AND (ra >= 5.0)'
    """
    if not isinstance(adql, str) or not adql.strip():
        raise InvalidInputError(
            "The query is empty.", remedy="give ADQL, e.g. 'SELECT name, ra, dec FROM csc'."
        )
    tokens = _tokens(adql)
    clauses, spoiler = _clauses(tokens)
    text = re.sub(r"\s*;\s*\Z", "", "".join(token for _, token in tokens).strip())
    if not re.match(r"(SELECT|WITH|\()", text, re.IGNORECASE):
        raise InvalidInputError(f"This is no query: {text[:200]}", remedy="start it with SELECT.")
    if ";" in (token for _, token in _tokens(text)):
        raise InvalidInputError("The query holds a semicolon.", remedy="ask one query at a time.")
    if spoiler or "FROM" not in clauses:
        return Select(text, reason=spoiler or "it has no FROM")
    return _select(text, clauses)


def split_with(adql):
    """
    Part a query that starts with WITH into its common tables and the query proper.

    Parameters
    ----------
    adql : str

    Returns
    -------
    head, query : str
        The head is empty where there is no WITH.

    Examples
    --------
    >>> from astroquery_cfx.tap.adql import split_with
    >>> split_with("WITH u AS (SELECT a FROM t) SELECT a FROM u")
    ('WITH u AS (SELECT a FROM t) ', 'SELECT a FROM u')
    """
    depth = 0
    for match in _TOKEN.finditer(adql if re.match(r"WITH\b", adql, re.IGNORECASE) else ""):
        if match.lastgroup == "word" and depth == 0 and match[0].upper() == "SELECT":
            return adql[: match.start()], adql[match.start() :]
        depth += {"(": 1, ")": -1}.get(match[0], 0)
    return "", adql


def _clauses(tokens):
    """The top-level clauses by keyword, and what makes the query one that cannot be split."""
    clauses, keyword, depth, spoiler = {}, None, 0, ""
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


def _select(text, clauses):
    def joined(word):
        return "".join(token for _, token in clauses.get(word, [])).strip()

    listed = _strip(clauses["SELECT"])
    distinct = bool(listed) and listed[0][1].upper() == "DISTINCT"
    if listed and listed[0][1].upper() in ("DISTINCT", "ALL"):
        listed = _strip(listed[1:])
    top = None
    if len(listed) > 2 and listed[0][1].upper() == "TOP":
        number = _strip(listed[1:])
        if not number[0][1].isdigit():
            raise InvalidInputError(f"TOP {number[0][1]} is no number of rows.")
        top, listed = int(number[0][1]), _strip(number[1:])
    order_by = re.sub(r"\ABY\s+", "", joined("ORDER"), flags=re.IGNORECASE)
    select = Select(
        text,
        items=tuple(_items(listed)),
        tables=joined("FROM"),
        where=joined("WHERE"),
        top=top,
        order_by=order_by,
    )
    folds = _folds(listed)
    if "GROUP" in clauses or "HAVING" in clauses:
        return replace(select, reason="it has GROUP BY")
    if distinct:
        return replace(select, reason="it has DISTINCT")
    if folds:
        return replace(
            select,
            reason=f"it calls {folds}()",
            single=folds in ("COUNT", "SUM", "AVG", "MIN", "MAX"),
        )
    if order_by:
        return replace(select, plain=True, reason="it has ORDER BY")
    return replace(select, plain=True, splits=True)


def _strip(tokens):
    start = 0
    while start < len(tokens) and tokens[start][0] == "space":
        start += 1
    return tokens[start:]


def _folds(listed):
    """The first function called in the select list that is not known to be of one row."""
    solid = [token for token in listed if token[0] != "space"]
    for (kind, token), (_, following) in itertools.pairwise(solid):
        if kind == "word" and following == "(" and token.upper() not in _ROW_FUNCTIONS:
            return token.upper()
    return ""


def _items(listed):
    items, current, depth = [], [], 0
    for kind, token in [*listed, ("mark", ",")]:
        if kind == "mark" and token in "()":
            depth += 1 if token == "(" else -1
        if kind == "mark" and token == "," and depth == 0:
            items.append(_item("".join(t for _, t in current).strip()))
            current = []
        else:
            current.append((kind, token))
    return items


def _item(text):
    name = r'(?:"(?:[^"]|"")*"|[^\W\d]\w*)'
    found = re.fullmatch(
        rf"({name}(?:\s*\.\s*{name})*)(?:\s+(?:AS\s+)?({name}))?", text, re.IGNORECASE
    )
    if not found:
        return Item(text)
    column = re.sub(r"\s", "", found[1]) if '"' not in found[1] else found[1]
    label = found[2] or re.findall(name, column)[-1]
    return Item(text, column, label.strip('"').replace('""', '"'))
