"""The trust root: the few facts that an auditor obtains elsewhere and that no evidence file contains."""

import json
from dataclasses import dataclass
from typing import Any

from wayproof_contract import canonical
from wayproof_verifier.errors import EncodingError

MAX_BYTES = 65_536
MEMBERS = ("channel", "contract", "endorsement_policy", "genesis", "organisations", "v")


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """The channel, by the hash of its genesis block; the contract, its policy, and the organisations that may count.

    `genesis` is the SHA-256 of the genesis block's header (its block hash). `endorsement_policy` is the path of a
    policy in the channel's configuration. An organisation that is not named here never counts towards it.
    """

    channel: str
    genesis: bytes
    contract: str
    organisations: tuple[str, ...]
    endorsement_policy: str = "/Channel/Application/Endorsement"

    def encode(self) -> bytes:
        """Return the file's bytes: canonical JSON and a newline."""
        document = {
            "v": 1,
            "channel": self.channel,
            "genesis": self.genesis.hex(),
            "contract": self.contract,
            "endorsement_policy": self.endorsement_policy,
            "organisations": sorted(self.organisations),
        }
        return canonical.encode(document) + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> "TrustRoot":
        """Read a trust root file: JSON with exactly these members, none twice. Raises EncodingError.

        White space is free, for people write it.
        """
        if len(data) > MAX_BYTES:
            raise _refusal(f"longer than {MAX_BYTES} bytes")
        try:
            document = json.loads(data.decode("utf-8"), object_pairs_hook=_unique)
            canonical.encode(document)
        except (ValueError, RecursionError) as error:
            raise _refusal(f"not JSON as it is read here: {error}") from error
        if not isinstance(document, dict) or sorted(document) != list(MEMBERS):
            raise _refusal(f"its members are {', '.join(MEMBERS)}")
        if type(document["v"]) is not int or document["v"] != 1:
            raise _refusal("it has another version than 1")
        return cls(
            channel=_text(document, "channel"),
            genesis=_genesis(document),
            contract=_text(document, "contract"),
            organisations=_organisations(document["organisations"]),
            endorsement_policy=_text(document, "endorsement_policy"),
        )


def _refusal(reason: str) -> EncodingError:
    return EncodingError(f"the trust root cannot be used: {reason}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _text(document: dict[str, Any], name: str) -> str:
    value = document[name]
    if not isinstance(value, str) or not value:
        raise _refusal(f"{name} is a text that is not empty")
    return value


def _genesis(document: dict[str, Any]) -> bytes:
    text = _text(document, "genesis")
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):  # noqa: PLR2004 - SHA-256 in hex
        raise _refusal("genesis is a block hash: 64 lower-case hex digits")
    return bytes.fromhex(text)


def _organisations(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) and name for name in value):
        raise _refusal("organisations is a list of MSP ids, at least one")
    if len(set(value)) != len(value):
        raise _refusal("an organisation is there twice")
    return tuple(sorted(value))
