-- ADQL's geometry on the unit sphere, as macros of DuckDB; geometry.py writes the calls.
-- Angles are in degrees unless they are named d (declination) or a (difference of right ascensions), in radians.

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
