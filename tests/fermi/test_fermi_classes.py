# Licensed under a 3-clause BSD style license - see LICENSE
"""Class names, groups, order, colours, and the analysis flags."""

import re

import numpy as np
import pytest
from astropy.io import fits

from astroquery_cfx.fermi.classes import (
    GROUP_COLORS,
    AnalysisFlag,
    class_code,
    class_color,
    class_group,
    class_name,
    class_order,
    flag_names,
    has_flag,
    is_identified,
    known_classes,
)

# As the files spell them.
# fmt: off
IDENTIFIED = [
    "AGN", "BCU", "BIN", "BLL", "FSRQ", "GAL", "GC", "HMB", "LMB", "MSP", "NLSY1", "NOV", "PSR",
    "PWN", "RDG", "SFR", "SNR", "SPP", "UNK",
]
ASSOCIATED = [
    "agn", "bcu", "bin", "bll", "css", "fsrq", "gal", "glc", "hmb", "lmb", "msp", "nlsy1", "psr",
    "pwn", "rdg", "sbg", "sey", "sfr", "snr", "spp", "ssrq", "unk",
]
# fmt: on


@pytest.mark.parametrize("code", IDENTIFIED + ASSOCIATED)
def test_each_class_of_the_files_has_a_name_and_a_colour(code):
    assert class_name(code) not in ("other", "unassociated")
    assert re.fullmatch("#[0-9a-f]{6}", class_color(code))
    assert is_identified(code) == (code in IDENTIFIED)


def test_names_are_those_of_the_papers():
    # Table 7 of the 4FGL paper (ApJS 247, 33); nov in Table 5 of the DR3 paper
    for code, name in {
        "psr": "young pulsar",
        "MSP": "millisecond pulsar",
        "spp": "supernova remnant or pulsar wind nebula",
        "lmb": "low-mass binary",
        "nov": "nova",
        "glc": "globular cluster",
        "bcu": "blazar candidate of uncertain type",
        "fsrq": "flat-spectrum radio quasar",
        "css": "compact steep-spectrum radio source",
        "sbg": "starburst galaxy",
    }.items():
        assert class_name(code) == known_classes()[code.lower()].name == name


def test_groups_follow_astronomy():
    galactic = {"psr", "msp", "pwn", "snr", "spp", "hmb", "lmb", "bin", "nov", "sfr", "glc", "gc"}
    for code in IDENTIFIED + ASSOCIATED:
        other = "unknown" if code.lower() == "unk" else "extragalactic"
        assert class_group(code) == ("Galactic" if code.lower() in galactic else other), code
    assert {entry.group for entry in known_classes().values()} == set(GROUP_COLORS)


@pytest.mark.parametrize("blank", ["", "   ", b"     ", None, np.ma.masked])
def test_without_a_counterpart_a_source_is_unassociated(blank):
    assert class_code(blank) == ""
    assert class_name(blank) == class_group(blank) == "unassociated"
    assert not is_identified(blank)


def test_padding_and_bytes_do_not_matter():
    assert class_name(b"SPP  ") == class_name("spp") == class_name(" SPP")
    assert class_code(b" spp ") == "spp"
    assert class_code(b"\xff") == "\N{REPLACEMENT CHARACTER}"


def test_a_class_of_the_future_is_other():
    assert class_name("frb") == "other"
    assert class_group("FRB") == "unknown"
    assert is_identified("FRB")
    assert class_order(["frb", "bll", "psr"]) == ["psr", "bll", "frb"]
    assert class_order(["zzz", "ABC", "abc"]) == ["ABC", "abc", "zzz"]


def test_order_runs_from_galactic_to_extragalactic():
    groups = [class_group(code) for code in class_order([*IDENTIFIED, *ASSOCIATED, ""])]
    expected = ["Galactic", "unassociated", "unknown", "extragalactic"]
    assert groups == sorted(groups, key=expected.index)
    assert class_order(["psr", "PSR", b"psr  ", None]) == ["PSR", "psr", ""]


def test_colours_tell_classes_and_groups_apart():
    colours = [entry.color for entry in known_classes().values()]
    assert len(set(colours)) == len(colours)
    assert len(set(GROUP_COLORS.values())) == len(GROUP_COLORS)
    assert class_color("bll") == class_color("BLL") != class_color("frb")


def test_the_known_classes_cannot_be_changed():
    known_classes().clear()
    assert class_name("psr") == "young pulsar"


@pytest.mark.parametrize("version", [27, 35, 41])
def test_no_class_of_a_published_file_is_other(shared_data, version):
    with fits.open(shared_data / "fermi" / f"gll_psc_v{version}.fit.gz") as hdus:
        codes = set(hdus[1].data["CLASS1"]) | set(hdus[1].data["CLASS2"])
    assert len(codes) > 30
    assert not [code for code in codes if class_name(code) == "other"]


def test_flags_are_the_bits_of_the_papers():
    # Bit n is worth 2^(n-1); bits 7, 8 and 11 are not used.
    numbers = {flag.name: int(flag).bit_length() for flag in AnalysisFlag}
    assert numbers == {
        "TS_DROPPED": 1,
        "POSITION_MOVED": 2,
        "FLUX_CHANGED": 3,
        "LOW_CONTRAST": 4,
        "CONFUSED": 5,
        "GAS_CLUMP": 6,
        "POOR_LOCALIZATION": 9,
        "POOR_SPECTRAL_FIT": 10,
        "HIGHLY_CURVED": 12,
        "BELOW_THRESHOLD": 13,
        "SOFT_GALACTIC": 14,
    }


def test_names_of_the_flags_that_are_set():
    assert flag_names(0) == []
    assert flag_names(64 + 1) == ["TS_DROPPED", "BIT_7"]
    assert flag_names(1 << 14) == ["BIT_15"]
    assert flag_names(-32768) == ["BIT_16"]
    assert flag_names(np.int16(-1)) == [
        *("TS_DROPPED", "POSITION_MOVED", "FLUX_CHANGED", "LOW_CONTRAST", "CONFUSED", "GAS_CLUMP"),
        *("BIT_7", "BIT_8", "POOR_LOCALIZATION", "POOR_SPECTRAL_FIT", "BIT_11", "HIGHLY_CURVED"),
        *("BELOW_THRESHOLD", "SOFT_GALACTIC", "BIT_15", "BIT_16"),
    ]


def test_one_of_several_flags_is_enough():
    both = AnalysisFlag.CONFUSED | AnalysisFlag.GAS_CLUMP
    assert has_flag(np.array([0, 16, 32, 48, 64], np.int16), both).tolist() == [
        *(False, True, True, True, False)
    ]
    with pytest.raises(KeyError):
        has_flag([0], "no such flag")


def test_gas_clump_marks_the_names_that_end_in_c(shared_data):
    with fits.open(shared_data / "fermi" / "gll_psc_v35.fit.gz") as hdus:
        flags, names = hdus[1].data["Flags"], hdus[1].data["Source_Name"]
    ends_in_c = np.char.endswith(names, "c")
    assert ends_in_c.sum() > 300
    assert np.mean(has_flag(flags, AnalysisFlag.GAS_CLUMP) == ends_in_c) > 0.999
    assert has_flag(flags, "gas_clump").sum() == 354
