# Licensed under a 3-clause BSD style license - see LICENSE
"""The classes of 4FGL counterparts: names, Galactic or extragalactic, order and colours.

Pure data. Capitals in CLASS1 mean an identified source, lower case an
associated one. Names after Table 7 of Abdollahi et al. 2020 (ApJS 247, 33)
and Table 5 of Abdollahi et al. 2022 (ApJS 260, 53).
"""

from typing import NamedTuple

__all__ = [
    "GROUP_COLORS",
    "SourceClass",
    "class_code",
    "class_color",
    "class_group",
    "class_name",
    "class_order",
    "is_identified",
    "known_classes",
]


class SourceClass(NamedTuple):
    """What is known of a class: its name, group and colour."""

    name: str
    group: str
    color: str


# From Galactic to extragalactic: the order of plots. Reds and oranges are Galactic, blues extragalactic.
_CLASSES = {
    "psr": SourceClass("young pulsar", "Galactic", "#7f0000"),
    "msp": SourceClass("millisecond pulsar", "Galactic", "#b30000"),
    "pwn": SourceClass("pulsar wind nebula", "Galactic", "#d7301f"),
    "snr": SourceClass("supernova remnant", "Galactic", "#ef6548"),
    "spp": SourceClass("supernova remnant or pulsar wind nebula", "Galactic", "#fc8d59"),
    "hmb": SourceClass("high-mass binary", "Galactic", "#8c510a"),
    "lmb": SourceClass("low-mass binary", "Galactic", "#a6611a"),
    "bin": SourceClass("binary", "Galactic", "#bf812d"),
    "nov": SourceClass("nova", "Galactic", "#dfa53a"),
    "sfr": SourceClass("star-forming region", "Galactic", "#e69f00"),
    "glc": SourceClass("globular cluster", "Galactic", "#f0c04f"),
    "gc": SourceClass("Galactic centre", "Galactic", "#f0d58c"),
    "": SourceClass("unassociated", "unassociated", "#444444"),
    "unk": SourceClass("counterpart of unknown kind", "unknown", "#888888"),
    "bcu": SourceClass("blazar candidate of uncertain type", "extragalactic", "#92c5de"),
    "bll": SourceClass("BL Lac object", "extragalactic", "#4393c3"),
    "fsrq": SourceClass("flat-spectrum radio quasar", "extragalactic", "#2166ac"),
    "ssrq": SourceClass("steep-spectrum radio quasar", "extragalactic", "#053061"),
    "css": SourceClass("compact steep-spectrum radio source", "extragalactic", "#08519c"),
    "rdg": SourceClass("radio galaxy", "extragalactic", "#35978f"),
    "agn": SourceClass("active galaxy of another kind", "extragalactic", "#01665e"),
    "nlsy1": SourceClass("narrow-line Seyfert 1 galaxy", "extragalactic", "#5ab4ac"),
    "sey": SourceClass("Seyfert galaxy", "extragalactic", "#80cdc1"),
    "sbg": SourceClass("starburst galaxy", "extragalactic", "#9970ab"),
    "gal": SourceClass("normal galaxy or part of one", "extragalactic", "#762a83"),
}
_OTHER = SourceClass("other", "unknown", "#bbbbbb")
_ORDER = {code: place for place, code in enumerate(_CLASSES)}

GROUP_COLORS = {
    "Galactic": "#d55e00",
    "extragalactic": "#0072b2",
    "unknown": "#999999",
    "unassociated": "#444444",
}


def class_code(value):
    """
    Read an entry of CLASS1 or CLASS2 as plain text.

    Parameters
    ----------
    value : str, bytes or masked
        The entry, padded or not; masked for a source without a counterpart.

    Returns
    -------
    str
        The code without padding, as it was written; empty for no counterpart.

    Examples
    --------
    >>> from astroquery_cfx.fermi.classes import class_code
    >>> class_code(b"SPP  ")
    'SPP'
    """
    if value is None or getattr(value, "mask", False):
        return ""
    if isinstance(value, bytes):
        value = value.decode("ascii", "replace")
    return str(value).strip()


def _source_class(value):
    return _CLASSES.get(class_code(value).lower(), _OTHER)


def class_name(value):
    """
    Name a class in words.

    Parameters
    ----------
    value : str, bytes or masked
        An entry of CLASS1 or CLASS2.

    Returns
    -------
    str
        The name; ``'unassociated'`` for a blank or masked entry, ``'other'`` for a code that is not known.

    Examples
    --------
    >>> from astroquery_cfx.fermi.classes import class_name
    >>> class_name("FSRQ"), class_name(""), class_name("new")
    ('flat-spectrum radio quasar', 'unassociated', 'other')
    """
    return _source_class(value).name


def class_group(value):
    """
    Say whether a class is Galactic.

    Parameters
    ----------
    value : str, bytes or masked
        An entry of CLASS1 or CLASS2.

    Returns
    -------
    str
        ``'Galactic'``, ``'extragalactic'``, ``'unknown'`` (also for a code that is not known) or
        ``'unassociated'`` (blank or masked).

    Examples
    --------
    >>> from astroquery_cfx.fermi.classes import class_group
    >>> [class_group(code) for code in ("PSR", "bll", "unk", "new", "")]
    ['Galactic', 'extragalactic', 'unknown', 'unknown', 'unassociated']
    """
    return _source_class(value).group


def class_color(value):
    """
    Colour of a class in plots.

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


def is_identified(value):
    """
    Say whether the counterpart is identified, and not only associated.

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


def class_order(values):
    """
    Put the classes that occur into the order of plots, Galactic to extragalactic.

    Parameters
    ----------
    values : iterable of str, bytes or masked
        Entries of CLASS1, in any order, repeated or not.

    Returns
    -------
    list of str
        Each code once, identified (capitals) before associated; codes that are not known come last.

    Examples
    --------
    >>> from astroquery_cfx.fermi.classes import class_order
    >>> class_order(["bll", "new", "psr", "", "PSR", "psr"])
    ['PSR', 'psr', '', 'bll', 'new']
    """
    codes = {class_code(value) for value in values}
    last = len(_ORDER)
    return sorted(
        codes, key=lambda code: (_ORDER.get(code.lower(), last), code.lower(), not code.isupper())
    )


def known_classes():
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
