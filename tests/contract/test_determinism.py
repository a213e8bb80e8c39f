"""The same transactions write the same bytes everywhere: by construction, and tried out in fresh interpreters."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import wayproof_contract
from support.contract_scenario import steps
from wayproof_contract.contract import TRANSACTIONS

PACKAGE = Path(wayproof_contract.__file__).parent
PURE = sorted(path for path in PACKAGE.glob("*.py") if path.name != "peer.py")
IMPORTS = {"base64", "binascii", "collections", "dataclasses", "functools", "hashlib", "json", "re", "types", "typing"}
UNSTABLE_CALLS = {
    "hash",
    "id",
    "float",
    "set",
    "frozenset",
    "open",
    "input",
    "print",
    "eval",
    "exec",
    "globals",
    "vars",
}
UNSTABLE_NODES = (ast.Set, ast.SetComp, ast.Global, ast.Nonlocal, ast.Div, ast.AsyncFunctionDef)
MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)


def _reasons(source: str) -> Iterator[str]:
    """Yield why a module might not do the same everywhere."""
    tree = ast.parse(source)
    sorts = [node.args[0] for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node) == "sorted"]
    ordered = {id(part) for argument in sorts for part in ast.walk(argument)}
    for node in ast.walk(tree):
        match node:
            case ast.Import() | ast.ImportFrom():
                yield from _imports(node)
            case ast.Constant(value=float()) | ast.Constant(value=complex()):
                yield f"line {node.lineno}: a float"
            case ast.Call() if _name(node) in UNSTABLE_CALLS:
                yield f"line {node.lineno}: {_name(node)}()"
            case ast.BinOp() if _views_of_keys(node) and id(node) not in ordered:
                yield f"line {node.lineno}: a set of keys that is not sorted"
            case _ if isinstance(node, UNSTABLE_NODES):
                yield f"line {getattr(node, 'lineno', '?')}: {type(node).__name__}"
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, MUTABLE):
            if ast.unparse(statement).startswith("__all__"):
                continue
            yield f"line {statement.lineno}: global mutable state"


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    for name in names:
        if name.split(".")[0] not in IMPORTS | {"wayproof_contract"}:
            yield f"line {node.lineno}: import {name}"


def _name(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _views_of_keys(node: ast.BinOp) -> bool:
    """Tell whether `a.keys() - b.keys()` or the like is what is computed here: a set, in no order."""
    return any(ast.unparse(side).endswith(".keys()") for side in (node.left, node.right))


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.name)
def test_a_module_holds_nothing_that_differs_between_machines(path: Path) -> None:
    assert list(_reasons(path.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from random import choice",
        "x = 0.5",
        "x = y / 2",
        "x = {1, 2}",
        "x = {a for a in b}",
        "x = set(b)",
        "x = hash(b)",
        "x = id(b)",
        "x = a.keys() - b.keys()",
        "CACHE = {}",
        "CACHE: dict[str, int] = {}",
        "def f():\n    global x",
        "open('f')",
    ],
)
def test_the_check_finds(source: str) -> None:
    assert list(_reasons(source)) != []


def test_what_is_agreed_on_cannot_be_changed_at_run_time() -> None:
    table: dict[str, object] = TRANSACTIONS  # type: ignore[assignment]
    with pytest.raises(TypeError):
        table["create_shipment"] = None


def test_the_scenario_has_every_transaction() -> None:
    assert {function for _, function, _ in steps()} == set(TRANSACTIONS)


def test_fresh_interpreters_write_the_same_bytes() -> None:
    outputs = [_run(seed) for seed in ("0", "1", "4711", "random")]
    lines = outputs[0].splitlines()
    assert len(lines) == len(list(steps()))
    assert all(line.startswith(b"200 ") for line in lines)
    assert outputs[1:] == outputs[:1] * 3


def _run(seed: str) -> bytes:
    tests = Path(__file__).parents[1]
    environment = {
        **os.environ,
        "PYTHONHASHSEED": seed,
        "PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), str(tests)]),
    }
    command = [sys.executable, "-m", "support.contract_scenario"]
    return subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60).stdout
