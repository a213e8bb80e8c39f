"""Chaincode packages: the same input gives the same bytes, and the id is label and hash."""

import hashlib
import io
import json
import tarfile
from typing import Any

import pytest

from aiofabric.network import ChaincodeTls, DeployError, ccaas_package


def test_a_package_is_two_archives_with_label_and_address() -> None:
    package = ccaas_package("assets_1.0", address="127.0.0.1:9999")
    outer = _files(package.content)
    assert json.loads(outer["metadata.json"]) == {"type": "ccaas", "label": "assets_1.0"}
    assert _connection(package.content) == {
        "address": "127.0.0.1:9999",
        "dial_timeout": "10s",
        "tls_required": False,
    }
    assert package.package_id == "assets_1.0:" + hashlib.sha256(package.content).hexdigest()


def test_the_id_of_a_package_is_the_same_on_every_machine() -> None:
    # If this value changes, every package id does: peers would need every chaincode installed anew.
    package_id = ccaas_package("assets_1.0", address="127.0.0.1:9999").package_id
    assert package_id == "assets_1.0:74067e0048b897df1d47c3f0acd8a3bb28315ff35de8edcb4ecbdb688c5ad49b"


def test_other_programs_can_read_a_large_package() -> None:
    package = ccaas_package("a", address="cc:1", tls=ChaincodeTls(b"R" * 200_000))
    assert _connection(package.content)["root_cert"] == "R" * 200_000


def test_another_address_is_another_package() -> None:
    one, other = (ccaas_package("a", address=f"127.0.0.1:{port}") for port in (1, 2))
    assert one.package_id != other.package_id


def test_tls_travels_in_the_package() -> None:
    tls = ChaincodeTls(b"ROOT", client_certificate_pem=b"CERTIFICATE", client_key_pem=b"KEY")
    connection = _connection(ccaas_package("a", address="cc:1", tls=tls).content)
    assert connection["tls_required"] is True
    assert connection["client_auth_required"] is True
    assert (connection["root_cert"], connection["client_cert"], connection["client_key"]) == (
        "ROOT",
        "CERTIFICATE",
        "KEY",
    )
    assert (
        _connection(ccaas_package("a", address="cc:1", tls=ChaincodeTls(b"R")).content)["client_auth_required"] is False
    )


@pytest.mark.parametrize("label", ["", "-a", "a b", "a/b", "ä"])
def test_what_is_no_label_is_refused(label: str) -> None:
    with pytest.raises(DeployError, match="is not a label"):
        ccaas_package(label, address="127.0.0.1:1")


def _files(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        return {member.name: opened.extractfile(member).read() for member in opened}  # type: ignore[union-attr]


def _connection(package: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_files(_files(package)["code.tar.gz"])["connection.json"])
    return document
