"""The reference page: its programs run as they stand, and it names everything that is public."""

import ast
import asyncio
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from aiofabric import errors, gateway
from aiofabric.gateway import Gateway
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
        identity, signer = ledger.user("Org1MSP")
        options = {"tls_ca": ledger.tls_ca_pem, "identity": identity, "signer": signer}
        assert await page.main(ledger.address, **options) == b"blue"
        async with Gateway.connect(
            ledger.address, tls_ca=ledger.tls_ca_pem, identity=identity, signer=signer
        ) as connected:
            network = connected.network(ledger.channel)
            queue: asyncio.Queue[gateway.ChaincodeEvent] = asyncio.Queue()
            following = asyncio.create_task(page.follow(network, tmp_path / "checkpoint.json", queue))
            await network.contract(ledger.chaincode).submit("event", "Said", "hello")
            assert (await asyncio.wait_for(queue.get(), 30)).payload == b"hello"
            following.cancel()
            with pytest.raises(asyncio.CancelledError):
                await following


def test_the_page_names_everything_that_is_public() -> None:
    public = set(gateway.__all__)
    public |= {name for name, value in vars(errors).items() if isinstance(value, type) and name.endswith("Error")}
    members = {member for name in gateway.__all__ for member in vars(getattr(gateway, name)) if member[0] != "_"}
    named = set(re.findall(r"\w+", PAGE))
    assert sorted((public | members) - named - {"build"}) == []


def test_the_public_names_are_these() -> None:
    assert gateway.__all__ == sorted(gateway.__all__)
    assert len(gateway.__all__) <= 20
