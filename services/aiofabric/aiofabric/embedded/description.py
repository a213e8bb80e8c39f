"""``ledger.json``: what a ledger is, for whoever opens its directory."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiofabric.embedded.errors import ProvisionError
from aiofabric.embedded.private_collections import Collection

DESCRIPTION_FILE = "ledger.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Description:
    """What ``ledger.json`` says."""

    channel: str
    organisations: tuple[str, ...]
    orderer: str
    chaincodes: Mapping[str, str]
    genesis_hash: str
    collections: Mapping[str, tuple[Collection, ...]] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> bytes:
        """Return the content of the file."""
        document = {
            "version": VERSION,
            "channel": self.channel,
            "genesis": self.genesis_hash,
            "organisations": list(self.organisations),
            "orderer": self.orderer,
            "chaincodes": dict(self.chaincodes),
            "policies": dict(self.policies),
            "collections": {
                name: [dataclasses.asdict(entry) for entry in entries] for name, entries in self.collections.items()
            },
        }
        return json.dumps(document, indent=2).encode() + b"\n"


def describe(directory: Path) -> Description:
    """Read ``ledger.json``; raise ProvisionError if the directory holds no ledger."""
    try:
        document: dict[str, Any] = json.loads((directory / DESCRIPTION_FILE).read_bytes())
        if document["version"] != VERSION:
            raise ProvisionError(f"{directory} holds a ledger of version {document['version']}; this is {VERSION}")
        return Description(
            channel=document["channel"],
            organisations=tuple(document["organisations"]),
            orderer=document["orderer"],
            chaincodes=dict(document["chaincodes"]),
            genesis_hash=document["genesis"],
            policies=dict(document.get("policies", {})),
            collections={
                name: tuple(_collection(entry) for entry in entries)
                for name, entries in document.get("collections", {}).items()
            },
        )
    except FileNotFoundError as error:
        raise ProvisionError(f"{directory} holds no ledger: make one with init") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ProvisionError(f"{directory / DESCRIPTION_FILE} cannot be read: {error}") from error


def _collection(document: Mapping[str, Any]) -> Collection:
    return Collection(**{**document, "members": tuple(document["members"])})
