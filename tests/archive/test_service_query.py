# Licensed under a 3-clause BSD style license - see LICENSE
"""Queries: limits, order of rows, names of columns, the language, and what is refused."""

import duckdb
import numpy as np
import pytest
from astropy.table import Table
from packaging.version import Version

from astroquery_cfx.archive import Behaviour
from astroquery_cfx.archive.language import QueryError

ROWS = 5000

# Older ones refuse TRUNCATE to decimals, and UNION of queries with TOP in a subquery.
NEW_DUCKDB = pytest.mark.skipif(
    Version(duckdb.__version__) < Version("1.4"), reason="this DuckDB is too old for the query"
)


def names(result):
    return [column.name for column in result.columns]


def values(service, adql):
    """Return the columns of a result, as lists."""
    return [column.to_pylist() for column in service.query(adql).rows.columns]


# -- limits


@pytest.mark.parametrize(
    ("top", "maxrec", "rows", "overflow"),
    [
        (None, None, 1000, False),
        (None, 5000, 1000, False),
        (None, 20, 20, True),
        (None, 1000, 1000, True),
        (9999999, None, 5000, False),
        (9999999, 30, 30, True),
        (9999999, 5000, 5000, False),
        (7, 30, 7, False),
        (30, 7, 7, True),
        (4999, None, 4999, False),
        (0, None, 0, False),
        (None, 0, 0, True),
        (5000, 4999, 4999, True),
    ],
)
def test_limits_of_heasarc(make_service, top, maxrec, rows, overflow):
    service = make_service(Behaviour.heasarc(default_limit=1000))
    result = service.query(
        f"SELECT {'' if top is None else f'TOP {top}'} name FROM csc", maxrec=maxrec
    )
    assert (result.rows.num_rows, result.overflow) == (rows, overflow)


@pytest.mark.parametrize(
    ("top", "maxrec", "rows", "overflow"),
    [
        (None, None, 2000, True),
        (9999999, None, 2001, True),
        (None, 3000, 3000, True),
        (9999999, 9999999, 4001, True),
        (None, 9999999, 4000, True),
        (10, None, 10, False),
        (10, 5, 6, True),
    ],
)
def test_limits_of_dachs(make_service, top, maxrec, rows, overflow):
    service = make_service(Behaviour.dachs(default_limit=2000, hard_limit=4000))
    result = service.query(
        f"SELECT {'' if top is None else f'TOP {top}'} name FROM cfx.csc", maxrec=maxrec
    )
    assert (result.rows.num_rows, result.overflow) == (rows, overflow)


def test_all_rows_and_a_false_overflow(make_service):
    service = make_service(Behaviour.dachs())
    assert service.query("SELECT name FROM cfx.csc", maxrec=ROWS).overflow
    assert not service.query("SELECT name FROM cfx.csc", maxrec=ROWS + 1).overflow


def test_default_limit_can_be_flagged(make_service):
    service = make_service(Behaviour.heasarc(default_limit=100, flag_default_limit=True))
    assert service.query("SELECT name FROM csc").overflow
    assert not service.query("SELECT TOP 100 name FROM csc").overflow


# -- order of rows


@pytest.mark.parametrize("call", range(3))
def test_rows_are_rotated(service, call):
    order = np.array(values(service, "SELECT __row FROM csc")[0])
    steps = np.diff(order)
    assert sorted(order) == list(range(1, ROWS + 1))
    assert (steps != 1).sum() <= 1


def test_each_call_starts_elsewhere(service):
    starts = [values(service, "SELECT TOP 1 __row FROM csc")[0][0] for _ in range(20)]
    assert len(set(starts)) == 20


def test_a_capped_result_is_a_contiguous_piece(make_service):
    service = make_service(Behaviour.heasarc(default_limit=1000))
    steps = np.diff(values(service, "SELECT __row FROM csc")[0]) % ROWS
    assert (steps == 1).all()


def test_rows_as_stored_or_shuffled(make_service):
    stored, shuffled = (
        make_service(Behaviour.heasarc(order=order)) for order in ("stored", "shuffled")
    )
    for _ in range(2):
        assert values(stored, "SELECT __row FROM csc")[0] == list(range(1, ROWS + 1))
    first, second = (values(shuffled, "SELECT __row FROM csc")[0] for _ in range(2))
    assert first != second
    assert sorted(first) == sorted(second) == list(range(1, ROWS + 1))


def test_order_by_puts_nulls_as_postgresql_does(service):
    fluxes = values(service, "SELECT b_flux_ap FROM csc ORDER BY b_flux_ap")[0]
    given = [flux for flux in fluxes if flux is not None]
    assert given == sorted(given)
    assert fluxes[len(given) :] == [None] * (ROWS - len(given))
    assert values(service, "SELECT TOP 1 b_flux_ap FROM csc ORDER BY b_flux_ap DESC")[0] == [None]


# -- names


@pytest.mark.parametrize(
    ("adql", "expected"),
    [
        ("SELECT COUNT(*) FROM csc", ["count"]),
        (
            "SELECT a.name, b.name, a.ra AS x FROM csc a JOIN fields b ON a.name = b.name",
            ["a_name", "b_name", "x"],
        ),
        (
            "SELECT csc.name, radius FROM csc, fields WHERE csc.ra < fields.ra",
            ["csc_name", "radius"],
        ),
        (
            "SELECT f.* FROM fields f, csc c WHERE f.ra > c.ra",
            ["f_name", "f_ra", "f_dec", "f_radius"],
        ),
        ("SELECT * FROM fields", ["name", "ra", "dec", "radius"]),
        (
            'SELECT NAME, Ra AS MixedCase, dec AS "MixedCase" FROM csc',
            ["name", "mixedcase", "MixedCase"],
        ),
        ("SELECT MAX(ra), MIN(ra), ABS(dec) FROM csc GROUP BY dec", ["max", "min", "abs"]),
        ('SELECT time, "time", csc.time FROM csc', ["time", "time", "time"]),
        ("SELECT __row, __truth FROM csc", ["__row", "__truth"]),
        ("SELECT c.name FROM csc AS c", ["name"]),
        ("SELECT q.a FROM (SELECT name AS a, ra FROM csc) AS q", ["a"]),
        ("SELECT split_part(name, '.', 1) AS table FROM csc", ["table"]),
        ("SELECT COUNT(*), COUNT(ra) FROM csc", ["count", "count"]),
        (
            "SELECT ra + 1, dec, CAST(ra AS INTEGER), CAST(ra + 1 AS INTEGER), 5, "
            "ra > 1 AND dec > 1 FROM csc",
            ["column_1", "dec", "ra", "column_4", "column_5", "column_6"],
        ),
        (
            "SELECT (SELECT MAX(ra) FROM fields), split_part(name, '.', 1) FROM csc",
            ["max", "split_part"],
        ),
        pytest.param(
            "SELECT POWER(ra, 2), TRUNCATE(ra, 1), COORDSYS(POINT(1, 2)) FROM csc",
            None,
            marks=NEW_DUCKDB,
        ),
        ('SELECT "F".Name FROM fields AS "F"', ["name"]),
        ('SELECT q."A" FROM (SELECT name AS "A" FROM fields) Q', ["A"]),
        ("SELECT f.*, name FROM fields f", ["name", "ra", "dec", "radius", "name"]),
        (
            "SELECT * FROM fields a JOIN fields b USING (name)",
            ["a_name", "a_ra", "a_dec", "a_radius", "b_ra", "b_dec", "b_radius"],
        ),
        ("SELECT name, b.ra FROM fields a JOIN fields b USING (name)", ["name", "b_ra"]),
        (
            "SELECT * FROM fields a NATURAL JOIN fields b",
            ["a_name", "a_ra", "a_dec", "a_radius"],
        ),
        ("SELECT ra FROM fields UNION ALL SELECT dec FROM fields", ["ra"]),
    ],
)
def test_names_of_columns(service, adql, expected):
    found = names(service.query(adql))
    if expected is None:  # they depend on the version of sqlglot
        assert len(set(found)) == len(found)
    else:
        assert found == expected


def test_columns_are_numbered_by_dachs(make_service):
    adql = (
        "SELECT COUNT(*), MAX(f.ra), CAST(MAX(f.ra) AS INTEGER), MIN(f.dec) AS m "
        "FROM cfx.fields f, cfx.csc c"
    )
    found = names(make_service(Behaviour.dachs()).query(adql))
    assert found == ["column_1", "column_2", "column_3", "m"]


@pytest.mark.parametrize(
    ("adql", "expected"),
    [
        # ORDER BY takes a column of the result first, GROUP BY one of the tables.
        ("SELECT -ra AS ra FROM fields ORDER BY ra", lambda f: sorted(-f["ra"])),
        ("SELECT -ra AS x FROM fields ORDER BY ra", lambda f: sorted(-f["ra"], reverse=True)),
        ("SELECT -ra AS x FROM fields ORDER BY fields.ra", lambda f: sorted(-f["ra"])[::-1]),
        ("SELECT -ra AS x FROM fields ORDER BY ABS(x)", lambda f: sorted(-f["ra"])[::-1]),
        (
            "SELECT CASE WHEN ra > 180 THEN 1 ELSE 0 END AS ra FROM fields GROUP BY ra ORDER BY ra",
            lambda f: sorted(int(ra > 180) for ra in f["ra"]),
        ),
        (
            "SELECT COUNT(*) AS n FROM fields GROUP BY name LIKE '%5' ORDER BY n",
            lambda f: [6, 54],
        ),
        (
            "SELECT ra > 180 AS east, COUNT(*) AS n FROM fields GROUP BY east ORDER BY east",
            lambda f: [False, True],
        ),
        (
            "SELECT dec FROM fields UNION ALL SELECT dec FROM fields ORDER BY dec",
            lambda f: np.sort(np.repeat(f["dec"], 2)),
        ),
        # A name in a subquery means a column of its own tables first, then one of the outer query.
        (
            "SELECT COUNT(*) FROM fields f WHERE f.ra > "
            "(SELECT AVG(ra) FROM fields g WHERE g.dec > f.dec)",
            lambda f: [
                sum(
                    row["ra"] > f["ra"][f["dec"] > row["dec"]].mean()
                    for row in f
                    if row["dec"] < max(f["dec"])
                )
            ],
        ),
        (
            "SELECT COUNT(*) FROM fields WHERE EXISTS "
            "(SELECT 1 FROM csc WHERE name = '2CXO J0000000' AND ra > radius * 30)",
            None,
        ),
        ("SELECT q.count FROM (SELECT COUNT(*) FROM FIELDS) AS q", lambda f: [60]),
        (
            "SELECT MIN(Q.A_RA) FROM (SELECT a.ra, b.dec FROM fields a, fields b) q",
            lambda f: [min(f["ra"])],
        ),
        (
            "SELECT MAX(q.r) FROM (SELECT ra AS r FROM fields WHERE dec > 0) AS q",
            lambda f: [max(f["ra"][f["dec"] > 0])],
        ),
        (
            "SELECT TOP 2 q.ra FROM (SELECT TOP 5 ra FROM fields ORDER BY ra) AS q "
            "ORDER BY ra DESC",
            lambda f: sorted(f["ra"])[4:2:-1],
        ),
    ],
)
def test_meaning_of_names(service, fields, every_kind, adql, expected):
    if expected is None:
        ra = every_kind["ra"][0]
        wanted = [(ra > 30 * fields["radius"]).sum()]
    else:
        wanted = expected(fields)
    assert values(service, adql)[0] == pytest.approx(list(wanted))


def test_top_belongs_to_its_own_select(service):
    union = "SELECT TOP 2 ra FROM fields UNION ALL SELECT TOP 3 ra FROM fields"
    assert len(values(service, union)[0]) == 5
    assert len(values(service, union + " ORDER BY ra")[0]) == 5
    nested = f"SELECT TOP 4 q.ra FROM ({union}) AS q"
    assert len(values(service, nested)[0]) == 4


@NEW_DUCKDB
def test_top_belongs_to_its_own_select_below_others(service):
    union = "SELECT TOP 2 ra FROM fields UNION ALL SELECT TOP 3 ra FROM fields"
    deep = (
        f"SELECT q.ra FROM (SELECT TOP 9 p.ra FROM ({union}) AS p "
        "UNION ALL SELECT TOP 1 ra FROM csc) AS q"
    )
    assert len(values(service, deep)[0]) == 6


def test_star_leaves_hidden_columns_out(service, every_kind):
    assert names(service.query("SELECT TOP 1 * FROM csc")) == every_kind.colnames[:-1]
    assert values(service, "SELECT COUNT(*) FROM csc WHERE __truth <> ''")[0] == [100]


def test_metadata_follow_their_column(service):
    ra, flux, sum_ = service.query("SELECT ra AS x, b_flux_ap AS f, ra + dec AS s FROM csc").columns
    assert (ra.unit, ra.ucd, ra.description) == ("deg", "pos.eq.ra", "Right Ascension")
    assert (flux.unit, flux.ucd) == ("erg/s/cm^2", "phot.flux;src.net;em.X-ray")
    assert (sum_.unit, sum_.ucd, sum_.description) == ("", "", "")
    inner = service.query("SELECT q.ra FROM (SELECT ra FROM csc) q").columns[0]
    assert inner.unit == "deg"


def test_implicit_unit_vectors(service):
    rows = service.query("SELECT ra, dec, __x_ra_dec, __y_ra_dec, __z_ra_dec FROM csc").rows
    ra, dec, x, y, z = (np.array(column) for column in rows.columns)
    assert x == pytest.approx(np.cos(np.radians(dec)) * np.sin(np.radians(ra)))
    assert y == pytest.approx(np.cos(np.radians(dec)) * np.cos(np.radians(ra)))
    assert z == pytest.approx(np.sin(np.radians(dec)))


# -- the language


@pytest.mark.parametrize(
    ("adql", "expected"),
    [
        (
            "SELECT COUNT(*) AS n FROM csc WHERE acis_num BETWEEN 3 AND 5",
            lambda t: [
                (~t["acis_num"].mask & (t["acis_num"].data >= 3) & (t["acis_num"].data <= 5)).sum()
            ],
        ),
        ("SELECT COUNT(*) FROM csc WHERE b_flux_ap > 0", lambda t: [(t["b_flux_ap"] > 0).sum()]),
        (
            "SELECT COUNT(*) FROM csc WHERE b_flux_ap IS NOT NULL",
            lambda t: [np.isfinite(t["b_flux_ap"]).sum()],
        ),
        (
            "SELECT COUNT(*) FROM csc WHERE NOT (b_flux_ap > 0)",
            lambda t: [(t["b_flux_ap"] <= 0).sum()],
        ),
        (
            "SELECT COUNT(*) FROM csc WHERE name IN ('2CXO J0000000', '2CXO J0000001X', 'x')",
            lambda t: [2],
        ),
        (
            "SELECT COUNT(*) FROM csc WHERE name LIKE '%XX'",
            lambda t: [sum(n.endswith("XX") for n in t["name"])],
        ),
        (
            "SELECT COUNT(*) FROM csc WHERE name IN (SELECT name FROM csc WHERE ra < 90)",
            lambda t: [(t["ra"] < 90).sum()],
        ),
        (
            "SELECT COUNT(*) FROM csc c WHERE EXISTS "
            "(SELECT 1 FROM csc d WHERE d.ra = c.ra AND d.dec > 0)",
            lambda t: [(t["dec"] > 0).sum()],
        ),
        (
            "SELECT COUNT(*) FROM "
            "(SELECT TOP 7 name FROM csc UNION ALL SELECT TOP 3 name FROM fields) AS u",
            lambda t: [10],
        ),
        ("SELECT MOD(count, 10) AS m FROM csc WHERE count = 1234", lambda t: [4]),
        ("SELECT CAST(split_part('12.5', '.', 2) AS INTEGER) AS m", lambda t: [5]),
        (
            "SELECT LOG(2.718281828459045) + LOG10(1000) + POWER(2, 3) + CEILING(0.5) AS m",
            lambda t: [13.0],
        ),
        ("SELECT 0.1 + 0.2 AS m", lambda t: [0.1 + 0.2]),
        ("SELECT 1e2 + .5 AS m", lambda t: [100.5]),
        pytest.param(
            "SELECT TRUNCATE(12.567, 1) + CHAR_LENGTH('abc') AS m",
            lambda t: [15.5],
            marks=NEW_DUCKDB,
        ),
        ("SELECT ACOS(0.5) + ASIN(0.5) AS m", lambda t: [np.pi / 2]),
        ("SELECT ATAN(1) + ATAN2(1, 1) + PI() AS m", lambda t: [1.5 * np.pi]),
        ("SELECT COT(1) * TAN(1) + SIN(2) / COS(2) / TAN(2) AS m", lambda t: [2.0]),
        ("SELECT DEGREES(RADIANS(33)) + SQRT(EXP(0)) + SIGN(-3) AS m", lambda t: [33.0]),
        ("SELECT COUNT(*) FROM (SELECT RAND(5) AS r) q WHERE r BETWEEN 0 AND 1", lambda t: [1]),
        ("SELECT COUNT(*) FROM csc WHERE name ILIKE '%xx'", lambda t: [1666]),
        ("SELECT COUNT(DISTINCT MOD(count, 5)) AS m FROM csc", lambda t: [5]),
        ("SELECT count FROM csc ORDER BY count OFFSET 4283", lambda t: [4997, 4998]),
    ],
)
def test_the_language(service, every_kind, adql, expected):
    found = values(service, adql)[0]
    wanted = expected(every_kind)
    assert found[: len(wanted)] == pytest.approx(wanted)


def test_groups(service, every_kind):
    flags, counts, means = values(
        service,
        "SELECT var_flag, COUNT(*) AS n, AVG(ra) AS mean FROM csc "
        "WHERE var_flag IS NOT NULL GROUP BY var_flag HAVING COUNT(*) > 1 "
        "ORDER BY var_flag",
    )
    assert flags == ["F", "T"]
    for flag, count, mean in zip(flags, counts, means, strict=True):
        chosen = (~every_kind["var_flag"].mask) & (every_kind["var_flag"].data == flag)
        assert count == chosen.sum()
        assert mean == pytest.approx(every_kind["ra"][chosen].mean())


def test_joins(service):
    inner = "SELECT COUNT(*) FROM csc a {} csc b {} WHERE a.ra < 10"
    expected = values(service, "SELECT COUNT(*) FROM csc WHERE ra < 10")
    for words, condition in (
        ("JOIN", "ON a.name = b.name"),
        ("INNER JOIN", "USING (name)"),
        ("LEFT OUTER JOIN", "ON a.name = b.name"),
        ("JOIN", "ON (a.name = b.name)"),
    ):
        assert values(service, inner.format(words, condition)) == expected
    comma = "SELECT COUNT(*) FROM csc AS a, csc AS b WHERE a.name = b.name AND a.ra < 10"
    assert values(service, comma) == expected


def test_hidden_columns_of_joined_tables(service):
    found = service.query(
        "SELECT a.__row, b.__row, b.__truth, b.name FROM fields a JOIN csc b ON a.__row = b.__row "
        "ORDER BY b.__row"
    )
    assert names(found) == ["a___row", "b___row", "b___truth", "b_name"]
    assert found.rows.column(1).to_pylist() == list(range(1, 61))


def test_geometry_of_grouped_rows(service, every_kind):
    near = "CONTAINS(POINT(ra, dec), CIRCLE(40, 20, 15))"
    flags = values(service, f"SELECT ra, dec, {near} AS inside FROM csc GROUP BY ra, dec")[2]
    assert sum(flags) == values(service, f"SELECT COUNT(*) FROM csc WHERE {near} = 1")[0][0] > 0
    swapped = (
        "SELECT COUNT(*) FROM (SELECT dec AS ra, ra AS dec, __x_ra_dec FROM csc WHERE ra < 90) q "
        f"WHERE {near} = 1"
    )
    turned = (
        "SELECT COUNT(*) FROM csc "
        "WHERE ra < 90 AND 1 = CONTAINS(POINT(dec, ra), CIRCLE(40, 20, 15))"
    )
    assert values(service, swapped) == values(service, turned)


def test_natural_joins_use_no_hidden_columns(service):
    # Joined by __row too there would be some rows; by name, ra and dec there are none.
    assert values(service, "SELECT COUNT(*) FROM csc NATURAL JOIN fields") == [[0]]
    assert values(service, "SELECT COUNT(*) FROM fields a NATURAL JOIN fields b") == [[60]]


def test_metainfo_answers_the_query_of_astroquery(service):
    tables, parameters, numbers = values(
        service,
        (
            "SELECT split_part(name, '.', 1) AS table, split_part(name, '.', 2) AS par, "
            "CAST(value AS DECIMAL) AS value FROM metainfo "
            "WHERE (type = 'parameter' and relation = 'order') "
            "OR relation LIKE 'defaultSearchRadius' ORDER BY value"
        ),
    )
    rows = list(zip(tables, parameters, numbers, strict=True))
    assert ("csc", "name", 1.0) in rows
    assert ("csc", "", 1.0) in rows
    assert ("csc", "__truth", 0.0) not in rows
    assert numbers == sorted(numbers)


def test_tap_schema_lists_the_columns_of_star(service, every_kind):
    listed = values(
        service,
        "SELECT column_name FROM TAP_SCHEMA.columns WHERE table_name = 'csc' ORDER BY column_index",
    )[0]
    assert listed == every_kind.colnames[:-1]
    tables = values(service, "SELECT table_name FROM tap_schema.tables")[0]
    assert {"csc", "fields", "metainfo", "TAP_SCHEMA.columns"} <= set(tables)
    keys = values(
        service,
        "SELECT k.from_table, c.from_column FROM TAP_SCHEMA.keys AS k "
        "JOIN TAP_SCHEMA.key_columns AS c ON k.key_id = c.key_id",
    )
    assert ("TAP_SCHEMA.columns", "table_name") in list(zip(*keys, strict=True))


def test_uploads_belong_to_one_request(service):
    mine = Table({"id": [4, 5], "ra": [1.0, 2.0]})
    result = service.query(
        "SELECT u.id, c.count FROM TAP_UPLOAD.mine AS u JOIN csc AS c ON c.count = u.id "
        "ORDER BY u.id",
        uploads={"mine": mine},
    )
    assert names(result) == ["u_id", "c_count"]
    assert [column.to_pylist() for column in result.rows.columns] == [[4, 5], [4, 5]]
    with pytest.raises(QueryError, match="does not exist"):
        service.query("SELECT * FROM TAP_UPLOAD.mine")


def test_results_from_simulated_tables_say_so(service, every_kind):
    note = every_kind.meta["simulated"]
    assert service.query("SELECT TOP 1 name FROM csc").simulated == (note,)
    assert service.query(
        "SELECT COUNT(*) FROM fields WHERE name IN (SELECT name FROM csc)"
    ).simulated == (note,)
    assert service.query("SELECT TOP 1 name FROM fields").simulated == ()
    described = values(
        service, "SELECT description FROM TAP_SCHEMA.tables WHERE table_name = 'csc'"
    )[0][0]
    assert note in described


# -- DaCHS


def test_names_and_unions_of_dachs(make_service):
    service = make_service(Behaviour.dachs())
    assert names(service.query("SELECT COUNT(*) FROM cfx.csc")) == ["column_1"]
    assert (
        service.query(
            "SELECT COUNT(*) FROM (SELECT TOP 7 name FROM cfx.csc UNION ALL "
            "SELECT TOP 3 name FROM cfx.fields) AS u"
        )
        .rows.column(0)[0]
        .as_py()
        == ROWS + 60
    )
    assert names(service.query('SELECT TOP 1 "time" FROM cfx.csc')) == ["time"]
    listed = values(
        service, "SELECT column_name FROM TAP_SCHEMA.columns WHERE table_name = 'cfx.csc'"
    )[0]
    assert '"time"' in listed
    for adql in ("SELECT name FROM csc", "SELECT time FROM cfx.csc"):
        with pytest.raises(QueryError):
            service.query(adql)


def test_switches_of_the_language(make_service):
    service = make_service(Behaviour.heasarc(offset_supported=False, mod_supported=False))
    for adql in (
        "SELECT name FROM csc ORDER BY name OFFSET 5",
        "SELECT MOD(count, 2) AS m FROM csc",
    ):
        with pytest.raises(QueryError):
            service.query(adql)


# -- refused


@pytest.mark.parametrize(
    ("adql", "words"),
    [
        ("SELECT TOP 5 name, hard_hs FROM csc", 'column "hard_hs" does not exist'),
        ("SELECT c.hard_hs FROM csc c", 'column "c.hard_hs" does not exist'),
        ("SELECT ra + hard_hs AS x FROM csc", 'column "hard_hs" does not exist'),
        ("SELECT name FROM csc WHERE ABS(hard_hs) > 1", 'column "hard_hs" does not exist'),
        ("SELECT COUNT(*) FROM csc GROUP BY hard_hs", 'column "hard_hs" does not exist'),
        ("SELECT name FROM csc ORDER BY hard_hs", 'column "hard_hs" does not exist'),
        (
            "SELECT var_flag FROM csc GROUP BY var_flag HAVING MAX(hard_hs) > 1",
            'column "hard_hs" does not exist',
        ),
        (
            "SELECT a.name FROM csc a JOIN fields b ON a.nothing = b.ra",
            'column "a.nothing" does not exist',
        ),
        ("SELECT name FROM csc WHERE x = 1 GROUP BY name AS x", "syntax error"),
        ("SELECT ra AS x FROM csc WHERE x > 1", 'column "x" does not exist'),
        ("SELECT x.* FROM csc c", 'missing FROM-clause entry for table "x"'),
        ("SELECT name FROM csc c JOIN csc c ON c.ra = c.dec", "specified more than once"),
        ("SELECT name FROM csc TABLESAMPLE (5 PERCENT)", "sample is not supported"),
        ("SELECT name FROM csc FOR UPDATE", "locks is not supported"),
        ("SELECT name FROM csc WHERE ra > 1 QUALIFY ra > 2", "qualify is not supported"),
        ("SELECT nothing(ra) AS n FROM csc", "function nothing does not exist"),
        ("SELECT TOP -5 name FROM csc", "."),
        ("SELECT d.name FROM csc c", 'column "d.name" does not exist'),
        ("SELECT name FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELECT a.name, ra FROM csc a, fields b", 'column reference "ra" is ambiguous'),
        ("SELECT name FROM csc, csc", 'table name "csc" specified more than once'),
        ("SELECT name FROM csc LIMIT 5", 'syntax error at or near "LIMIT"'),
        ("SELECT name FROM csc WHERE", "syntax error"),
        ("SELECT name FROM csc WHERE name = 'open", "syntax error"),
        ("SELEC name FROM csc", "syntax error"),
        ("", "SELECT"),
        ("SELECT count % 2 FROM csc", 'syntax error at or near "%"'),
        ("SELECT ra::int FROM csc", "syntax error"),
        ("SELECT name FROM csc; DROP TABLE csc", "one SELECT"),
        ("DROP TABLE csc", "SELECT"),
        ("DELETE FROM csc", "SELECT"),
        ("INSERT INTO csc VALUES (1)", "SELECT"),
        ("CREATE TABLE x AS SELECT * FROM csc", "SELECT"),
        ("ATTACH 'x.db'", "syntax error"),
        ("COPY csc TO 'x'", "SELECT"),
        ("INSTALL httpfs", "."),
        ("PRAGMA database_list", "SELECT"),
        ("SET memory_limit = '1GB'", "SELECT"),
        ("SELECT name INTO x FROM csc", "."),
        ("WITH x AS (SELECT 1 AS a) SELECT a FROM x", "not supported"),
        ("SELECT * FROM read_csv('/etc/passwd')", "cannot be a table"),
        ("SELECT * FROM read_text('/etc/passwd')", "cannot be a table|does not exist"),
        ("SELECT * FROM '/etc/passwd'", "does not exist"),
        ('SELECT * FROM "/etc/passwd"', "does not exist"),
        ("SELECT * FROM duckdb_settings()", "cannot be a table|does not exist"),
        ("SELECT * FROM information_schema.tables", "does not exist"),
        ("SELECT * FROM duckdb_tables", "does not exist"),
        ("SELECT * FROM csc__x", "does not exist"),
        ("SELECT * FROM tap_schema__tables", "does not exist"),
        ("SELECT getenv('HOME') AS h", "function getenv does not exist"),
        ("SELECT current_setting('threads') AS h", "does not exist"),
        ("SELECT version() AS v", "."),
        ("SELECT adql_x(1, 2) AS x", "does not exist"),
        ("SELECT MIN(ra) OVER () AS m FROM csc", "not supported"),
        ("SELECT [1, 2] AS a", "."),
        ("SELECT {'a': 1} AS a", "."),
        ("SELECT CAST(name AS BLOB) FROM csc", "does not exist"),
        ("SELECT ra FROM csc WHERE name > (SELECT ra, dec FROM csc)", "."),
        ("SELECT name FROM csc GROUP BY ra", "."),
        ("SELECT CAST(name AS INTEGER) AS n FROM csc", "."),
        ("SELECT TOP 5.5 name FROM csc", "whole number"),
        ("SELECT TOP name FROM csc", "."),
        ("SELECT *", "no tables"),
        ("SELECT name FROM (SELECT name FROM csc)", "alias"),
        ("SELECT name FROM csc UNION SELECT name, ra FROM csc", "same number"),
        ("SELECT " + "(" * 3000 + "1" + ")" * 3000 + " AS a", "."),
    ],
)
def test_refused(service, adql, words):
    with pytest.raises(QueryError, match=words):
        service.query(adql)
    assert service.query("SELECT COUNT(*) FROM csc").rows.column(0)[0].as_py() == ROWS
