# Licensed under a 3-clause BSD style license - see LICENSE
"""ADQL as text: names and values written, conditions, queries taken apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astroquery_cfx import InvalidInputError
from astroquery_cfx.tap.adql import (
    Item,
    both,
    condition,
    conditions,
    identifier,
    literal,
    near_names,
    parse_select,
    split_with,
)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("b_flux_ap", "b_flux_ap"),
        ("time", '"time"'),  # reserved
        ("TOP", '"TOP"'),
        ("zone", '"zone"'),
        ("abs", '"abs"'),
        ('"time"', '"time"'),
        ("__row", "__row"),
        ("e_Flux-2", '"e_Flux-2"'),
        ("2mass", '"2mass"'),
        ('a"b', '"a""b"'),
        (" ra ", "ra"),
        ("cfx.csc", "cfx.csc"),
        ("cfx.time.ra", 'cfx."time".ra'),
        ('"a.b".c', '"a.b".c'),
        ('"a""b".c', '"a""b".c'),
        ("a\n", "a"),
    ],
)
def test_identifiers(name, written):
    assert identifier(name) == written


@pytest.mark.parametrize("name", ["", " ", None, 3, "a\0b"])
def test_what_is_not_a_name(name):
    with pytest.raises(InvalidInputError, match="not the name of a column"):
        identifier(name)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_read_back(value):
    assert float(literal(value)) == value


@given(st.text())
def test_texts_read_back(text):
    written = literal(text)
    assert written[0] == written[-1] == "'"
    assert written[1:-1].replace("''", "") == text.replace("'", "")
    assert written[1:-1].replace("''", "'") == text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (7, "7"),
        (-7, "-7"),
        (2**70, str(2**70)),
        (np.int16(7), "7"),
        (True, "1"),
        (np.False_, "0"),
        (0.1, "0.1"),
        (np.float32(0.1), "0.10000000149011612"),  # as the database compares it
        (np.str_("it's"), "'it''s'"),
        (1e-300, "1e-300"),
    ],
)
def test_literals(value, written):
    assert literal(value) == written


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, None, object(), 1j, b"a", [1]])
def test_no_literal(value):
    with pytest.raises(InvalidInputError, match=r"cannot be written.*finite number"):
        literal(value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "x IS NULL"),
        (5, "x = 5"),
        ("a", "x = 'a'"),
        ((">", 1e4), "x > 10000.0"),
        (("!=", 3), "x <> 3"),
        *(((sign, 3), f"x {sign} 3") for sign in ("=", "<>", "<", "<=", ">", ">=")),
        (("like", "a%"), "x LIKE 'a%'"),
        ((" not like ", "a%"), "x NOT LIKE 'a%'"),
        ((10, 20), "x BETWEEN 10 AND 20"),
        ((10, "b"), "x BETWEEN 10 AND 'b'"),
        (["a", "b"], "x IN ('a', 'b')"),
        ([3, 1], "x IN (3, 1)"),
        (np.array([3, 1]), "x IN (3, 1)"),
        ({"c", "a", "b"}, "x IN ('a', 'b', 'c')"),
        (frozenset({2, 1}), "x IN (1, 2)"),
    ],
)
def test_conditions(value, written):
    assert condition("x", value) == written


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (("~", 3), "not understood"),
        (("a", "b"), "not understood"),  # a range of texts would be taken for an operator
        ((1,), "not understood"),
        ((1, 2, 3), "not understood"),
        ((">", 1, 2), "not understood"),
        ((), "not understood"),
        ([], "nothing can match"),
        (set(), "nothing can match"),
        ((">", np.nan), "finite"),
        ((1, np.inf), "finite"),
        (["a", None], "cannot be written"),
    ],
)
def test_no_condition(value, words):
    with pytest.raises(InvalidInputError, match=words):
        condition("x", value)


def test_conditions_are_joined():
    assert conditions({"a": 1, "b": None}) == ["a = 1", "b IS NULL"]
    assert both("a = 1 OR b = 2", None, "", "c = 3") == "(a = 1 OR b = 2) AND (c = 3)"
    assert both() == both("", None) == ""


def test_near_names():
    names = ["b_flux_ap", "B_flux", '"time"', "ra", "dec"]
    assert near_names("b_flx", names) == ["B_flux", "b_flux_ap"]
    assert near_names('"TIME"', names) == ['"time"']
    assert near_names("xyz", names) == []
    assert len(near_names("aaa", ["aab", "aac", "aad", "aae"])) == 3


@pytest.mark.parametrize(
    ("adql", "splits", "reason"),
    [
        ("SELECT a, b FROM t", True, ""),
        ("select a from t where x = 'GROUP BY ORDER BY' -- UNION", True, ""),
        ("SELECT a /* GROUP BY\n */ FROM t", True, ""),
        ('SELECT "order", "a""b" FROM "weird table" WHERE "group" > 3', True, ""),
        ("SELECT a FROM t JOIN (SELECT b FROM u GROUP BY b) AS v ON t.a = v.b", True, ""),
        ("SELECT a FROM t WHERE b IN (SELECT MAX(b) FROM u)", True, ""),
        ("SELECT ALL ROUND (a, 2), power(b, 2) FROM t", True, ""),
        ("SELECT union_id, from_date, a_count FROM t", True, ""),
        ("SELECT DISTINCT a FROM t", False, "it has DISTINCT"),
        ("SELECT a FROM t GROUP BY a", False, "it has GROUP BY"),
        ("SELECT DISTINCT a FROM t GROUP BY a ORDER BY a", False, "it has GROUP BY"),
        ("SELECT a FROM t ORDER BY a", False, "it has ORDER BY"),
        ("SELECT COUNT(*) FROM t ORDER BY 1", False, "it calls COUNT()"),
        ("SELECT a FROM t UNION SELECT a FROM u", False, "it has UNION"),
        ("SELECT a FROM t EXCEPT SELECT a FROM u UNION SELECT 1", False, "it has EXCEPT"),
        ("SELECT a FROM t INTERSECT SELECT a FROM u", False, "it has INTERSECT"),
        ("SELECT a FROM t LIMIT 5", False, "it has LIMIT"),
        ("SELECT a FROM t OFFSET 5", False, "it has OFFSET"),
        ("SELECT a + stddev (b) FROM t", False, "it calls STDDEV()"),
        ("SELECT a FROM t HAVING a > 3", False, "it has GROUP BY"),
        ("SELECT 1", False, "it has no FROM"),
        ("(SELECT a FROM t)", False, "it has no FROM"),
        ("WITH u AS (SELECT a FROM t) SELECT a FROM u", False, "it has WITH"),
    ],
)
def test_what_splits(adql, splits, reason):
    select = parse_select(adql)
    assert select.splits is splits
    assert select.reason == reason
    assert select.plain is (splits or reason == "it has ORDER BY")


@pytest.mark.parametrize(
    ("adql", "single"),
    [
        ("SELECT COUNT(*) FROM t", True),
        ("SELECT 2 * max(a), b FROM t", True),
        ("SELECT MIN(a), SUM(a), AVG(a) FROM t", True),
        ("SELECT stddev(a) FROM t", False),  # whatever that is
        ("SELECT COUNT(*) FROM t GROUP BY a", False),
        ("SELECT DISTINCT COUNT(*) FROM t", False),
        ("SELECT a FROM t", False),
    ],
)
def test_what_has_one_row(adql, single):
    assert parse_select(adql).single is single


def test_parts():
    select = parse_select(
        """SELECT  TOP 10 name, t.ra AS x, "de""c" y, t."b""c" , ROUND(a, 1) AS r, 3 /*c*/ -- d
        FROM csc AS t WHERE dec > 0 ORDER BY name  DESC ; """
    )
    start = 'SELECT TOP 10 name, t.ra AS x, "de""c" y, t."b""c" , ROUND(a, 1) AS r, 3'
    assert select.text.startswith(start)
    assert select.text.endswith("ORDER BY name DESC")
    assert select.items == (
        Item("name", "name", "name"),
        Item("t.ra AS x", "t.ra", "x"),
        Item('"de""c" y', '"de""c"', "y"),
        Item('t."b""c"', 't."b""c"', 'b"c'),
        Item("ROUND(a, 1) AS r"),
        Item("3"),
    )
    assert select.top == 10
    assert select.tables == "csc AS t"
    assert select.where == "dec > 0"
    assert select.order_by == "name DESC"
    assert select.table == ("csc", "t")
    assert not select.has_star


@pytest.mark.parametrize(
    ("adql", "table"),
    [
        ("SELECT a FROM t", ("t", None)),
        ("SELECT a FROM cfx.t u", ("cfx.t", "u")),
        ('SELECT a FROM "T" as "U"', ('"T"', '"U"')),
        ("SELECT a FROM t, u", None),
        ("SELECT a FROM t JOIN u ON t.a = u.a", None),
        ("SELECT a FROM (SELECT a FROM t) AS u", None),
    ],
)
def test_table(adql, table):
    assert parse_select(adql).table == table


@pytest.mark.parametrize(
    ("adql", "star"),
    [("*", True), ("t.*", True), ("a, t.*", True), ("a * 2, COUNT(*)", False), ("a", False)],
)
def test_star(adql, star):
    assert parse_select(f"SELECT {adql} FROM t").has_star is star


@pytest.mark.parametrize(
    ("adql", "top", "names"),
    [
        ("SELECT TOP 5 a FROM t", 5, ["a"]),
        ("SELECT DISTINCT TOP 5 a FROM t", 5, ["a"]),
        ("select all top 5 a FROM t", 5, ["a"]),
        ("SELECT TOP /* five */ 5 a FROM t", 5, ["a"]),
        ("SELECT top FROM t", None, ["top"]),
        ("SELECT top /* a column */ FROM t", None, ["top"]),
        ("SELECT TOP 0 a FROM t", 0, ["a"]),
        ("SELECT a FROM t", None, ["a"]),
    ],
)
def test_top(adql, top, names):
    select = parse_select(adql)
    assert select.top == top
    assert [item.name for item in select.items] == names


def test_statement_keeps_the_where_together():
    select = parse_select("SELECT TOP 5 a, t.b AS c FROM t WHERE a = 1 OR b = ';' ; ")
    where = "WHERE (a = 1 OR b = ';') AND (k < 3)"
    assert select.statement(where="k < 3") == f"SELECT a, t.b AS c FROM t {where}"
    assert select.statement(["x"], where="k < 3", top=9) == f"SELECT TOP 9 x FROM t {where}"
    assert select.statement(top=0) == "SELECT TOP 0 a, t.b AS c FROM t WHERE a = 1 OR b = ';'"
    bare = parse_select("SELECT a FROM t ORDER BY a")
    assert bare.statement() == "SELECT a FROM t"
    assert bare.statement(where="k < 3") == "SELECT a FROM t WHERE (k < 3)"


@pytest.mark.parametrize(
    ("adql", "unordered"),
    [
        ("SELECT a FROM t", "SELECT a FROM t"),
        ("select  distinct top 5 a FROM t", "select distinct a FROM t"),
        ("SELECT TOP 5 a FROM t ORDER BY a", "SELECT a FROM t"),
        (
            "SELECT a FROM (SELECT TOP 5 a FROM t ORDER BY a) AS u ORDER  BY a, b DESC",
            "SELECT a FROM (SELECT TOP 5 a FROM t ORDER BY a) AS u",
        ),
        (
            "SELECT TOP 2 a FROM (SELECT TOP 5 a FROM t) AS u",
            "SELECT a FROM (SELECT TOP 5 a FROM t) AS u",
        ),
    ],
)
def test_unordered(adql, unordered):
    assert parse_select(adql).unordered == unordered


@pytest.mark.parametrize(
    ("adql", "words"),
    [
        ("", "empty"),
        ("  ", "empty"),
        (None, "empty"),
        (7, "empty"),
        ("DELETE FROM t", "not a query"),
        ("SELECT 'a FROM t", "unclosed quote"),
        ('SELECT "a FROM t', "unclosed quote"),
        ("SELECT (a FROM t", "parentheses"),
        ("SELECT a) FROM t", "parentheses"),
        ("SELECT )a( FROM t", "parentheses"),
        ("SELECT a FROM t; SELECT b FROM t", "semicolon"),
        ("SELECT TOP x a FROM t", "TOP x is not a number"),
        ("SELECT TOP 1.5 a FROM t", "TOP 1.5 is not a number"),
        ("SELECT TOP ² a FROM t", "TOP ² is not a number"),
    ],
)
def test_no_query(adql, words):
    with pytest.raises(InvalidInputError, match=words):
        parse_select(adql)


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text):
    try:
        parse_select("SELECT " + text)
    except InvalidInputError:
        return


@given(
    st.lists(
        st.sampled_from(["TOP", "top", " ", "--\n", "/**/", "5", "a", ",", "(", ")", "FROM t"])
    )
)
def test_any_words_are_parsed_or_refused(words):
    try:
        parse_select("SELECT " + " ".join(words))
    except InvalidInputError:
        return


def test_split_with():
    with_clause = "with u AS (SELECT a FROM t WHERE b = ') SELECT'), v AS (SELECT 1 FROM u)  /* */ "
    assert split_with(with_clause + "SELECT * FROM v") == (with_clause, "SELECT * FROM v")
    assert split_with("WITH u AS (SELECT a FROM t)") == ("", "WITH u AS (SELECT a FROM t)")
    assert split_with("SELECT withal FROM t") == ("", "SELECT withal FROM t")
    assert split_with("WITHIN SELECT a") == ("", "WITHIN SELECT a")
