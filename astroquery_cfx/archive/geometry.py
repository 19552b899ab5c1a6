# Licensed under a 3-clause BSD style license - see LICENSE
"""The geometry of ADQL 2.1 (section 4.2) as SQL over the macros of ``data/geometry.sql``.

Angles are in degrees. Separations are Vincenty's (1975, Survey Review 23, 88), precise at all
distances. Sides of boxes and polygons are great circles. Whether a point is inside a polygon
follows from the angles under which it sees the sides: poles and right ascension 0 are no special
cases.
"""

import math
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

import numpy as np
import sqlglot.expressions as exp

from ..crossmatch.sphere import unit_vectors
from .language import GEOMETRY_FUNCTIONS, Node, QueryError, call, function_name, identifier, number

_PREDICATES = ("CONTAINS", "INTERSECTS")
_SHAPES = {"POINT", "CIRCLE", "BOX", "POLYGON", "CENTROID"}

Point = list[Node]  # right ascension and declination
Shape = tuple[str, list[Node]]  # POINT, CIRCLE, BOX or POLYGON, and its arguments but the frame


def rewrite_geometry(tree: Node) -> Node:
    """Replace ADQL's geometry functions by SQL and macros, in a whole query."""
    return tree.transform(_rewrite)


def _rewrite(node: Node) -> Node:
    if isinstance(node, exp.EQ | exp.NEQ | exp.LT | exp.LTE | exp.GT | exp.GTE):
        return _rewrite_comparison(node)
    name = function_name(node)
    if name in _PREDICATES:
        return exp.cast(_predicate(node), "integer")
    return _value(node, name) if name in GEOMETRY_FUNCTIONS else node


def _rewrite_comparison(node: Node) -> Node:
    """
    Rewrite comparisons of whole predicates and distances so that the database can plan with them.

    ``1 = CONTAINS(...)`` becomes a condition. ``DISTANCE(a, b) < r`` also bounds the declinations,
    so that a join can sort by them instead of trying all pairs.
    """
    sides = [node.this, node.expression]
    if isinstance(node, exp.EQ | exp.NEQ):
        for side, other in (sides, sides[::-1]):
            if function_name(side) in _PREDICATES and other.name in ("0", "1"):
                predicate = exp.paren(_predicate(side))
                is_true = (other.name == "1") == isinstance(node, exp.EQ)
                return predicate if is_true else exp.not_(predicate)
        return node
    distance, limit = sides if isinstance(node, exp.LT | exp.LTE) else sides[::-1]
    if function_name(distance) != "DISTANCE":
        return node
    first, second = _two_points(distance)
    distance, limit = call("adql_distance", *first, *second), limit.transform(_rewrite)
    exact = distance < limit if isinstance(node, exp.LT | exp.GT) else distance <= limit
    return exp.paren(exp.and_(_near(first, second, limit), exact))


def _value(node: Node, name: str) -> Node:
    """Return the SQL of a function whose value is not a truth value."""
    if name == "DISTANCE":
        first, second = _two_points(node)
        return call("adql_distance", *first, *second)
    if name in ("COORD1", "COORD2"):
        return exp.paren(_point(_arguments(node)[0])[name == "COORD2"])
    if name == "COORDSYS":
        return exp.Literal.string("ICRS")
    if name == "AREA":
        steradian = math.degrees(math.degrees(1))  # in square degrees
        return exp.paren(_area(_shape(_arguments(node)[0])) * number(steradian))
    raise QueryError(f"a {name.lower()} cannot be a column of the result")


# -- arguments


def _arguments(node: Node) -> list[Node]:
    return node.expressions if isinstance(node, exp.Anonymous) else [node.this, node.expression]


def _two_points(node: Node) -> tuple[Point, Point]:
    """Return the points of DISTANCE, given as two points or four coordinates (section 4.2.16)."""
    arguments = _arguments(node)
    if len(arguments) == 4:
        coordinates = [argument.transform(_rewrite) for argument in arguments]
        return coordinates[:2], coordinates[2:]
    if len(arguments) != 2:
        raise QueryError("function distance needs two points")
    return _point(arguments[0]), _point(arguments[1])


def _point(node: Node) -> Point:
    kind, arguments = _shape(node)
    if kind != "POINT":
        raise QueryError(f"a point was expected, not a {kind.lower()}")
    return arguments


def _shape(node: Node) -> Shape:
    """Read a shape: check and drop its coordinate system, replace points by their coordinates."""
    name = function_name(node)
    if name == "CENTROID":
        kind, arguments = _shape(_arguments(node)[0])
        if kind == "POLYGON":
            raise QueryError("function centroid is not supported for polygons")
        return "POINT", arguments[:2]
    if name not in _SHAPES:
        raise QueryError("a point, circle, box or polygon was expected")
    arguments = []
    for position, argument in enumerate(_arguments(node)):
        if position == 0 and isinstance(argument, exp.Literal) and argument.is_string:
            # Nothing is transformed (TAP 1.1, section 2.7.1): the tables are in ICRS, FK5 J2000
            # agrees with it to 0.03 arcsec, and all else would be silently wrong.
            if argument.name.strip().upper().split(" ")[0] not in ("", "ICRS", "FK5", "J2000"):
                raise QueryError(f"coordinate system {argument.name} is not supported: use ICRS")
        elif function_name(argument) in ("POINT", "CENTROID"):
            arguments += _point(argument)
        else:
            arguments.append(argument.transform(_rewrite))
    count = len(arguments)
    wanted = {"POINT": 2, "CIRCLE": 3, "BOX": 4}.get(name, max(6, count // 2 * 2))
    if count != wanted:
        raise QueryError(f"function {name.lower()} has the wrong number of arguments")
    return name, arguments


# -- predicates


def _predicate(node: Node) -> Node:
    name = function_name(node)
    if len(_arguments(node)) != 2:
        raise QueryError(f"function {name.lower()} needs two shapes")
    first, second = (_shape(argument) for argument in _arguments(node))
    return _intersects(first, second) if name == "INTERSECTS" else _contained(first, second)


def _contained(inner: Shape, outer: Shape) -> Node:
    """Return the condition that all of one shape lies in another."""
    kind, values = inner
    if outer[0] == "POINT":
        raise QueryError("a point contains nothing")
    if kind == "POINT":
        return _point_in(values, outer)
    if kind == "CIRCLE":
        centre, radius = values[:2], values[2]
        if outer[0] == "CIRCLE":
            return call("adql_distance", *centre, *outer[1][:2]) + radius <= outer[1][2]
        clear = [_distance_from(side, centre) >= radius for side in _sides(outer)]
        return exp.and_(_point_in(centre, outer), *clear)
    corners = exp.and_(*(_point_in(corner, outer) for corner in _corners(inner)))
    if outer[0] == "CIRCLE":
        return corners
    return exp.and_(corners, exp.not_(exp.paren(_sides_cross(inner, outer))))


def _intersects(first: Shape, second: Shape) -> Node:
    """Return the condition that two shapes have a point in common."""
    order = ("POINT", "CIRCLE", "BOX", "POLYGON")
    first, second = sorted((first, second), key=lambda shape: order.index(shape[0]))
    if second[0] == "POINT":  # equal but for rounding
        return call("adql_distance", *first[1], *second[1]) <= number(1e-12)
    if first[0] == "POINT":
        return _point_in(first[1], second)
    if first[0] == "CIRCLE":
        centre, radius = first[1][:2], first[1][2]
        if second[0] == "CIRCLE":
            return _in_circle(centre, second[1][:2], radius + second[1][2])
        near = [_distance_from(side, centre) <= radius for side in _sides(second)]
        return exp.or_(_point_in(centre, second), *near)
    corners = [_point_in(corner, second) for corner in _corners(first)]
    corners += [_point_in(corner, first) for corner in _corners(second)]
    return exp.or_(*corners, _sides_cross(first, second))


def _point_in(point: Point, shape: Shape) -> Node:
    kind, values = shape
    if kind == "CIRCLE":
        return _in_circle(point, values[:2], values[2])
    if kind == "BOX":
        return call("adql_in_box", *point, *values)
    # The angles add up to 2 pi inside and 0 outside; the sign is that of the sense of the corners.
    angles = (
        call("adql_seen", *_vector(point), *_vector(start), *_vector(end))
        for start, end in _sides(shape)
    )
    exact = reduce(add, angles) * call("sign", _signed_area(shape)) > number(math.pi)
    circle = _circle_around([[_as_number(value) for value in corner] for corner in _corners(shape)])
    return exact if circle is None else exp.and_(_near(point, *circle), exact)


def _in_circle(point: Point, centre: Point, radius: Node) -> Node:
    distance = call("adql_distance", *point, *centre)
    return exp.and_(_near(point, centre, radius), distance <= exp.paren(radius.copy()))


def _near(point: Point, centre: Point, radius: Node) -> Node:
    """Return a cheap condition that holds within the radius and a little beyond."""
    places = (*_vector(point), point[1], *_vector(centre), centre[1])
    return call("adql_near", *places, exp.paren(radius.copy()))


def _circle_around(corners: list[list[Any]]) -> tuple[Point, Node] | None:
    """Return a circle around corners that are numbers, if it is smaller than half the sky."""
    if any(None in corner for corner in corners):
        return None
    vectors = unit_vectors(*np.transpose(corners))
    x, y, z = vectors.sum(axis=0).tolist()
    length = math.hypot(x, y, z)
    if length < 1e-6 * len(corners):  # the corners surround the sphere: there is no such centre
        return None
    cosine = float(np.min(vectors @ (x, y, z))) / length
    if cosine < 0.01:
        return None
    centre = math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))
    # Near a cosine of 1 a rounding error of 1e-16 turns the angle by 1e-8 rad, which is 1e-6 deg.
    radius = math.degrees(math.acos(min(1, cosine))) + 2e-6
    return [number(value) for value in centre], number(radius)


# -- vectors, corners and sides


def _vector(point: Point) -> list[Node]:
    """Return a point's unit vector, as numbers or from the table where possible, for speed."""
    ra, dec = (_as_number(value) for value in point)
    if ra is not None and dec is not None:
        return [number(value) for value in unit_vectors(ra, dec).tolist()]
    ra_column, dec_column = point
    if (
        ra_column.meta.get("vectors")
        and dec_column.meta.get("vectors")
        and ra_column.name == "ra"
        and dec_column.name == "dec"
        and ra_column.table == dec_column.table
    ):
        # HEASARC's x and y are swapped against the usual ones.
        return [
            exp.Column(this=identifier(name), table=identifier(ra_column.table))
            for name in ("__y_ra_dec", "__x_ra_dec", "__z_ra_dec")
        ]
    return [call(f"adql_{axis}", *point) for axis in "xyz"]


def _as_number(node: Node) -> float | None:
    """Return the value of a number as written in a query, or None for all else."""
    if isinstance(node, exp.Neg | exp.Paren | exp.Cast):
        value = _as_number(node.this)
        return -value if isinstance(node, exp.Neg) and value is not None else value
    return float(node.name) if isinstance(node, exp.Literal) and not node.is_string else None


def _corners(shape: Shape) -> list[Point]:
    """Return the corners of a polygon, or of a box: (1, y, z) of its frame, turned back."""
    kind, values = shape
    if kind == "POLYGON":
        return [values[i : i + 2] for i in range(0, len(values), 2)]
    signs = ((1, -1), (1, 1), (-1, 1), (-1, -1))  # east, north
    numbers = [value for value in map(_as_number, values) if value is not None]
    corners = []
    if len(numbers) < 4:
        ra, dec, width, height = values
        for east, north in signs:
            size = width if east > 0 else -width, height if north > 0 else -height
            corners.append([call("adql_box_ra", ra, dec, *size), call("adql_box_dec", dec, *size)])
        return corners
    dec0 = math.radians(numbers[1])
    half_width, half_height = (math.tan(math.radians(length) / 2) for length in numbers[2:])
    for east, north in signs:
        y, z = east * half_width, north * half_height
        outward = math.cos(dec0) - z * math.sin(dec0)
        ra = numbers[0] + math.degrees(math.atan2(y, outward))
        dec = math.atan2(math.sin(dec0) + z * math.cos(dec0), math.hypot(y, outward))
        corners.append([number(ra), number(math.degrees(dec))])
    return corners


def _sides(shape: Shape) -> list[tuple[Point, Point]]:
    corners = _corners(shape)
    return list(zip(corners, corners[1:] + corners[:1], strict=True))


def _distance_from(side: tuple[Point, Point], point: Point) -> Node:
    """Return the distance of a point from the side between two corners."""
    ends = call("least", *(call("adql_distance", *point, *end) for end in side))
    return call("adql_from_normal", *_vector(point), *_vector(side[0]), *_vector(side[1]), ends)


def _sides_cross(first: Shape, second: Shape) -> Node:
    return exp.or_(
        *(
            call("adql_cross", *_vector(a), *_vector(b), *_vector(c), *_vector(d))
            for a, b in _sides(first)
            for c, d in _sides(second)
        )
    )


def _signed_area(shape: Shape) -> Node:
    """Return the area of a polygon in steradians, positive if its corners go counter-clockwise."""
    corners = _corners(shape)
    triangles = (
        call("adql_excess", *_vector(corners[0]), *_vector(second), *_vector(third))
        for second, third in pairwise(corners[1:])
    )
    return exp.paren(reduce(add, triangles))


def _area(shape: Shape) -> Node:
    """Return the area of a shape in steradians."""
    kind, values = shape
    if kind == "POINT":
        return number(0.0)
    half_sines = [call("sin", call("radians", value / number(2))) for value in values[2:]]
    if kind == "CIRCLE":  # 2 pi (1 - cos r), without loss of digits for small r
        return number(4 * math.pi) * call("power", half_sines[0], number(2))
    if kind == "BOX":
        return number(4) * call("asin", half_sines[0] * half_sines[1])
    return call("abs", _signed_area(shape))
