"""The reference page: its programs run as they stand, and it names everything that is public, where it belongs."""

import ast
import asyncio
import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from aiofabric import errors, gateway, identity
from aiofabric.gateway import Gateway
from aiofabric.gateway.signable import Signable
from aiofabric.identity import pkcs11
from support.embedded_network import running_ledger

PAGE = (Path(__file__).parents[2] / "docs/reference/gateway.md").read_text()


def programs() -> SimpleNamespace:
    namespace: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(ast.parse(block), "gateway.md", "exec"), namespace)  # noqa: S102 - our own page
    return SimpleNamespace(**namespace)


async def test_the_programs_run_as_they_stand(tmp_path: Path) -> None:
    page = programs()
    async with running_ledger(tmp_path / "trade") as ledger:
        alice, signer = ledger.user("Org1MSP")
        options = {"tls_ca": ledger.tls_ca_pem, "identity": alice, "signer": signer}
        assert await page.main(ledger.address, **options) == b"blue"
        async with Gateway.connect(
            ledger.address, tls_ca=ledger.tls_ca_pem, identity=alice, signer=signer
        ) as connected:
            network = connected.network(ledger.channel)
            queue: asyncio.Queue[gateway.ChaincodeEvent] = asyncio.Queue()
            following = asyncio.create_task(page.follow(network, tmp_path / "checkpoint.json", queue))
            await network.contract(ledger.chaincode).submit("event", "Said", "hello")
            assert (await asyncio.wait_for(queue.get(), 30)).payload == b"hello"
            following.cancel()
            with pytest.raises(asyncio.CancelledError):
                await following


SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^###? |\Z)", PAGE, re.MULTILINE | re.DOTALL))
SHARED = re.findall(r"^## What can be signed elsewhere\n(.*?)^###? ", PAGE, re.MULTILINE | re.DOTALL)[0]
SIGNABLE = {"message", "digest", "bytes", "signature", "is_signed"}
IDENTITY = re.findall(r"^## aiofabric.identity\n(.*?)^## Errors", PAGE, re.MULTILINE | re.DOTALL)[0]
CLASSES = [getattr(gateway, name) for name in gateway.__all__ if isinstance(getattr(gateway, name), type)]


def is_ours(kind: type) -> bool:
    return kind.__module__.startswith("aiofabric.")


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def members(kind: type) -> dict[str, object]:
    """Return what a class offers: its own, and what it inherits from classes that have no section of their own."""
    bases = [base for base in kind.__mro__ if base is kind or (is_ours(base) and base not in CLASSES)]
    return {name: value for base in bases for name, value in vars(base).items() if not name.startswith("_")}


def parameters(function: object) -> set[str]:
    function = getattr(function, "__func__", function)
    if not inspect.isfunction(function):
        return set()
    return set(inspect.signature(function).parameters) - {"self", "cls"}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_object_has_a_section_with_all_it_offers(kind: type) -> None:
    assert kind.__name__ in SECTIONS, "give it a heading of its own"
    offered = set(members(kind))
    if issubclass(kind, Signable):
        assert words(SHARED) >= SIGNABLE
        offered -= SIGNABLE
    assert sorted(offered - words(SECTIONS[kind.__name__])) == []


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_argument_is_named(kind: type) -> None:
    """A request's arguments are those of the stream it asks for; the page says so instead of repeating them."""
    asked = {
        argument
        for name, value in members(kind).items()
        if not (name.endswith("_events_request") and kind is gateway.Network) and name != "build"
        for argument in parameters(value)
    }
    asked |= parameters(vars(kind).get("__init__")) if kind in {gateway.Gateway, gateway.SqlCheckpoint} else set()
    assert sorted(asked - words(SECTIONS[kind.__name__])) == []


def test_every_name_and_argument_of_an_identity_is_there() -> None:
    public = set(identity.__all__) | {"Pkcs11Token", "key_identifier"}
    asked = set().union(*(parameters(getattr(identity, name)) for name in identity.__all__))
    for kind in (identity.CertificateAuthority, pkcs11.Pkcs11Token):
        asked |= set(members(kind)).union(*(parameters(value) for value in members(kind).values()))
    assert sorted((public | asked) - words(IDENTITY)) == []


def test_every_error_is_there_with_what_it_carries() -> None:
    section = PAGE.split("## Errors", 1)[1]
    kinds = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    carried = {name for kind in kinds for name in members(kind)}
    assert sorted(({kind.__name__ for kind in kinds} | carried) - words(section)) == []
    codes = set(re.findall(r"``([A-Z_]+)``", errors.IdentityError.__doc__ or ""))
    assert codes == set(re.findall(r"\"([A-Z]+_[A-Z_]+|AMBIGUOUS)\"", " ".join(raising_lines())))
    assert codes <= words(section)


def raising_lines() -> list[str]:
    """Return the lines that give an `IdentityError` its code."""
    folders = (Path(identity.__file__).parent, Path(gateway.__file__).parent)
    modules = [path.read_text() for folder in folders for path in folder.glob("*.py")]
    return [line for text in modules if "IdentityError(" in text for line in text.splitlines() if "code=" in line]


def test_the_public_names_are_these() -> None:
    for names in (gateway.__all__, identity.__all__):
        assert names == sorted(names)
        assert len(names) <= 20
