"""Fabric's programs are found where they were said to be, or the error says what is missing and what to do."""

from pathlib import Path

import pytest

from aiofabric.network import BinariesMissingError, find_binaries, survey
from support.fabric_programs import script, stand_in_home


@pytest.fixture(autouse=True)
def _empty_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'empty'}:/usr/bin:/bin")


def test_a_folder_with_programs_and_samples_is_found_with_its_version(tmp_path: Path) -> None:
    found = find_binaries(home=stand_in_home(tmp_path / "fabric"))
    assert found.version == "3.1.5"
    assert found.is_tested
    assert found.can_order_bft
    assert found.program("orderer") == tmp_path / "fabric" / "bin" / "orderer"


@pytest.mark.parametrize(
    ("version", "is_tested", "can_order_bft"),
    [("v2.5.16", True, False), ("latest", False, True), ("v3.0.0", False, True), ("v2.2.0", False, False)],
)
def test_the_version_says_what_can_be_done(tmp_path: Path, version: str, is_tested: bool, can_order_bft: bool) -> None:  # noqa: FBT001
    found = find_binaries(home=stand_in_home(tmp_path / "fabric", version=version))
    assert (found.is_tested, found.can_order_bft) == (is_tested, can_order_bft)


def test_the_cache_is_taken_where_no_home_is_given(tmp_path: Path) -> None:
    assert find_binaries(cache=stand_in_home(tmp_path / "cache")).programs == tmp_path / "cache" / "bin"


def test_programs_on_path_are_taken_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = stand_in_home(tmp_path / "installed")
    monkeypatch.setenv("PATH", f"{home / 'bin'}:/usr/bin:/bin")
    assert find_binaries(cache=tmp_path / "nothing").programs == home / "bin"


def test_an_incomplete_home_is_an_error_that_names_what_is_missing(tmp_path: Path) -> None:
    home = stand_in_home(tmp_path / "fabric")
    (home / "bin" / "configtxgen").unlink()
    (home / "config" / "core.yaml").unlink()
    cache = stand_in_home(tmp_path / "cache")
    with pytest.raises(BinariesMissingError, match=r"lacks configtxgen, core\.yaml.*release archive") as caught:
        find_binaries(home=home, cache=cache)
    assert caught.value.code == "BINARIES_MISSING"


def test_nothing_anywhere_names_every_place(tmp_path: Path) -> None:
    with pytest.raises(BinariesMissingError, match=r"cache .* lacks peer, .*; PATH .* lacks peer, "):
        find_binaries(cache=tmp_path / "cache")


def test_a_peer_that_does_not_run_here_is_no_peer(tmp_path: Path) -> None:
    home = stand_in_home(tmp_path / "fabric")
    script(home / "bin" / "peer", "exit 126\n")
    with pytest.raises(BinariesMissingError, match="does not run on this machine"):
        find_binaries(home=home)
    script(home / "bin" / "peer", "echo I am something else\n")
    with pytest.raises(BinariesMissingError, match="is not Fabric's peer"):
        find_binaries(home=home)


def test_a_survey_tells_of_every_place(tmp_path: Path) -> None:
    places = survey(home=stand_in_home(tmp_path / "fabric"), cache=tmp_path / "nothing")
    assert [(place.label, bool(place.missing)) for place in places] == [
        ("home", False),
        ("cache", True),
        ("PATH", True),
    ]
