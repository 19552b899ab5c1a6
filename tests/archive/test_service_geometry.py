# Licensed under a 3-clause BSD style license - see LICENSE
"""The geometry of ADQL against astropy, and against cases that can be worked out by hand."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from astroquery_cfx.archive.language import QueryError


def column(service, adql, **arguments):
    """The only column of an answer."""
    return service.query(adql, **arguments).rows.column(0).to_pylist()


def angle(limit):
    return st.floats(-limit, limit, allow_nan=False, allow_infinity=False)


@given(angle(360), angle(90), angle(360), angle(90))
@settings(max_examples=80, deadline=None)
def test_distance_is_that_of_astropy(service, ra1, dec1, ra2, dec2):
    found = column(
        service, f"SELECT DISTANCE(POINT('ICRS', {ra1!r}, {dec1!r}), POINT({ra2!r}, {dec2!r})) AS d"
    )
    first, second = SkyCoord(ra1, dec1, unit="deg"), SkyCoord(ra2, dec2, unit="deg")
    assert found[0] == pytest.approx(first.separation(second).deg, abs=1e-11)


@pytest.mark.parametrize(
    ("first", "second", "degrees"),
    [
        ((0, 90), (180, 90), 0.0),
        ((359.9999999, 0), (0.0000001, 0), 2e-7),
        ((0, -90), (77, 90), 180.0),
        ((10, 0), (190, 0), 180.0),
        ((10, 5), (10, 5.0000000001), 1e-10),
        ((0, 89.9999), (180, 89.9999), 2e-4),
    ],
)
def test_distance_at_the_edges(service, first, second, degrees):
    for one, other in ((first, second), (second, first)):
        found = column(
            service,
            f"SELECT DISTANCE(POINT({one[0]}, {one[1]}), POINT({other[0]}, {other[1]})) AS d",
        )
        assert found[0] == pytest.approx(degrees, abs=1e-13, rel=1e-4)


CENTRES = [
    (0.0, 0.0),
    (0.001, -30.0),
    (359.99, 60.0),
    (123.4, 90.0),
    (200.0, -90.0),
    (88.0, 89.5),
    (266.4, -29.0),
]


@pytest.mark.parametrize("centre", CENTRES)
@pytest.mark.parametrize("radius", [0.5, 12.0, 90.0, 150.0])
def test_circle_holds_what_astropy_says(service, every_kind, centre, radius):
    found = column(
        service,
        "SELECT name FROM csc WHERE CONTAINS(POINT('ICRS', ra, dec), "
        f"CIRCLE('ICRS', {centre[0]}, {centre[1]}, {radius})) = 1",
    )
    sky = SkyCoord(every_kind["ra"], every_kind["dec"])
    inside = sky.separation(SkyCoord(*centre, unit="deg")) <= radius * u.deg
    assert sorted(found) == sorted(every_kind["name"][inside])


def test_all_forms_of_a_condition_agree(service):
    shapes = "POINT(ra, dec), CIRCLE(40, 20, 15)"
    inside = column(service, f"SELECT name FROM csc WHERE 1 = CONTAINS({shapes}) ORDER BY name")
    assert len(inside) > 20
    assert inside == column(
        service, f"SELECT name FROM csc WHERE CONTAINS({shapes}) = 1 ORDER BY name"
    )
    assert inside == column(
        service, f"SELECT name FROM csc WHERE 0 <> CONTAINS({shapes}) ORDER BY name"
    )
    assert inside == column(
        service, f"SELECT name FROM csc WHERE CONTAINS({shapes}) > 0 ORDER BY name"
    )
    assert inside == column(
        service,
        "SELECT name FROM csc WHERE INTERSECTS(CIRCLE(40, 20, 15), POINT(ra, dec))=1 ORDER BY name",
    )
    near = "DISTANCE(POINT('ICRS', ra, dec), POINT('ICRS', 40, 20))"
    assert inside == column(service, f"SELECT name FROM csc WHERE {near} <= 15 ORDER BY name")
    assert inside == column(service, f"SELECT name FROM csc WHERE 15 >= {near} ORDER BY name")
    outside = column(service, f"SELECT name FROM csc WHERE 0 = CONTAINS({shapes})")
    assert len(inside) + len(outside) == 5000
    assert sum(column(service, f"SELECT CONTAINS({shapes}) FROM csc")) == len(inside)


def box_by_frame(table, centre, width, height):
    """Sides of a box stand at right angles on its arms: angles in the frame of its centre."""
    frame = SkyCoord(*centre, unit="deg").skyoffset_frame()
    x, y, z = SkyCoord(table["ra"], table["dec"]).transform_to(frame).cartesian.xyz.value
    return (np.abs(np.degrees(np.arctan2(y, x))) <= width / 2) & (
        np.abs(np.degrees(np.arctan2(z, np.abs(x)))) <= height / 2
    )


@pytest.mark.parametrize("centre", CENTRES)
@pytest.mark.parametrize("size", [(3.0, 9.0), (60.0, 30.0), (170.0, 100.0)])
def test_box(service, every_kind, centre, size):
    found = column(
        service,
        "SELECT name FROM csc WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), "
        f"BOX('ICRS', {centre[0]}, {centre[1]}, {size[0]}, {size[1]}))",
    )
    assert sorted(found) == sorted(every_kind["name"][box_by_frame(every_kind, centre, *size)])


def polygon_by_planes(table, corners):
    """Inside a convex polygon: on the same side of all planes through two neighbouring corners."""
    points = SkyCoord(table["ra"], table["dec"]).cartesian.xyz.value
    ends = SkyCoord(corners, unit="deg").cartesian.xyz.value.T
    sides = np.array(
        [np.cross(a, b) @ points for a, b in zip(ends, np.roll(ends, -1, axis=0), strict=True)]
    )
    return ((sides > 0).all(axis=0) | (sides < 0).all(axis=0)) & (ends.sum(axis=0) @ points > 0)


@pytest.mark.parametrize(
    "corners",
    [
        [(350, -10), (20, -12), (25, 15), (345, 12)],
        [(0, 80), (90, 82), (180, 81), (270, 79)],
        [(0, -60), (120, -60), (240, -60)],
        [(10, 10), (10, 40), (60, 25)],
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_convex_polygon(service, every_kind, corners, turned):
    corners = corners[::-1] if turned else corners
    numbers = ", ".join(f"{ra}, {dec}" for ra, dec in corners)
    found = column(
        service,
        f"SELECT name FROM csc WHERE CONTAINS(POINT('ICRS',ra,dec),POLYGON('ICRS',{numbers}))=1",
    )
    assert len(found) > 5
    assert sorted(found) == sorted(every_kind["name"][polygon_by_planes(every_kind, corners)])


def test_polygon_with_a_notch(service):
    notched = "POLYGON(0, 0, 20, 0, 20, 20, 10, 5, 0, 20)"
    inside = column(
        service,
        f"SELECT CONTAINS(POINT(2, 10), {notched}) + 10 * CONTAINS(POINT(10, 10), {notched})"
        f" + 100 * CONTAINS(POINT(18, 10), {notched}) AS n",
    )
    assert inside == [101]


def test_box_and_its_corners_are_the_same(service):
    box = column(
        service,
        "SELECT name FROM csc WHERE 1=CONTAINS(POINT(ra, dec), BOX(0, 0, 40, 30)) ORDER BY name",
    )
    corner = np.degrees(np.arctan2(np.tan(np.radians(15)), 1 / np.cos(np.radians(20))))
    polygon = f"POLYGON(340, -{corner}, 20, -{corner}, 20, {corner}, 340, {corner})"
    assert len(box) > 100
    assert box == column(
        service, f"SELECT name FROM csc WHERE 1=CONTAINS(POINT(ra, dec), {polygon}) ORDER BY name"
    )


def test_circles_of_another_table(service, every_kind, fields):
    found = service.query(
        "SELECT s.name, f.name, DISTANCE(POINT(s.ra, s.dec), POINT(f.ra, f.dec)) AS d "
        "FROM csc s, fields f WHERE 1=CONTAINS(POINT(s.ra, s.dec), CIRCLE(f.ra, f.dec, f.radius))"
    )
    assert [item.name for item in found.columns] == ["s_name", "f_name", "d"]
    sky, centres = (
        SkyCoord(every_kind["ra"], every_kind["dec"]),
        SkyCoord(fields["ra"], fields["dec"], unit="deg"),
    )
    separation = sky[:, None].separation(centres[None, :]).deg
    inside = separation <= np.asarray(fields["radius"])
    wanted = {
        (every_kind["name"][i], fields["name"][j]): separation[i, j]
        for i, j in zip(*inside.nonzero(), strict=True)
    }
    rows = list(zip(*(item.to_pylist() for item in found.rows.columns), strict=True))
    assert len(rows) == len(wanted) > 100
    assert all(wanted[a, b] == pytest.approx(d, abs=1e-11) for a, b, d in rows)


@pytest.mark.parametrize(
    ("predicate", "true"),
    [
        ("INTERSECTS(CIRCLE(0, 0, 5), CIRCLE(9.9, 0, 5))", True),
        ("INTERSECTS(CIRCLE(0, 0, 5), CIRCLE(10.1, 0, 5))", False),
        ("INTERSECTS(CIRCLE(355, 0, 4), BOX(5, 0, 12.1, 2))", True),
        ("INTERSECTS(CIRCLE(355, 0, 4), BOX(5, 0, 11.9, 2))", False),
        ("INTERSECTS(BOX(10, 10, 2, 20), BOX(10, 10, 20, 2))", True),
        ("INTERSECTS(BOX(10, 10, 2, 2), BOX(14, 10, 2, 2))", False),
        ("INTERSECTS(POLYGON(0, 0, 10, 0, 5, 8), POLYGON(180, 0, 190, 0, 185, -8))", False),
        ("INTERSECTS(POINT(1, 1), POINT(361, 1))", True),
        ("CONTAINS(CIRCLE(0, 0, 1), CIRCLE(0.5, 0, 2))", True),
        ("CONTAINS(CIRCLE(0, 0, 1), CIRCLE(1.5, 0, 2))", False),
        ("CONTAINS(BOX(0, 0, 2, 2), CIRCLE(0, 0, 1.5))", True),
        ("CONTAINS(BOX(0, 0, 2, 2), CIRCLE(0, 0, 1.4))", False),
        ("CONTAINS(CIRCLE(0, 0, 0.99), BOX(0, 0, 2, 2))", True),
        ("CONTAINS(CIRCLE(0, 0, 1.01), BOX(0, 0, 2, 2))", False),
        ("CONTAINS(BOX(0, 0, 2, 2), BOX(0.5, 0, 4, 4))", True),
        ("CONTAINS(BOX(0, 0, 2, 2), POLYGON(-5, -5, 5, -5, 0.5, 0))", False),
    ],
)
def test_shapes_and_shapes(service, predicate, true):
    assert column(service, f"SELECT {predicate} AS p") == [int(true)]


@pytest.mark.parametrize(
    "shapes",
    [
        "POINT(1, 2), BOX({}, {}, 5, 4)",
        "CIRCLE(30, 10, 20), BOX({}, {}, 50, 4)",
        "POINT(1, 2), POLYGON({}, {}, 200, -40, 60, 80)",
    ],
)
def test_shapes_of_columns_are_as_those_of_numbers(service, fields, shapes):
    holes = shapes.count("{}")
    values = [[row["ra"], row["dec"]] * (holes // 2) for row in fields]
    wanted = [
        column(service, f"SELECT INTERSECTS({shapes.format(*map(repr, map(float, value)))}) AS i")[
            0
        ]
        for value in values[:4]
    ]
    columns = shapes.format(*(["ra", "dec"] * (holes // 2)))
    assert (
        column(service, f"SELECT TOP 4 INTERSECTS({columns}), __row FROM fields ORDER BY __row")
        == wanted
    )


def test_areas_and_parts_of_shapes(service):
    row = service.query(
        "SELECT AREA(CIRCLE(3, 4, 180)) AS a, AREA(POLYGON(0, 0, 90, 0, 0, 90)) AS b, "
        "AREA(BOX(77, -80, 90, 90)) AS c, AREA(CIRCLE(1, 1, 0.0001)) AS d, "
        "COORD1(POINT('ICRS', 12.5, 6)) AS e, COORD2(CENTROID(CIRCLE(1, 2, 3))) AS f"
    ).rows
    sphere = 360**2 / np.pi
    expected = [sphere, sphere / 8, sphere / 6, np.pi * 1e-8, 12.5, 2.0]
    assert [item[0].as_py() for item in row.columns] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("adql", "words"),
    [
        ("SELECT POINT(ra, dec) FROM csc", "point cannot be a column"),
        (
            "SELECT name FROM csc WHERE CONTAINS(POINT(ra), CIRCLE(1, 2, 3)) = 1",
            "number of arguments",
        ),
        ("SELECT name FROM csc WHERE CONTAINS(POINT(ra, dec), 5) = 1", "was expected"),
        (
            "SELECT name FROM csc WHERE CONTAINS(POINT('GALACTIC', lii, bii), CIRCLE(1, 2, 3)) = 1",
            "not exist",
        ),
        (
            "SELECT name FROM csc WHERE CONTAINS(POINT('GALACTIC', ra, dec), CIRCLE(1, 2, 3)) = 1",
            "GALACTIC",
        ),
        ("SELECT DISTANCE(POINT(1, 2)) AS d", "two points"),
        ("SELECT REGION('CIRCLE 1 2 3') AS d", "not supported"),
    ],
)
def test_wrong_geometry_is_said(service, adql, words):
    with pytest.raises(QueryError, match=words):
        service.query(adql)


def test_rows_without_position_are_in_no_circle():
    from astroquery_cfx.archive import Behaviour
    from astroquery_cfx.archive.service import Service

    service = Service(
        {"t": Table({"n": [1, 2], "ra": [10.0, np.nan], "dec": [0.0, np.nan]})}, Behaviour.heasarc()
    )
    assert column(
        service, "SELECT n FROM t WHERE 1=CONTAINS(POINT(ra, dec), CIRCLE(0, 0, 180))"
    ) == [1]
    assert (
        column(service, "SELECT n FROM t WHERE 0=CONTAINS(POINT(ra, dec), CIRCLE(0, 0, 180))") == []
    )
    service.close()
