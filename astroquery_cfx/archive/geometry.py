# Licensed under a 3-clause BSD style license - see LICENSE
"""The geometry of ADQL on the unit sphere, as macros of the database.

Angles are degrees. The formulas are those of vector astrometry: the
separation is Vincenty's, exact at all distances; sides of boxes and polygons
are great circles; which side of a polygon is inside is found from the angles
under which its sides are seen, so that poles and RA 0 need no special case.
"""

import math
from itertools import pairwise

import sqlglot.expressions as exp

from .sql import QueryError, call, function_name, identifier, number

__all__ = ["MACROS", "SHAPES", "rewrite_geometry"]

SHAPES = {"POINT", "CIRCLE", "BOX", "POLYGON", "CENTROID"}
FUNCTIONS = SHAPES | {
    "CONTAINS",
    "INTERSECTS",
    "DISTANCE",
    "AREA",
    "COORD1",
    "COORD2",
    "COORDSYS",
    "REGION",
}

MACROS = """
CREATE MACRO adql_x(ra, dec) AS cos(radians(dec)) * cos(radians(ra));
CREATE MACRO adql_y(ra, dec) AS cos(radians(dec)) * sin(radians(ra));
CREATE MACRO adql_z(ra, dec) AS sin(radians(dec));

-- Vincenty's formula, with cos(d1) sin(d2) - sin(d1) cos(d2) cos(a) written so that close pairs keep digits
CREATE MACRO adql_vincenty(d1, d2, a) AS degrees(atan2(
    sqrt(power(cos(d2) * sin(a), 2) + power(sin(d2 - d1) + 2 * sin(d1) * cos(d2) * power(sin(a / 2), 2), 2)),
    sin(d1) * sin(d2) + cos(d1) * cos(d2) * cos(a)));
CREATE MACRO adql_distance(ra1, dec1, ra2, dec2) AS
    adql_vincenty(radians(dec1), radians(dec2), radians(ra2 - ra1));
-- near enough for a closer look: declinations that a join can sort by, then the cosine of the distance
CREATE MACRO adql_near(x1, y1, z1, dec1, x2, y2, z2, dec2, radius) AS (
    dec1 >= dec2 - radius - 1e-9 AND dec1 <= dec2 + radius + 1e-9
    AND x1 * x2 + y1 * y2 + z1 * z2 >= cos(radians(least(radius, 180.0))) - 1e-14);

-- the point in the frame where the centre is at (1, 0, 0) and north is up
CREATE MACRO adql_frame_x(a, d, d0) AS cos(d) * cos(d0) * cos(a) + sin(d) * sin(d0);
CREATE MACRO adql_frame_y(a, d) AS cos(d) * sin(a);
CREATE MACRO adql_frame_z(a, d, d0) AS sin(d) * cos(d0) - cos(d) * sin(d0) * cos(a);
CREATE MACRO adql_in_frame(x, y, z, width, height) AS (
    abs(atan2(y, x)) <= radians(width) / 2 AND abs(atan2(z, abs(x))) <= radians(height) / 2);
CREATE MACRO adql_in_box(ra, dec, ra0, dec0, width, height) AS adql_in_frame(
    adql_frame_x(radians(ra - ra0), radians(dec), radians(dec0)),
    adql_frame_y(radians(ra - ra0), radians(dec)),
    adql_frame_z(radians(ra - ra0), radians(dec), radians(dec0)), width, height);

-- corner of a box: the direction (1, y, z) of that frame, turned back
CREATE MACRO adql_corner_ra(ra0, d0, y, z) AS ra0 + degrees(atan2(y, cos(d0) - z * sin(d0)));
CREATE MACRO adql_corner_dec(d0, y, z) AS
    degrees(atan2(sin(d0) + z * cos(d0), sqrt(y * y + power(cos(d0) - z * sin(d0), 2))));
CREATE MACRO adql_box_ra(ra0, dec0, width, height) AS
    adql_corner_ra(ra0, radians(dec0), tan(radians(width) / 2), tan(radians(height) / 2));
CREATE MACRO adql_box_dec(dec0, width, height) AS
    adql_corner_dec(radians(dec0), tan(radians(width) / 2), tan(radians(height) / 2));

-- triple product of three unit vectors, from differences so that small figures keep their digits
CREATE MACRO adql_det(px, py, pz, ax, ay, az, qx, qy, qz) AS
    px * (ay * qz - az * qy) + py * (az * qx - ax * qz) + pz * (ax * qy - ay * qx);
CREATE MACRO adql_side(px, py, pz, ax, ay, az, qx, qy, qz) AS
    adql_det(px, py, pz, ax - px, ay - py, az - pz, qx - px, qy - py, qz - pz);
CREATE MACRO adql_along(px, py, pz, ax, ay, az, qx, qy, qz) AS
    ax * qx + ay * qy + az * qz - (ax * px + ay * py + az * pz) * (qx * px + qy * py + qz * pz);
-- the angle under which p sees the side from a to b, counter-clockwise positive
CREATE MACRO adql_seen(px, py, pz, ax, ay, az, qx, qy, qz) AS atan2(
    adql_side(px, py, pz, ax, ay, az, qx, qy, qz),
    adql_along(px, py, pz, ax - px, ay - py, az - pz, qx - px, qy - py, qz - pz));
-- signed area of a triangle, steradians (Eriksson 1990)
CREATE MACRO adql_excess(px, py, pz, ax, ay, az, qx, qy, qz) AS 2 * atan2(
    adql_side(px, py, pz, ax, ay, az, qx, qy, qz),
    1 + px * ax + py * ay + pz * az + ax * qx + ay * qy + az * qz + px * qx + py * qy + pz * qz);

-- distance of p from the side a b: to its great circle where the foot is on the side, else to the nearer end
CREATE MACRO adql_from_side(px, py, pz, ax, ay, az, qx, qy, qz, nx, ny, nz, ends) AS CASE
    WHEN adql_det(nx, ny, nz, ax, ay, az, px, py, pz) >= 0
         AND adql_det(nx, ny, nz, px, py, pz, qx, qy, qz) >= 0
    THEN degrees(abs(atan2(px * nx + py * ny + pz * nz, sqrt(power(ny * pz - nz * py, 2)
         + power(nz * px - nx * pz, 2) + power(nx * py - ny * px, 2)))))
    ELSE ends END;
CREATE MACRO adql_from_normal(px, py, pz, ax, ay, az, qx, qy, qz, ends) AS adql_from_side(
    px, py, pz, ax, ay, az, qx, qy, qz, ay * qz - az * qy, az * qx - ax * qz, ax * qy - ay * qx, ends);
-- two sides cross where the ends of each lie on both sides of the other, on the same half of the sphere
CREATE MACRO adql_cross(px, py, pz, qx, qy, qz, ax, ay, az, cx, cy, cz) AS (
    adql_side(px, py, pz, qx, qy, qz, ax, ay, az) * adql_side(px, py, pz, qx, qy, qz, cx, cy, cz) < 0
    AND adql_side(ax, ay, az, cx, cy, cz, px, py, pz) * adql_side(ax, ay, az, cx, cy, cz, qx, qy, qz) < 0
    AND adql_side(px, py, pz, qx, qy, qz, ax, ay, az) * adql_side(ax, ay, az, cx, cy, cz, qx, qy, qz) > 0);
"""


def rewrite_geometry(tree):
    """Put macros and SQL in the place of ADQL's geometry functions, in a whole query."""
    return tree.transform(_rewrite)


def _rewrite(node):
    if isinstance(node, exp.EQ | exp.NEQ):
        return _predicate_comparison(node) or node
    if isinstance(node, exp.LT | exp.LTE):
        return _near(node, node.this, node.expression) or node
    if isinstance(node, exp.GT | exp.GTE):
        return _near(node, node.expression, node.this) or node
    name = function_name(node)
    if name in ("CONTAINS", "INTERSECTS"):
        return exp.cast(_predicate(node), "integer")
    if name in FUNCTIONS:
        return _value(node, name)
    return node


def _predicate_comparison(node):
    """``1 = CONTAINS(...)`` is a condition; written as one, the database can plan with it."""
    for side, other in ((node.this, node.expression), (node.expression, node.this)):
        if function_name(side) in ("CONTAINS", "INTERSECTS") and other.name in ("0", "1"):
            wanted = (other.name == "1") == isinstance(node, exp.EQ)
            predicate = exp.paren(_predicate(side))
            return predicate if wanted else exp.not_(predicate)
    return None


def _near(node, distance, limit):
    """``DISTANCE(a, b) < r`` also bounds the declinations: joins can then sort, not try all pairs."""
    if function_name(distance) != "DISTANCE":
        return None
    first, second = (_rewrite_arguments(point) for point in _two_points(distance))
    exact = node.copy()
    (exact.this if function_name(exact.this) == "DISTANCE" else exact.expression).replace(
        call("adql_distance", *first, *second)
    )
    return exp.paren(exp.and_(_close(first, second, limit.transform(_rewrite)), exact))


def _close(first, second, radius):
    return call(
        "adql_near",
        *_vector(first),
        first[1],
        *_vector(second),
        second[1],
        exp.paren(radius.copy()),
    )


def _in_circle(point, centre, radius):
    exact = exp.LTE(
        this=call("adql_distance", *point, *centre), expression=exp.paren(radius.copy())
    )
    return exp.and_(_close(point, centre, radius), exact)


def _value(node, name):
    if name == "DISTANCE":
        first, second = _two_points(node)
        return call("adql_distance", *_rewrite_arguments(first), *_rewrite_arguments(second))
    if name in ("COORD1", "COORD2"):
        return exp.paren(_rewrite_arguments(_point(_arguments(node)[0]))[name == "COORD2"])
    if name == "COORDSYS":
        return exp.Literal.string("ICRS")
    if name == "AREA":
        return _area(_shape(_arguments(node)[0]))
    if name == "REGION":
        raise QueryError("function region is not supported")
    raise QueryError(f"a {name.lower()} cannot be a column of the result")


def _rewrite_arguments(expressions):
    return [expression.transform(_rewrite) for expression in expressions]


def _arguments(node):
    if isinstance(node, exp.Anonymous):
        return list(node.expressions)
    return [node.this, node.expression]


def _two_points(node):
    arguments = _arguments(node)
    if len(arguments) == 4:  # DISTANCE(ra1, dec1, ra2, dec2) of ADQL 2.1
        return arguments[:2], arguments[2:]
    if len(arguments) != 2:
        raise QueryError("function distance wants two points")
    return _point(arguments[0]), _point(arguments[1])


def _point(node):
    kind, arguments = _shape(node)
    if kind != "POINT":
        raise QueryError(f"a point was expected, not a {kind.lower()}")
    return arguments


def _shape(node):
    """Kind and arguments of a shape; the coordinate system is dropped, points in it are laid open."""
    name = function_name(node)
    if name == "CENTROID":
        kind, arguments = _shape(_arguments(node)[0])
        if kind == "POLYGON":
            raise QueryError("function centroid is not supported for polygons")
        return "POINT", arguments[:2]
    if name not in SHAPES:
        raise QueryError("a point, circle, box or polygon was expected")
    arguments = []
    for position, argument in enumerate(_arguments(node)):
        if position == 0 and isinstance(argument, exp.Literal) and argument.is_string:
            _check_frame(argument.name)
        elif function_name(argument) in ("POINT", "CENTROID"):
            arguments += _point(argument)
        else:
            arguments.append(argument.transform(_rewrite))
    wanted = {"POINT": 2, "CIRCLE": 3, "BOX": 4}.get(name)
    if (wanted is not None and len(arguments) != wanted) or (
        name == "POLYGON" and (len(arguments) < 6 or len(arguments) % 2)
    ):
        raise QueryError(f"function {name.lower()} has the wrong number of arguments")
    return name, arguments


def _check_frame(frame):
    if frame.strip().upper().split(" ")[0] not in ("", "ICRS", "FK5", "J2000"):
        raise QueryError(f"coordinate system {frame} is not supported: use ICRS")


def _predicate(node):
    arguments = _arguments(node)
    if len(arguments) != 2:
        raise QueryError(f"function {function_name(node).lower()} wants two shapes")
    first, second = _shape(arguments[0]), _shape(arguments[1])
    if function_name(node) == "INTERSECTS":
        return _intersect(first, second)
    return _within(first, second)


def _within(inner, outer):
    kind, values = inner
    if outer[0] == "POINT":
        raise QueryError("a point contains nothing")
    if kind == "POINT":
        return _point_in(values, outer)
    if kind == "CIRCLE":
        centre, radius = values[:2], values[2]
        if outer[0] == "CIRCLE":
            reach = exp.Add(
                this=call("adql_distance", *centre, *outer[1][:2]), expression=radius.copy()
            )
            return exp.LTE(this=reach, expression=outer[1][2].copy())
        clear = [
            exp.GTE(this=_side_distance(centre, *side), expression=radius.copy())
            for side in _sides(outer)
        ]
        return exp.and_(_point_in(centre, outer), *clear)
    corners = exp.and_(*(_point_in(corner, outer) for corner in _corners(inner)))
    if outer[0] == "CIRCLE":
        return corners
    return exp.and_(corners, exp.not_(exp.paren(_sides_cross(inner, outer))))


def _point_in(point, shape):
    kind, values = shape
    if kind == "CIRCLE":
        return _in_circle(point, values[:2], values[2])
    if kind == "BOX":
        return call("adql_in_box", *point, *values)
    seen = _sum(
        call("adql_seen", *_vector(point), *_vector(a), *_vector(b)) for a, b in _sides(shape)
    )
    # times the sense in which the corners go round: positive inside for either
    exact = exp.GT(
        this=exp.Mul(this=exp.paren(seen), expression=call("sign", _signed_area(shape))),
        expression=number(math.pi),
    )
    cap = _cap([[_as_number(value) for value in corner] for corner in _corners(shape)])
    return exact if cap is None else exp.and_(_close(point, *cap), exact)


def _cap(corners):
    """Centre and radius of a circle around corners given in numbers, if it is smaller than half the sky."""
    if any(None in corner for corner in corners):
        return None
    vectors = [_unit_vector(*corner) for corner in corners]
    sums = [sum(axis) for axis in zip(*vectors, strict=True)]
    length = math.hypot(*sums)
    if length < 1e-6 * len(corners):
        return None
    cosine = (
        min(sum(a * b for a, b in zip(sums, vector, strict=True)) for vector in vectors) / length
    )
    if cosine < 0.01:
        return None
    centre = math.atan2(sums[1], sums[0]), math.atan2(sums[2], math.hypot(sums[0], sums[1]))
    radius = math.degrees(math.acos(min(1, cosine))) + 2e-6  # acos has no more digits
    return [number(math.degrees(value)) for value in centre], number(radius)


def _unit_vector(ra, dec):
    ra, dec = math.radians(ra), math.radians(dec)
    return math.cos(dec) * math.cos(ra), math.cos(dec) * math.sin(ra), math.sin(dec)


def _intersect(first, second):
    if second[0] == "POINT":
        first, second = second, first
    if first[0] == "POINT":
        if second[0] == "POINT":
            return exp.LTE(
                this=call("adql_distance", *first[1], *second[1]), expression=number(1e-12)
            )
        return _point_in(first[1], second)
    if second[0] == "CIRCLE":
        first, second = second, first
    if first[0] == "CIRCLE":
        centre, radius = first[1][:2], first[1][2]
        if second[0] == "CIRCLE":
            both = exp.Add(this=radius.copy(), expression=second[1][2].copy())
            return _in_circle(centre, second[1][:2], both)
        near = [
            exp.LTE(this=_side_distance(centre, *side), expression=radius.copy())
            for side in _sides(second)
        ]
        return exp.or_(_point_in(centre, second), *near)
    corners = [_point_in(corner, second) for corner in _corners(first)]
    corners += [_point_in(corner, first) for corner in _corners(second)]
    return exp.or_(*corners, _sides_cross(first, second))


def _side_distance(point, a, b):
    """Distance of a point from the side between two corners."""
    ends = call("least", call("adql_distance", *point, *a), call("adql_distance", *point, *b))
    return call("adql_from_normal", *_vector(point), *_vector(a), *_vector(b), ends)


def _sides_cross(first, second):
    return exp.or_(
        *(
            call("adql_cross", *_vector(a), *_vector(b), *_vector(c), *_vector(d))
            for a, b in _sides(first)
            for c, d in _sides(second)
        )
    )


def _vector(point):
    """Unit vector of a point: in numbers or from the table where that can be, which is short and fast."""
    ra, dec = (_as_number(value) for value in point)
    if ra is not None and dec is not None:
        return [number(value) for value in _unit_vector(ra, dec)]
    ra, dec = point
    if (
        ra.meta.get("vectors")
        and dec.meta.get("vectors")
        and ra.name == "ra"
        and dec.name == "dec"
        and ra.table == dec.table
    ):
        # HEASARC's x and y are swapped against the usual ones
        return [
            exp.Column(this=identifier(name), table=identifier(ra.table))
            for name in ("__y_ra_dec", "__x_ra_dec", "__z_ra_dec")
        ]
    return [call(f"adql_{axis}", *point) for axis in "xyz"]


def _as_number(node):
    """Value of a number as written in a query, or None for all else."""
    if isinstance(node, exp.Neg | exp.Paren | exp.Cast):
        value = _as_number(node.this)
        return -value if isinstance(node, exp.Neg) and value is not None else value
    return float(node.name) if isinstance(node, exp.Literal) and not node.is_string else None


def _corners(shape):
    kind, values = shape
    if kind == "POLYGON":
        return [values[i : i + 2] for i in range(0, len(values), 2)]
    ra, dec, width, height = values
    signs = ((1, -1), (1, 1), (-1, 1), (-1, -1))
    numbers = [_as_number(value) for value in values]
    if None not in numbers:
        return [[number(value) for value in _box_corner(*numbers, *sign)] for sign in signs]
    return [
        [
            call(f"adql_box_{name}", *centre, *_signed(width, sign[0]), *_signed(height, sign[1]))
            for name, centre in (("ra", (ra, dec)), ("dec", (dec,)))
        ]
        for sign in signs
    ]


def _signed(value, sign):
    return [value if sign > 0 else exp.Neg(this=exp.paren(value.copy()))]


def _box_corner(ra, dec, width, height, east, north):
    """Corner of a box in numbers: the direction (1, y, z) of its frame, turned back."""
    dec = math.radians(dec)
    y, z = east * math.tan(math.radians(width) / 2), north * math.tan(math.radians(height) / 2)
    outward = math.cos(dec) - z * math.sin(dec)
    return (
        ra + math.degrees(math.atan2(y, outward)),
        math.degrees(math.atan2(math.sin(dec) + z * math.cos(dec), math.hypot(y, outward))),
    )


def _sides(shape):
    corners = _corners(shape)
    return list(zip(corners, corners[1:] + corners[:1], strict=True))


def _signed_area(shape):
    corners = _corners(shape)
    return exp.paren(
        _sum(
            call("adql_excess", *_vector(corners[0]), *_vector(a), *_vector(b))
            for a, b in pairwise(corners[1:])
        )
    )


def _area(shape):
    """Area in square degrees."""
    kind, values = shape
    square_degrees = number(3282.806350011744)
    if kind == "POINT":
        return number(0.0)
    if kind == "CIRCLE":  # 2 pi (1 - cos r) without loss for small r
        half = call(
            "sin", call("radians", exp.Div(this=exp.paren(values[2].copy()), expression=number(2)))
        )
        area = exp.Mul(this=number(12.566370614359172), expression=call("power", half, number(2)))
    elif kind == "BOX":
        halves = [
            call(
                "sin", call("radians", exp.Div(this=exp.paren(value.copy()), expression=number(2)))
            )
            for value in values[2:]
        ]
        area = exp.Mul(
            this=number(4), expression=call("asin", exp.Mul(this=halves[0], expression=halves[1]))
        )
    else:
        area = call("abs", _signed_area(shape))
    return exp.paren(exp.Mul(this=area, expression=square_degrees))


def _sum(terms):
    total = None
    for term in terms:
        total = term if total is None else exp.Add(this=total, expression=term)
    return total
