"""Settings: one frozen value; what is missing or unknown is named."""

from pathlib import Path

import pytest

from wayproof.settings import SettingsError, load
from wayproof.tls import TlsFiles

COMPLETE = """
organisation = "AcmeMSP"
[database]
dsn = "postgresql://somebody:hunter2@127.0.0.1/acme"
[ledger]
kind = "embedded"
endpoint = "127.0.0.1:7051"
tls_ca = "ca.pem"
channel = "wayproof"
contract = "wayproof"
users = "users"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text)
    return path


def test_relative_paths_are_those_of_the_file(tmp_path: Path) -> None:
    read = load(written(tmp_path, COMPLETE))
    assert read.ledger.tls_ca == tmp_path / "ca.pem"
    assert read.ledger.users == tmp_path / "users"
    assert read.anchor.interval_s == 5.0


def test_the_environment_replaces_one_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYPROOF_LEDGER__ENDPOINT", "peer.example:7051")
    monkeypatch.setenv("WAYPROOF_ANCHOR__INTERVAL_S", "2.5")
    read = load(written(tmp_path, COMPLETE))
    assert (read.ledger.endpoint, read.ledger.channel, read.anchor.interval_s) == ("peer.example:7051", "wayproof", 2.5)


def test_the_environment_adds_what_the_file_leaves_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYPROOF_METRICS__PORTS__INGEST", "9464")
    monkeypatch.setenv("WAYPROOF_FAILPOINT", "anchor.after_submit:1")
    monkeypatch.setenv("WAYPROOF_FABRIC_HOME", "/of/another/program")
    read = load(written(tmp_path, COMPLETE))
    assert (read.metrics.port_of("ingest"), read.failpoint) == (9464, "anchor.after_submit:1")


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("WAYPROOF_LEDGER__ENDPONT", "ledger.endpont"),
        ("WAYPROOF_LEDGER__ENDPOINT__PORT", "ENDPOINT__PORT: endpoint is a value"),
        ("WAYPROOF_ANCHOR__INTERVAL_S", "anchor.interval_s"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, named: str
) -> None:
    monkeypatch.setenv(name, "seven")
    with pytest.raises(SettingsError, match=named):
        load(written(tmp_path, COMPLETE))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (COMPLETE.replace('kind = "embedded"\n', ""), "ledger.kind"),
        (COMPLETE.replace('"embedded"', '"automatic"'), "ledger.kind"),
        (COMPLETE + "\n[api]\nprt = 80\n", "api.prt"),
        (COMPLETE.replace("AcmeMSP", "not an id"), "organisation"),
        ("organisation = ", "not TOML"),
    ],
)
def test_what_is_missing_unknown_or_wrong_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load(written(tmp_path, text))


def test_a_missing_section_says_who_needs_it(tmp_path: Path) -> None:
    read = load(written(tmp_path, COMPLETE))
    for require, named in ((read.require_log, "log"), (read.require_broker, "broker"), (read.require_api, "api")):
        with pytest.raises(SettingsError, match=rf"\[{named}\] is missing"):
            require()


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    read = load(written(tmp_path, COMPLETE))
    assert "hunter2" not in f"{read!r} {read.database}"
    with pytest.raises(SettingsError) as refused:
        load(written(tmp_path, COMPLETE + "\n[databases]\nx = 1\n"))
    assert "hunter2" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml"):
        load(tmp_path / "absent.toml")


BROKER = '\n[broker]\nkind = "mosquitto"\nhost = "127.0.0.1"\nport = 8883\n'


def test_the_files_of_tls_are_the_file_s_own(tmp_path: Path) -> None:
    files = 'tls_ca = "broker-ca.pem"\ncertificate = "ingest.pem"\nkey = "ingest.key"\n'
    tls = load(written(tmp_path, COMPLETE + BROKER + files)).require_broker().tls
    assert tls == TlsFiles(tmp_path / "broker-ca.pem", tmp_path / "ingest.pem", tmp_path / "ingest.key")
    assert load(written(tmp_path, COMPLETE + BROKER)).require_broker().tls is None


def test_half_of_tls_is_no_tls(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="tls_ca, certificate and key together"):
        load(written(tmp_path, COMPLETE + BROKER + 'tls_ca = "broker-ca.pem"\n'))


def test_without_tls_a_broker_is_on_this_machine(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"broker\.example is another machine"):
        load(written(tmp_path, COMPLETE + BROKER.replace("127.0.0.1", "broker.example")))
