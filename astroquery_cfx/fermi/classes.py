# Licensed under a 3-clause BSD style license - see LICENSE
"""The classes of the counterparts of 4FGL sources, and the analysis flags.

Capitals in CLASS1 mean an identified source, lower case an associated one. The classes are those of
Table 7 of Abdollahi et al. 2020 (ApJS 247, 33) and Table 5 of Abdollahi et al. 2022 (ApJS 260, 53);
the flags those of Table 5 of the former and Table 3 of the latter, which added the last two.
"""

from collections.abc import Iterable
from enum import IntFlag
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "GROUP_COLORS",
    "AnalysisFlag",
    "SourceClass",
    "class_code",
    "class_color",
    "class_group",
    "class_name",
    "class_order",
    "flag_names",
    "has_flag",
    "is_identified",
    "known_classes",
]


class SourceClass(NamedTuple):
    """A class of counterparts: its name, its group and its colour in plots (``'#rrggbb'``)."""

    name: str
    group: str
    color: str


# From Galactic to extragalactic, the order of plots. Reds, oranges and browns are Galactic; blues,
# greens and purples extragalactic; greys are neither.
# fmt: off
_CLASSES = {
    code: SourceClass(name, group, color)
    for code, name, group, color in (
        ("psr",   "young pulsar",                            "Galactic",      "#7f0000"),
        ("msp",   "millisecond pulsar",                      "Galactic",      "#b30000"),
        ("pwn",   "pulsar wind nebula",                      "Galactic",      "#d7301f"),
        ("snr",   "supernova remnant",                       "Galactic",      "#ef6548"),
        ("spp",   "supernova remnant or pulsar wind nebula", "Galactic",      "#fc8d59"),
        ("hmb",   "high-mass binary",                        "Galactic",      "#8c510a"),
        ("lmb",   "low-mass binary",                         "Galactic",      "#a6611a"),
        ("bin",   "binary",                                  "Galactic",      "#bf812d"),
        ("nov",   "nova",                                    "Galactic",      "#dfa53a"),
        ("sfr",   "star-forming region",                     "Galactic",      "#e69f00"),
        ("glc",   "globular cluster",                        "Galactic",      "#f0c04f"),
        ("gc",    "Galactic centre",                         "Galactic",      "#f0d58c"),
        ("",      "unassociated",                            "unassociated",  "#444444"),
        ("unk",   "counterpart of unknown kind",             "unknown",       "#888888"),
        ("bcu",   "blazar candidate of uncertain type",      "extragalactic", "#92c5de"),
        ("bll",   "BL Lac object",                           "extragalactic", "#4393c3"),
        ("fsrq",  "flat-spectrum radio quasar",              "extragalactic", "#2166ac"),
        ("ssrq",  "steep-spectrum radio quasar",             "extragalactic", "#053061"),
        ("css",   "compact steep-spectrum radio source",     "extragalactic", "#08519c"),
        ("rdg",   "radio galaxy",                            "extragalactic", "#35978f"),
        ("agn",   "active galaxy of another kind",           "extragalactic", "#01665e"),
        ("nlsy1", "narrow-line Seyfert 1 galaxy",            "extragalactic", "#5ab4ac"),
        ("sey",   "Seyfert galaxy",                          "extragalactic", "#80cdc1"),
        ("sbg",   "starburst galaxy",                        "extragalactic", "#9970ab"),
        ("gal",   "normal galaxy or part of one",            "extragalactic", "#762a83"),
    )
}
# fmt: on
_OTHER = SourceClass("other", "unknown", "#bbbbbb")  # a class that a later release has added

GROUP_COLORS = {
    "Galactic": "#d55e00",
    "extragalactic": "#0072b2",
    "unknown": "#999999",
    "unassociated": "#444444",
}
"""The colour of each group of classes in plots."""


def known_classes() -> dict[str, SourceClass]:
    """
    List the classes of the 4FGL catalogues.

    Returns
    -------
    dict
        Code in lower case -> `SourceClass`, in the order of plots.

    Examples
    --------
    >>> from astroquery_cfx.fermi.classes import known_classes
    >>> known_classes()["msp"].name
    'millisecond pulsar'
    """
    return dict(_CLASSES)


def class_code(value: str | bytes | None) -> str:
    """
    Return an entry of CLASS1 or CLASS2 as a plain text.

    Parameters
    ----------
    value : str, bytes or masked
        The entry, padded or not; masked for a source without a counterpart.

    Returns
    -------
    str
        The code without padding, in the case of the entry; empty without a counterpart.

    Examples
    --------
    >>> from astroquery_cfx.fermi.classes import class_code
    >>> class_code(b"SPP  ")
    'SPP'
    """
    if value is None or getattr(value, "mask", False):
        return ""
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    return text.strip()


def _source_class(value) -> SourceClass:
    return _CLASSES.get(class_code(value).lower(), _OTHER)


def class_name(value: str | bytes | None) -> str:
    """
    Return the name of a class in words.

    Parameters
    ----------
    value : str, bytes or masked
        An entry of CLASS1 or CLASS2.

    Returns
    -------
    str
        ``'unassociated'`` for a blank or masked entry, ``'other'`` for an unknown code.

    Examples
    --------
    >>> from astroquery_cfx.fermi.classes import class_name
    >>> class_name("FSRQ"), class_name(""), class_name("new")
    ('flat-spectrum radio quasar', 'unassociated', 'other')
    """
    return _source_class(value).name


def class_group(value: str | bytes | None) -> str:
    """
    Return whether a class is Galactic or extragalactic.

    Parameters
    ----------
    value : str, bytes or masked
        An entry of CLASS1 or CLASS2.

    Returns
    -------
    str
        ``'Galactic'``, ``'extragalactic'``, ``'unknown'`` (also for an unknown code) or
        ``'unassociated'`` (blank or masked).

    Examples
    --------
    >>> from astroquery_cfx.fermi.classes import class_group
    >>> [class_group(code) for code in ("PSR", "bll", "unk", "new", "")]
    ['Galactic', 'extragalactic', 'unknown', 'unknown', 'unassociated']
    """
    return _source_class(value).group


def class_color(value: str | bytes | None) -> str:
    """
    Return the colour of a class in plots.

    Parameters
    ----------
    value : str, bytes or masked
        An entry of CLASS1 or CLASS2.

    Returns
    -------
    str
        ``'#rrggbb'``, the same for identified and associated sources.

    Examples
    --------
    >>> from astroquery_cfx.fermi.classes import class_color
    >>> class_color("PSR") == class_color("psr")
    True
    """
    return _source_class(value).color


def is_identified(value: str | bytes | None) -> bool:
    """
    Tell whether a source is identified with its counterpart, not just associated.

    Parameters
    ----------
    value : str, bytes or masked
        An entry of CLASS1.

    Returns
    -------
    bool
        True for codes in capitals.

    Examples
    --------
    >>> from astroquery_cfx.fermi.classes import is_identified
    >>> is_identified("PSR"), is_identified("psr"), is_identified("")
    (True, False, False)
    """
    return class_code(value).isupper()


def class_order(values: Iterable[str | bytes | None]) -> list[str]:
    """
    Sort the classes of some sources into the order of plots, Galactic to extragalactic.

    Parameters
    ----------
    values : iterable of str, bytes or masked
        Entries of CLASS1.

    Returns
    -------
    list of str
        Each code once, identified (capitals) before associated; unknown codes come last.

    Examples
    --------
    >>> from astroquery_cfx.fermi.classes import class_order
    >>> class_order(["bll", "new", "psr", "", "PSR", "psr"])
    ['PSR', 'psr', '', 'bll', 'new']
    """
    order = {code: place for place, code in enumerate(_CLASSES)}
    return sorted(
        {class_code(value) for value in values},
        key=lambda code: (order.get(code.lower(), len(order)), code.lower(), not code.isupper()),
    )


class AnalysisFlag(IntFlag):
    """The bits of the column Flags: what may be wrong with a source."""

    # fmt: off
    TS_DROPPED        = 1 << 0   #: TS above 35 fell below 25 with another diffuse model or method
    POSITION_MOVED    = 1 << 1   #: moved out of its 95% ellipse with another diffuse model
    FLUX_CHANGED      = 1 << 2   #: flux changed by > 3 sigma and > 35% with another model or method
    LOW_CONTRAST      = 1 << 3   #: below 10% of the background in the highest band with TS > 25
    CONFUSED          = 1 << 4   #: a brighter neighbour is close
    GAS_CLUMP         = 1 << 5   #: on a gas clump or defect of the diffuse model; names end in c
    POOR_LOCALIZATION = 1 << 8   #: poor localization, or long axis of the 95% ellipse > 0.25 deg
    POOR_SPECTRAL_FIT = 1 << 9   #: poor spectral fit, in all or in one band
    HIGHLY_CURVED     = 1 << 11  #: highly curved spectrum, whose curvature or index was fixed
    BELOW_THRESHOLD   = 1 << 12  #: TS below 25 in this release; kept from an earlier one
    SOFT_GALACTIC     = 1 << 13  #: soft, Galactic, unassociated: perhaps diffuse emission
    # fmt: on


def flag_names(value: int) -> list[str]:
    """
    Return the names of the flags that are set.

    Parameters
    ----------
    value : int
        An entry of the column Flags.

    Returns
    -------
    list of str
        Names of `AnalysisFlag`; ``'BIT_n'`` for a bit without a name, counted from 1 as in the
        papers.

    Examples
    --------
    >>> from astroquery_cfx.fermi.classes import flag_names
    >>> flag_names(12304)
    ['CONFUSED', 'BELOW_THRESHOLD', 'SOFT_GALACTIC']
    """
    bits = int(value) & 0xFFFF  # the catalogue stores signed 16-bit integers
    names = {int(flag): str(flag.name) for flag in AnalysisFlag}
    return [names.get(1 << bit, f"BIT_{bit + 1}") for bit in range(16) if bits >> bit & 1]


def has_flag(flags: ArrayLike, flag: AnalysisFlag | str) -> np.ndarray:
    """
    Tell which sources have a flag.

    Parameters
    ----------
    flags : array_like of int, shape (rows,)
        The column Flags.
    flag : `AnalysisFlag` or str
        The flag, or its name in any case.

    Returns
    -------
    `~numpy.ndarray` of bool, shape (rows,)
        True where at least one of the bits of ``flag`` is set.

    Examples
    --------
    >>> from astroquery_cfx.fermi.classes import has_flag
    >>> has_flag([0, 16, 48], "GAS_CLUMP")
    array([False, False,  True])
    """
    wanted = AnalysisFlag[flag.upper()] if isinstance(flag, str) else AnalysisFlag(flag)
    return (np.asarray(flags).astype(np.int64) & int(wanted)) != 0
