# Licensed under a 3-clause BSD style license - see LICENSE
"""The observing log of the simulated sky: where a Chandra looked, for how long, with what.

The numbers of observations, statuses and detectors are those of HEASARC's chanmaster of September
2026. Where the telescope looked is made up so that the map looks alike. The order of the calls of
the random generator is part of the sky: another order gives another sky.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, offset_by
from astropy.table import Row, Table
from numpy.random import Generator
from numpy.typing import ArrayLike

FULL_SIZE = 29_162
_STATUSES = {
    "archived": 27_122,
    "unobserved": 1_161,
    "observed": 631,
    "untriggered": 230,
    "scheduled": 18,
}
# In this order, because a target's preference, from 0 to 1, is ranked along it.
_DETECTORS = {"ACIS-S": 14_848, "ACIS-I": 8_600, "HRC-I": 2_005, "HRC-S": 1_669}
_PREFERENCES = {"S": 0.3, "I": 0.7, "H": 0.9, "-": np.nan}
_TODAY = 61_285.0  # MJD of 2026-09-02, the day of these counts
_FIRST_LIGHT = 51_400.0  # MJD of August 1999
_LONGEST = 190e3  # s: the radiation belts end an observation after some two days
_NO_POSITION = 29_852  # the real obsid of "GW Transient", which has none
# Shares of 4FGL sources pointed at: of classes that classes.ecsv does not name, of unassociated
# ones.
_ANY_CLASS_SHARE, _UNASSOCIATED_SHARE = 0.3, 0.02
# Unassociated sources whose whole 95% ellipse one field holds are worth a look.
_WELL_LOCATED, _WELL_LOCATED_SHARE = 0.075, 0.2  # deg, share
_GOLDEN_ANGLE = 137.50776  # deg; points turned by it, as in a sunflower, cover a disc evenly

Arrays = dict[str, np.ndarray]


def read_data(name: str) -> Table:
    """Read a file of the folder data."""
    return Table.read(Path(__file__).parent / "data" / name, format="ascii.ecsv")


@cache
def source_classes() -> dict[str, Row]:
    """Return the rows of data/classes.ecsv by the class of 4FGL, in lower case."""
    return {row["class"]: row for row in read_data("classes.ecsv")}


def share_out(total: int, shares: ArrayLike) -> np.ndarray:
    """Split a whole number by shares, exactly: by the method of largest remainders."""
    exact = np.asarray(shares, dtype=float) * total / np.sum(shares)
    whole = np.floor(exact).astype(int)
    missing = total - whole.sum()
    whole[np.argsort(whole - exact, kind="stable")[:missing]] += 1
    return whole


def scatter(
    ra: np.ndarray, dec: np.ndarray, separation: np.ndarray, position_angle: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return positions at a separation and position angle from others; all in degrees."""
    longitude, latitude = offset_by(
        ra * u.deg, dec * u.deg, position_angle * u.deg, separation * u.deg
    )
    return longitude.to_value(u.deg) % 360, latitude.to_value(u.deg)


def _targets(label: ArrayLike, ra: np.ndarray, dec: np.ndarray, **columns: Any) -> Arrays:
    """Return targets as arrays of one length; single values are repeated."""
    defaults = {"preference": np.nan, "crowded": 1.0, "fermi": -1}
    columns = {"label": np.asarray(label, dtype="U32"), "ra": ra, "dec": dec} | defaults | columns
    return {name: np.broadcast_to(value, np.shape(ra)) for name, value in columns.items()}


def _visits(rng: Generator, size: int, slope: float = 2.35, most: int = 80) -> np.ndarray:
    """Draw how often targets are visited, from a power law: most of them once, a few very often."""
    return np.minimum((1 - rng.random(size)) ** (-1 / (slope - 1)), most).astype(int)


def _exposures(rng: Generator, size: int, median: float = 14e3, width: float = 0.45) -> np.ndarray:
    """Draw exposures in seconds, log-normal; ``width`` is in dex."""
    return np.clip(median * 10 ** rng.normal(0, width, size), 300, _LONGEST)


def _ordinary_targets(rng: Generator, label: str, ra: np.ndarray, dec: np.ndarray) -> Arrays:
    labels = [f"{label} {n + 1}" for n in range(len(ra))]
    visits, exposure = _visits(rng, len(ra)), _exposures(rng, len(ra))
    return _targets(labels, ra, dec, visits=visits, exposure=exposure)


def _in_the_plane(
    rng: Generator, size: int, scale: float, largest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw ICRS positions near the plane, mostly in the inner Galaxy but outside its Centre."""
    inner = rng.random(size) < 0.6
    longitude = np.where(inner, rng.normal(0, 35, size), rng.uniform(-180, 180, size))
    longitude = (longitude + np.where(np.abs(longitude) < 3, 6, 0)) % 360
    latitude = np.clip(rng.laplace(0, scale, size), -largest, largest)
    icrs = SkyCoord(l=longitude * u.deg, b=latitude * u.deg, frame="galactic").icrs
    return icrs.ra.deg, icrs.dec.deg


def _fermi_targets(rng: Generator, fermi: Arrays) -> Arrays:
    """Choose 4FGL sources to point at, at their counterparts where these are known."""
    classes = source_classes()
    any_class = {"pointed_share": _ANY_CLASS_SHARE}
    shares = np.array([classes.get(code, any_class)["pointed_share"] for code in fermi["class"]])
    unassociated = fermi["class"] == ""
    shares[unassociated] = _UNASSOCIATED_SHARE
    shares[unassociated & (fermi["major"] < _WELL_LOCATED)] = _WELL_LOCATED_SHARE
    chosen = np.flatnonzero(rng.random(len(shares)) < shares)
    known = np.isfinite(fermi["counterpart_ra"][chosen])
    # Pulsars, remnants and star-forming regions are looked at for longer, among young stars.
    codes = [code for code, row in classes.items() if row["galactic"]]
    galactic = np.isin(fermi["class"][chosen], codes)
    return _targets(
        fermi["name"][chosen],
        np.where(known, fermi["counterpart_ra"][chosen], fermi["ra"][chosen]),
        np.where(known, fermi["counterpart_dec"][chosen], fermi["dec"][chosen]),
        visits=_visits(rng, len(chosen)),
        fermi=chosen,
        exposure=_exposures(rng, len(chosen)) * np.where(galactic, 3.0, 1.0),
        crowded=np.where(galactic, 5.0, 1.0),
    )


def _programme(rng: Generator, fermi: Arrays, size: int) -> tuple[Arrays, np.ndarray]:
    """Return targets, and for each of ``size`` observations the number of its target."""
    parts = []
    for row in read_data("favourites.ecsv"):
        tiles, number = row["tiles"], np.arange(row["tiles"])
        ra, dec = scatter(
            np.full(tiles, row["ra"]),
            np.full(tiles, row["dec"]),
            row["radius"] * np.sqrt((number + 0.5) / tiles),
            number * _GOLDEN_ANGLE % 360,
        )
        parts.append(
            _targets(
                [f"{row['target']} {n + 1}" for n in number] if tiles > 1 else [row["target"]],
                ra,
                dec,
                visits=row["visits"],
                exposure=1e3 * row["exposure"] * 10 ** rng.normal(0, 0.08, tiles),
                preference=_PREFERENCES[row["detector"]],
            )
        )
    parts.append(_fermi_targets(rng, fermi))

    # Star clusters, made up, each with a crowd of stars.
    ra, dec = _in_the_plane(rng, 170, 1.3, 9)
    clusters = {
        "visits": _visits(rng, 170, slope=1.8, most=40),
        "preference": _PREFERENCES["I"],
        "exposure": _exposures(rng, 170, median=28e3, width=0.3),
        "crowded": rng.uniform(3, 8, 170),
    }
    parts.append(_targets([f"CLUSTER {n + 1}" for n in range(170)], ra, dec, **clusters))
    # Other places near the plane.
    ra, dec = _in_the_plane(rng, 1_100, 2.2, 12)
    parts.append(_ordinary_targets(rng, "PLANE", ra, dec))
    # The rest all over the sky; more than needed, because each is visited once or more.
    missing = size - sum(part["visits"].sum() for part in parts)
    if missing > 0:
        ra, dec = rng.uniform(0, 360, missing), np.degrees(np.arcsin(rng.uniform(-1, 1, missing)))
        parts.append(_ordinary_targets(rng, "SKY", ra, dec))
    targets = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return targets, np.repeat(np.arange(len(targets["ra"])), targets["visits"])[:size]


def _choose(counts: dict[str, int], scores: np.ndarray) -> np.ndarray:
    """Give each row a name, in proportion to the names' counts; low scores get the first names."""
    names = np.repeat(list(counts), share_out(len(scores), list(counts.values())))
    chosen = np.empty(len(scores), dtype=names.dtype)
    chosen[np.argsort(scores, kind="stable")] = names
    return chosen


def _detectors(rng: Generator, preference: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Choose a detector for each observation. A target mostly keeps to the one that it prefers."""
    own = np.where(
        np.isnan(preference),
        rng.random(len(preference)),
        preference + rng.uniform(-0.1, 0.1, len(preference)),
    )
    keeps = rng.random(len(target)) < 0.9
    return _choose(_DETECTORS, np.where(keeps, own[target], rng.random(len(target))))


def _schedule(rng: Generator, status: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw start times (MJD, NaN where not planned) and obsids, which roughly grow with time."""
    size = len(status)
    time = rng.uniform(_FIRST_LIGHT, _TODAY - 35, size)
    time = np.where(status == "observed", rng.uniform(_TODAY - 100, _TODAY - 1, size), time)
    time = np.where(status == "scheduled", rng.uniform(_TODAY, _TODAY + 30, size), time)
    time = np.where(np.isin(status, ["unobserved", "untriggered"]), np.nan, time)
    order = np.where(np.isnan(time), _TODAY + 60, time) + rng.normal(0, 150, size)
    pool = np.setdiff1d(np.arange(1, int(1.12 * max(size, 28_000))), [_NO_POSITION])
    obsid = np.empty(size, dtype=np.int32)
    obsid[np.argsort(order, kind="stable")] = np.sort(rng.choice(pool, size, replace=False))
    return time, obsid


def simulated_observations(rng: Generator, fermi: Arrays, size: int) -> Arrays:
    """
    Draw the observing log.

    ``fermi`` are the 4FGL sources: ``name``, ``class``, ``ra``, ``dec``, ``counterpart_ra``,
    ``counterpart_dec`` and ``major`` (of the 95% ellipse), in degrees. Fewer observations than
    `FULL_SIZE` are a fair sample of the full log.

    Return the columns of chanmaster in order of declination, as the archive gave them, and besides
    them ``target`` (the number of the target), ``crowded`` (how much denser the stars of the disc
    are there) and ``fermi`` (the row of the 4FGL source, or -1).
    """
    targets, target = _programme(rng, fermi, max(size, FULL_SIZE))
    target = np.sort(rng.choice(target, size, replace=False))
    # The favourite fields, which are the first targets, are all in the archive.
    favourites = read_data("favourites.ecsv")["tiles"].sum()
    status = _choose(_STATUSES, rng.random(size) + np.where(target < favourites, -2, 0))
    archived = status == "archived"
    detector = np.empty(size, dtype="U6")
    for rows in (archived, ~archived):
        detector[rows] = _detectors(rng, targets["preference"], target[rows])
    # A target is met to a fraction of an arcminute, as dither, roll and offsets make it.
    ra, dec = scatter(
        targets["ra"][target],
        targets["dec"][target],
        np.minimum(rng.rayleigh(0.25 / 60, size), 1 / 60),
        rng.uniform(0, 360, size),
    )
    time, obsid = _schedule(rng, status)
    exposure = targets["exposure"][target] * 10 ** rng.normal(0, 0.08, size)
    # Cancelled, failed and never planned in detail: zero seconds, in every status.
    zero = rng.random(size) < np.where(archived, 0.0015, 0.05)
    exposure = np.where(zero, 0.0, np.round(np.minimum(exposure, _LONGEST), -1))
    grating = rng.choice(["NONE", "HETG", "LETG"], size, p=[0.92, 0.06, 0.02])
    label = targets["label"][target]
    # Some targets that never came have no position: "GW Transient" and a few like it.
    never = rng.permutation(np.flatnonzero(np.isin(status, ["untriggered", "unobserved"])))
    for number, row in enumerate(never[: max(1, round(size * 9 / FULL_SIZE))]):
        ra[row] = dec[row] = np.nan
        label[row] = f"TOO {number}" if number else "GW Transient"
        obsid[row] = obsid[row] if number else _NO_POSITION
    # The columns that no figure needs.
    later = np.where(rng.random(size) < 0.5, 365.0, 0.0)
    years = (np.nan_to_num(time, nan=_TODAY + 200) - _FIRST_LIGHT) / 365.25
    cycle = np.clip(years + 1, 1, 28).astype(int)
    investigators = rng.integers(1, 1_500, size)
    acis_modes = ["FAINT", "VFAINT", "GRADED", "CC"]
    data_mode = rng.choice(acis_modes, size, p=[0.5, 0.44, 0.02, 0.04])
    is_acis = np.char.startswith(detector, "ACIS")
    kinds = ["GO", "GTO", "CAL", "TOO", "DDT"]
    log = {
        "obsid": obsid,
        "status": status,
        "name": np.char.add("SIM ", label),
        "ra": ra,
        "dec": dec,
        "time": time,
        "detector": detector,
        "grating": np.where(detector == "ACIS-I", "NONE", grating),
        "exposure": exposure,
        "type": rng.choice(kinds, size, p=[0.72, 0.13, 0.07, 0.06, 0.02]),
        "pi": np.char.add("SIM PI ", investigators.astype("U5")),
        "public_date": np.floor(time + later),
        "data_mode": np.where(is_acis, data_mode, "IMAGING"),
        "cycle": np.char.zfill(cycle.astype("U2"), 2),
        "target": target,
        "crowded": targets["crowded"][target],
        "fermi": targets["fermi"][target],
    }
    order = np.argsort(dec, kind="stable")  # NaN last
    return {name: values[order] for name, values in log.items()}
