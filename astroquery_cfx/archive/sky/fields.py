# Licensed under a 3-clause BSD style license - see LICENSE
"""The observing log of the simulated sky: where a Chandra looked, for how long, with what."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord, offset_by

__all__ = ["FULL_SIZE", "scatter", "share_out", "simulated_observations"]

FULL_SIZE = 29_162
STATUSES = {
    "archived": 27_122,
    "unobserved": 1_161,
    "observed": 631,
    "untriggered": 230,
    "scheduled": 18,
}
# In this order: a target's number between 0 and 1 says which detector it prefers.
DETECTORS = {"ACIS-S": 14_848, "ACIS-I": 8_600, "HRC-I": 2_005, "HRC-S": 1_669}
_PREFERENCE = {"S": 0.3, "I": 0.7, "H": 0.9, "": np.nan}
TODAY = 61_285.0  # MJD of 2026-09-02, the day of the counts above
FIRST_LIGHT = 51_400.0
LONGEST = 190e3  # s: radiation belts end an observation after some two days

# Places that everyone points an X-ray telescope at. Positions of common knowledge, rounded to about a tenth
# of a degree or the source itself; tiles, visits and exposures are made up so that the map looks alike:
# label, ra, dec (deg), tiles, radius of the tiled disc (deg), visits a tile, exposure a visit (ks), detector
_KNOWN = [
    ("SGR A*", 266.417, -29.008, 1, 0.0, 150, 42, "I"),
    ("GC SURVEY", 266.40, -28.94, 110, 1.0, 1, 25, "I"),
    ("ARCHES", 266.46, -28.83, 1, 0.0, 25, 45, "I"),
    ("SGR C", 266.20, -29.20, 1, 0.0, 15, 45, "I"),
    ("SGR B2", 266.83, -28.39, 1, 0.0, 8, 45, "I"),
    ("MOUSE", 266.82, -29.97, 1, 0.0, 8, 30, "S"),
    ("BULGE", 267.0, -29.1, 60, 2.2, 1, 12, "I"),
    ("BULGE WINDOW", 267.87, -29.58, 1, 0.0, 14, 70, "I"),
    ("RIDGE", 281.0, -4.07, 6, 0.25, 1, 50, "I"),
    ("NORMA", 246.0, -49.9, 27, 0.7, 1, 20, "I"),
    ("CDFS", 53.12, -27.81, 1, 0.0, 102, 69, "I"),
    ("ECDFS", 53.12, -27.81, 4, 0.2, 2, 120, "I"),
    ("CDFN", 189.20, 62.24, 1, 0.0, 20, 100, "I"),
    ("COSMOS", 150.12, 2.20, 117, 0.8, 1, 50, "I"),
    ("BOOTES", 217.9, 34.3, 126, 1.72, 3, 10, "I"),
    ("EGS", 214.8, 52.8, 8, 0.4, 12, 60, "I"),
    ("UDS", 34.4, -5.1, 25, 0.4, 1, 50, "I"),
    ("LOCKMAN", 161.5, 57.5, 9, 0.4, 1, 70, "I"),
    ("SSA22", 334.4, 0.3, 1, 0.0, 5, 80, "I"),
    ("M31", 10.68, 41.27, 1, 0.0, 110, 8, "I"),
    ("M31 DISC", 10.68, 41.27, 60, 1.0, 1, 15, "I"),
    ("M33", 23.46, 30.66, 12, 0.3, 3, 60, "I"),
    ("LMC", 80.5, -69.2, 150, 3.5, 1, 20, ""),
    ("SN 1987A", 83.87, -69.27, 1, 0.0, 60, 40, "S"),
    ("30 DOR", 84.68, -69.10, 1, 0.0, 55, 38, "I"),
    ("SMC", 13.5, -72.8, 60, 1.5, 2, 25, ""),
    ("E0102", 16.0, -72.03, 1, 0.0, 180, 10, "S"),
    ("M82", 148.97, 69.68, 1, 0.0, 40, 25, "S"),
    ("M83", 204.25, -29.87, 1, 0.0, 16, 50, "S"),
    ("M101", 210.8, 54.35, 1, 0.0, 26, 40, "S"),
    ("CEN A", 201.37, -43.02, 1, 0.0, 45, 40, "I"),
    ("M87", 187.71, 12.39, 1, 0.0, 124, 8, "S"),
    ("VIRGO", 187.7, 12.5, 80, 4.0, 1, 12, "S"),
    ("PERSEUS", 49.95, 41.51, 3, 0.2, 25, 35, "S"),
    ("COMA", 194.95, 27.97, 6, 0.4, 8, 50, "I"),
    ("FORNAX", 54.6, -35.45, 12, 0.6, 2, 50, "I"),
    ("3C 273", 187.28, 2.05, 1, 0.0, 50, 20, "S"),
    ("PKS 2155", 329.72, -30.23, 1, 0.0, 90, 10, "S"),
    ("MRK 421", 166.11, 38.21, 1, 0.0, 60, 15, "S"),
    ("AR LAC", 332.17, 45.74, 1, 0.0, 110, 2, "H"),
    ("ORION", 83.82, -5.39, 3, 0.15, 25, 35, "I"),
    ("ETA CAR", 161.265, -59.685, 1, 0.0, 60, 30, "S"),
    ("CARINA", 161.0, -59.7, 30, 0.6, 1, 60, "I"),
    ("CYG OB2", 308.3, 41.3, 40, 0.5, 1, 30, "I"),
    ("M17", 275.1, -16.2, 4, 0.15, 8, 40, "I"),
    ("WESTERLUND 1", 251.77, -45.85, 1, 0.0, 45, 24, "S"),
    ("NGC 6357", 261.2, -34.2, 5, 0.3, 2, 40, "I"),
    ("NGC 3603", 168.78, -61.26, 1, 0.0, 10, 50, "I"),
    ("CAS A", 350.87, 58.81, 1, 0.0, 150, 20, "S"),
    ("CRAB", 83.633, 22.014, 1, 0.0, 90, 5, "S"),
    ("TYCHO", 6.34, 64.14, 1, 0.0, 30, 60, "I"),
    ("VELA", 128.836, -45.176, 1, 0.0, 30, 25, "S"),
    ("G21.5", 278.39, -10.57, 1, 0.0, 120, 10, "S"),
    ("CYG X-1", 299.59, 35.20, 1, 0.0, 40, 15, "S"),
    ("47 TUC", 6.02, -72.08, 1, 0.0, 45, 25, "S"),
    ("TERZAN 5", 267.02, -24.78, 1, 0.0, 30, 35, "S"),
    ("NGC 6397", 265.18, -53.67, 1, 0.0, 15, 25, "S"),
    ("OMEGA CEN", 201.70, -47.48, 1, 0.0, 8, 55, "I"),
    ("RHO OPH", 246.7, -24.5, 8, 0.4, 2, 60, "I"),
]

# Which share of the 4FGL sources of a class is pointed at, made up so that about as many are seen.
_FERMI_SHARES = {
    "psr": 0.5,
    "msp": 0.4,
    "pwn": 0.9,
    "snr": 0.7,
    "spp": 0.25,
    "hmb": 1.0,
    "lmb": 1.0,
    "bin": 0.6,
    "glc": 0.9,
    "nov": 0.8,
    "sfr": 0.8,
    "gc": 0.0,
    "bll": 0.14,
    "fsrq": 0.15,
    "bcu": 0.04,
    "rdg": 0.8,
    "agn": 0.7,
    "sey": 0.7,
    "sbg": 0.9,
    "gal": 0.9,
    "css": 0.7,
    "ssrq": 0.7,
    "nlsy1": 0.7,
    "unk": 0.1,
    "": 0.02,
}
# Of the unassociated ones, those that a field can hold whole are worth a look.
_WELL_LOCATED, _WELL_LOCATED_SHARE = 0.075, 0.2  # deg (95%), share
_GALACTIC_CLASSES = (
    "psr",
    "msp",
    "pwn",
    "snr",
    "spp",
    "hmb",
    "lmb",
    "bin",
    "glc",
    "nov",
    "sfr",
    "gc",
    "unk",
)


def share_out(total, shares):
    """
    Split a whole number by shares, exactly (largest remainders).

    Parameters
    ----------
    total : int
        What to split.
    shares : array_like
        Shares, not negative.

    Returns
    -------
    `~numpy.ndarray`
        Whole numbers whose sum is ``total``.

    Examples
    --------
    >>> from astroquery_cfx.archive.sky.fields import share_out
    >>> share_out(10, [2, 1, 1]).tolist()
    [5, 3, 2]
    """
    exact = np.asarray(shares, dtype=float) * total / np.sum(shares)
    whole = np.floor(exact).astype(int)
    missing = total - whole.sum()
    whole[np.argsort(whole - exact, kind="stable")[:missing]] += 1
    return whole


def scatter(ra, dec, separation, position_angle):
    """Positions at a separation and a position angle (east of north) from others; all in degrees."""
    longitude, latitude = offset_by(
        ra * u.deg, dec * u.deg, position_angle * u.deg, separation * u.deg
    )
    return longitude.to_value(u.deg) % 360, latitude.to_value(u.deg)


def _galactic_to_icrs(longitude, latitude):
    icrs = SkyCoord(l=longitude * u.deg, b=latitude * u.deg, frame="galactic").icrs
    return icrs.ra.deg, icrs.dec.deg


def _targets(label, ra, dec, *, visits, exposure, preference=np.nan, crowded=1.0, fermi=-1):
    """Targets as a dict of arrays of one length; label is a str or an array of them."""
    size = np.shape(ra)
    return {
        "label": np.broadcast_to(np.asarray(label, dtype="U32"), size),
        "ra": ra,
        "dec": dec,
        **{
            name: np.broadcast_to(value, size)
            for name, value in {
                "visits": visits,
                "exposure": exposure,
                "preference": preference,
                "crowded": crowded,
                "fermi": fermi,
            }.items()
        },
    }


def _join(parts):
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _visits(rng, size, slope=2.35, longest=80):
    """How often a target is visited: most of them once, a few very often."""
    return np.minimum((1 - rng.random(size)) ** (-1 / (slope - 1)), longest).astype(int)


def _exposures(rng, size, median=14e3, width=0.45):
    return np.clip(median * 10 ** rng.normal(0, width, size), 300, LONGEST)


def _known_targets(rng):
    parts = []
    for label, ra, dec, tiles, radius, visits, kiloseconds, detector in _KNOWN:
        number = np.arange(tiles)
        # A sunflower covers a disc evenly, whatever the number of tiles.
        tile_ra, tile_dec = scatter(
            np.full(tiles, ra),
            np.full(tiles, dec),
            radius * np.sqrt((number + 0.5) / tiles),
            number * 137.50776 % 360,
        )
        names = [f"{label} {n + 1}" for n in number] if tiles > 1 else [label]
        parts.append(
            _targets(
                names,
                tile_ra,
                tile_dec,
                visits=visits,
                exposure=1e3 * kiloseconds * 10 ** rng.normal(0, 0.08, tiles),
                preference=_PREFERENCE[detector],
            )
        )
    return _join(parts)


def _fermi_targets(rng, fermi):
    shares = np.array([_FERMI_SHARES.get(code, 0.3) for code in fermi["class"]])
    shares[(fermi["class"] == "") & (fermi["major"] < _WELL_LOCATED)] = _WELL_LOCATED_SHARE
    chosen = np.flatnonzero(rng.random(len(shares)) < shares)
    known = np.isfinite(fermi["counterpart_ra"][chosen])
    ra = np.where(known, fermi["counterpart_ra"][chosen], fermi["ra"][chosen])
    dec = np.where(known, fermi["counterpart_dec"][chosen], fermi["dec"][chosen])
    # Pulsars, remnants and star-forming regions are looked at for longer, and stand among young stars.
    galactic = np.isin(fermi["class"][chosen], _GALACTIC_CLASSES)
    return _targets(
        fermi["name"][chosen],
        ra,
        dec,
        visits=_visits(rng, len(chosen)),
        fermi=chosen,
        exposure=_exposures(rng, len(chosen)) * np.where(galactic, 3.0, 1.0),
        crowded=np.where(galactic, 5.0, 1.0),
    )


def _inner_longitudes(rng, size):
    """Galactic longitudes: most of them in the inner Galaxy; the Centre has fields of its own."""
    inner = rng.random(size) < 0.6
    longitude = np.where(inner, rng.normal(0, 35, size), rng.uniform(-180, 180, size))
    return (longitude + np.where(np.abs(longitude) < 3, 6, 0)) % 360


def _cluster_targets(rng, size=170):
    """Made-up clusters near the plane, each with a crowd of stars."""
    ra, dec = _galactic_to_icrs(
        _inner_longitudes(rng, size), np.clip(rng.laplace(0, 1.3, size), -9, 9)
    )
    names = [f"CLUSTER {n + 1}" for n in range(size)]
    return _targets(
        names,
        ra,
        dec,
        visits=_visits(rng, size, slope=1.8, longest=40),
        preference=0.7,
        exposure=_exposures(rng, size, median=28e3, width=0.3),
        crowded=rng.uniform(3, 8, size),
    )


def _plane_targets(rng, size=1_100):
    ra, dec = _galactic_to_icrs(
        _inner_longitudes(rng, size), np.clip(rng.laplace(0, 2.2, size), -12, 12)
    )
    names = [f"PLANE {n + 1}" for n in range(size)]
    return _targets(names, ra, dec, visits=_visits(rng, size), exposure=_exposures(rng, size))


def _sky_targets(rng, size):
    """Targets all over the sky, for Chandra has none of its seasons' favourites."""
    ra, dec = rng.uniform(0, 360, size), np.degrees(np.arcsin(rng.uniform(-1, 1, size)))
    names = [f"SKY {n + 1}" for n in range(size)]
    return _targets(names, ra, dec, visits=_visits(rng, size), exposure=_exposures(rng, size))


def _programme(rng, fermi, size):
    """Targets, and for each observation the number of its target; exactly ``size`` observations."""
    targets = _join(
        [
            _known_targets(rng),
            _fermi_targets(rng, fermi),
            _cluster_targets(rng),
            _plane_targets(rng),
        ]
    )
    missing = size - int(targets["visits"].sum())
    if missing > 0:
        targets = _join(
            [targets, _sky_targets(rng, missing)]
        )  # one visit each would do: the rest is cut
    return targets, np.repeat(np.arange(len(targets["ra"])), targets["visits"])[:size]


def _choose(rng, counts, scores):
    """Give each row a name so that the names' counts are right, low scores the first names."""
    labels = np.repeat(list(counts), share_out(len(scores), list(counts.values())))
    chosen = np.empty(len(scores), dtype=labels.dtype)
    chosen[np.argsort(scores, kind="stable")] = labels
    return chosen


def _statuses(rng, target):
    """The deep fields are in the archive; what is still to come is drawn from the rest."""
    known = target < sum(row[3] for row in _KNOWN)
    return _choose(rng, STATUSES, rng.random(len(target)) + np.where(known, -2, 0))


def _detectors(rng, targets, target):
    """A target keeps to the detector that it prefers, mostly."""
    own = targets["preference"]
    own = np.where(np.isnan(own), rng.random(len(own)), own + rng.uniform(-0.1, 0.1, len(own)))
    scores = np.where(rng.random(len(target)) < 0.9, own[target], rng.random(len(target)))
    return _choose(rng, DETECTORS, scores)


def _times(rng, status):
    time = rng.uniform(FIRST_LIGHT, TODAY - 35, len(status))
    time = np.where(status == "observed", rng.uniform(TODAY - 100, TODAY - 1, len(status)), time)
    time = np.where(status == "scheduled", rng.uniform(TODAY, TODAY + 30, len(status)), time)
    return np.where(np.isin(status, ["unobserved", "untriggered"]), np.nan, time)


def _obsids(rng, time):
    """Numbers that grow with time, roughly, with gaps; obsid 29852 is kept for the one without a position."""
    order = np.where(np.isnan(time), TODAY + 60, time) + rng.normal(0, 150, len(time))
    pool = rng.choice(
        np.setdiff1d(np.arange(1, int(1.12 * max(len(time), 28_000))), [29_852]),
        len(time),
        replace=False,
    )
    obsid = np.empty(len(time), dtype=np.int32)
    obsid[np.argsort(order, kind="stable")] = np.sort(pool)
    return obsid


def _lose_positions(rng, log, label):
    """Some targets that never came have no position: GW Transient (obsid 29852) and a few like it."""
    never = np.flatnonzero(np.isin(log["status"], ["untriggered", "unobserved"]))
    lost = rng.permutation(never)[: max(1, round(len(log["obsid"]) * 9 / FULL_SIZE))]
    for place, row in enumerate(lost):
        log["ra"][row] = log["dec"][row] = np.nan
        label[row] = "GW Transient" if place == 0 else f"TOO {place}"
    if len(lost):
        log["obsid"][lost[0]] = 29_852


def _exposure_times(rng, targets, target, status):
    exposure = np.minimum(
        targets["exposure"][target] * 10 ** rng.normal(0, 0.08, len(target)), LONGEST
    )
    # Cancelled, failed and never planned in detail: zero seconds, in every status.
    zero = rng.random(len(target)) < np.where(status == "archived", 0.0015, 0.05)
    return np.where(zero, 0.0, np.round(exposure, -1))


def _administration(rng, log, size):
    """The columns that no figure needs: type, pi, dates, modes, cycles."""
    later = np.where(rng.random(size) < 0.5, 365.0, 0.0)
    year = np.nan_to_num(log["time"], nan=TODAY + 200)
    cycle = np.clip((year - FIRST_LIGHT) / 365.25 + 1, 1, 28).astype(int)
    investigators = rng.integers(1, 1_500, size)
    acis = np.char.startswith(log["detector"], "ACIS")
    faint = rng.choice(["FAINT", "VFAINT", "GRADED", "CC"], size, p=[0.5, 0.44, 0.02, 0.04])
    return {
        "type": rng.choice(
            ["GO", "GTO", "CAL", "TOO", "DDT"], size, p=[0.72, 0.13, 0.07, 0.06, 0.02]
        ),
        "public_date": np.floor(log["time"] + later),
        "cycle": np.char.zfill(cycle.astype("U2"), 2),
        "pi": np.char.add("SIM PI ", investigators.astype("U5")),
        "data_mode": np.where(acis, faint, "IMAGING"),
    }


def simulated_observations(rng, fermi, size):
    """
    Draw the observing log.

    Parameters
    ----------
    rng : `~numpy.random.Generator`
        Where the chance comes from.
    fermi : dict
        The 4FGL sources: ``name``, ``ra``, ``dec``, ``counterpart_ra``, ``counterpart_dec``, ``major``
        (of the 95% ellipse; all in deg), ``class``.
    size : int
        Number of observations. Below `FULL_SIZE` it is a fair sample of the full log.

    Returns
    -------
    dict
        The columns of chanmaster in order of declination, and besides them ``target`` (the number of the
        target), ``crowded`` (how much denser the stars of the disc stand there) and ``fermi`` (the row of
        the 4FGL source, or -1).
    """
    targets, target = _programme(rng, fermi, max(size, FULL_SIZE))
    target = np.sort(rng.choice(target, size, replace=False))
    status = _statuses(rng, target)
    archived = status == "archived"
    detector = np.empty(size, dtype="U6")
    for rows in (archived, ~archived):
        detector[rows] = _detectors(rng, targets, target[rows])
    # A target is met to a fraction of an arcminute, as dither, roll and offsets make it.
    ra, dec = scatter(
        targets["ra"][target],
        targets["dec"][target],
        np.minimum(rng.rayleigh(0.25 / 60, size), 1 / 60),
        rng.uniform(0, 360, size),
    )
    time = _times(rng, status)
    log = {
        "obsid": _obsids(rng, time),
        "status": status,
        "ra": ra,
        "dec": dec,
        "time": time,
        "detector": detector,
        "target": target,
        "exposure": _exposure_times(rng, targets, target, status),
        "crowded": targets["crowded"][target],
        "fermi": targets["fermi"][target],
    }
    grating = rng.choice(["NONE", "HETG", "LETG"], size, p=[0.92, 0.06, 0.02])
    log["grating"] = np.where(detector == "ACIS-I", "NONE", grating)
    label = targets["label"][target]
    _lose_positions(rng, log, label)
    log["name"] = np.char.add("SIM ", label)
    log.update(_administration(rng, log, size))
    order = np.argsort(log["dec"], kind="stable")  # NaN last
    return {name: values[order] for name, values in log.items()}
