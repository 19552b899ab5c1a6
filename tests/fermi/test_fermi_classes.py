# Licensed under a 3-clause BSD style license - see LICENSE
"""Class names, groups, order, colours, and the analysis flags."""

import re

import numpy as np
import pytest
from astropy.io import fits

from astroquery_cfx.fermi.classes import (
    class_code,
    class_color,
    class_group,
    class_name,
    class_order,
    is_identified,
    known_classes,
)
from astroquery_cfx.fermi.flags import AnalysisFlag, flag_names, has_flag

# As the files spell them.
IDENTIFIED = [
    "AGN",
    "BCU",
    "BIN",
    "BLL",
    "FSRQ",
    "GAL",
    "GC",
    "HMB",
    "LMB",
    "MSP",
    "NLSY1",
    "NOV",
    "PSR",
    "PWN",
    "RDG",
    "SFR",
    "SNR",
    "SPP",
    "UNK",
]
ASSOCIATED = [
    "agn",
    "bcu",
    "bin",
    "bll",
    "css",
    "fsrq",
    "gal",
    "glc",
    "hmb",
    "lmb",
    "msp",
    "nlsy1",
    "psr",
    "pwn",
    "rdg",
    "sbg",
    "sey",
    "sfr",
    "snr",
    "spp",
    "ssrq",
    "unk",
]


@pytest.mark.parametrize("code", IDENTIFIED + ASSOCIATED)
def test_each_class_of_the_files_has_a_name_and_a_colour(code):
    assert class_name(code) not in ("other", "unassociated")
    assert re.fullmatch("#[0-9a-f]{6}", class_color(code))
    assert is_identified(code) == (code in IDENTIFIED)


def test_groups_follow_astronomy():
    galactic = {"psr", "msp", "pwn", "snr", "spp", "hmb", "lmb", "bin", "nov", "sfr", "glc", "gc"}
    for code in IDENTIFIED + ASSOCIATED:
        other = "unknown" if code.lower() == "unk" else "extragalactic"
        assert class_group(code) == ("Galactic" if code.lower() in galactic else other), code


@pytest.mark.parametrize("blank", ["", "   ", b"     ", None, np.ma.masked])
def test_no_counterpart_is_unassociated(blank):
    assert class_code(blank) == ""
    assert class_name(blank) == class_group(blank) == "unassociated"
    assert not is_identified(blank)


def test_padding_and_bytes_do_not_matter():
    assert class_name(b"SPP  ") == class_name("spp") == class_name(" SPP")


def test_a_class_of_the_future_is_other():
    assert class_name("frb") == "other"
    assert class_group("FRB") == "unknown"
    assert is_identified("FRB")
    assert class_order(["frb", "bll", "psr"]) == ["psr", "bll", "frb"]


def test_order_runs_from_galactic_to_extragalactic():
    groups = [class_group(code) for code in class_order([*IDENTIFIED, *ASSOCIATED, ""])]
    assert groups == sorted(
        groups, key=["Galactic", "unassociated", "unknown", "extragalactic"].index
    )
    assert class_order(["psr", "PSR"]) == ["PSR", "psr"]


def test_colours_tell_classes_apart():
    colours = [entry.color for entry in known_classes().values()]
    assert len(set(colours)) == len(colours)


@pytest.mark.parametrize("version", [27, 35, 41])
def test_no_class_of_a_real_file_is_other(shared_data, version):
    with fits.open(shared_data / "fermi" / f"gll_psc_v{version}.fit.gz") as hdus:
        codes = set(hdus[1].data["CLASS1"]) | set(hdus[1].data["CLASS2"])
    assert len(codes) > 30
    assert not [code for code in codes if class_name(code) == "other"]


def test_flags_are_the_bits_of_the_papers():
    # bit n is worth 2^(n-1); bits 7, 8 and 11 are not used
    numbers = {flag: int(flag).bit_length() for flag in AnalysisFlag}
    assert sorted(numbers.values()) == [1, 2, 3, 4, 5, 6, 9, 10, 12, 13, 14]
    assert numbers[AnalysisFlag.GAS_CLUMP] == 6
    assert flag_names(0) == []
    assert flag_names(64 + 1) == ["TS_DROPPED", "BIT_7"]
    assert flag_names(-32768) == ["BIT_16"]


def test_gas_clump_marks_the_names_that_end_in_c(shared_data):
    with fits.open(shared_data / "fermi" / "gll_psc_v35.fit.gz") as hdus:
        flags, names = hdus[1].data["Flags"], hdus[1].data["Source_Name"]
    ends_in_c = np.char.endswith(names, "c")
    assert ends_in_c.sum() > 300
    assert np.mean(has_flag(flags, AnalysisFlag.GAS_CLUMP) == ends_in_c) > 0.999
    assert has_flag(flags, "gas_clump").sum() == 354
