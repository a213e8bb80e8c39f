"""Logs for tests: deterministic entries, and a log exported as the static files that a mirror would see."""

import json
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wayproof.log import (
    Checkpoint,
    LogTree,
    MemorySubtrees,
    VerifierKey,
    bundle_bytes,
    entry_bundles,
    epoch_origin,
    hash_tiles,
    sign_checkpoint,
    tile_bytes,
)
from wayproof_contract.merkle import leaf_hash

ORIGIN = epoch_origin("logs.example/north", epoch=1)
PRIVATE_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = VerifierKey(ORIGIN, PRIVATE_KEY.public_key().public_bytes_raw())


def entries(count: int) -> list[bytes]:
    """Return so many different entries of 32 bytes."""
    return [sha256(b"entry %d" % number).digest() for number in range(count)]


def leaves(count: int) -> list[bytes]:
    """Return the leaf hashes of `entries`."""
    return [leaf_hash(entry) for entry in entries(count)]


def export_log(folder: Path, *, sizes: Iterable[int]) -> None:
    """Write one growing log at several sizes: the verifier key, and a folder for each size with files and proofs."""
    wanted = sorted(sizes)
    content = entries(wanted[-1])
    source = MemorySubtrees(leaf_hash(entry) for entry in content)
    (folder / "key").write_text(str(KEY))
    for size in wanted:
        _export_tree(folder / str(size), tree=LogTree(source, size), content=content)


def _export_tree(folder: Path, *, tree: LogTree, content: list[bytes]) -> None:
    checkpoint = Checkpoint(ORIGIN, tree.size, tree.root())
    _write(folder / "checkpoint", sign_checkpoint(checkpoint, key=KEY, signer=PRIVATE_KEY.sign))
    for tile in hash_tiles(tree.size):
        _write(folder / tile.path, tile_bytes(tile, source=tree.source))
    for bundle in entry_bundles(tree.size):
        _write(folder / bundle.path, bundle_bytes(content[index] for index in bundle.leaves))
    _write(folder / "proofs.json", json.dumps(_proofs(tree)).encode())


def _proofs(tree: LogTree) -> dict[str, object]:
    """Return what we claim about the tree, hashes in base64 (as Go's tlog writes them)."""
    size = tree.size
    indices = {index for index in (0, 1, 2, 254, 255, 256, 257, size // 2, size - 2, size - 1) if 0 <= index < size}
    firsts = {first for first in (*indices, size) if first >= 0} | {0}
    return {
        "size": size,
        "root": _base64(tree.root()),
        "inclusion": {str(index): [_base64(each) for each in tree.inclusion_proof(index)] for index in indices},
        "consistency": {
            str(first): {
                "root": _base64(LogTree(tree.source, first).root()),
                "proof": [_base64(each) for each in tree.consistency_proof(first)],
            }
            for first in firsts
        },
    }


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _base64(value: bytes) -> str:
    return b64encode(value).decode()
