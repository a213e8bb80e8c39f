"""The page of the API and its OpenAPI document say the same."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from wayproof.api.application import build
from wayproof.settings import ApiSettings, DatabaseSettings, LedgerSettings, Settings
from wayproof_contract.errors import STATUS_OF

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "api.md"
REQUEST = re.compile(r"(GET|POST|PUT) (/[^`?\s]+)")
PROBLEM_TYPE = "application/problem+json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    nowhere = Path("nowhere")
    settings = Settings(
        organisation="ShipperMSP",
        database=DatabaseSettings(dsn=SecretStr("")),
        ledger=LedgerSettings(kind="fabric", endpoint="x:1", tls_ca=nowhere, channel="c", contract="c", users=nowhere),
        api=ApiSettings(port=1),
    )
    return build(settings).openapi()


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_the_page_names_every_request_and_no_other(document: dict[str, Any]) -> None:
    named = set(REQUEST.findall(PAGE.read_text("utf-8")))
    assert named == set(operations(document))


def test_every_refusal_is_described_as_a_problem(document: dict[str, Any]) -> None:
    for (method, path), operation in operations(document).items():
        answers = operation["responses"]
        assert "422" not in answers, path
        refusals = {status: it for status, it in answers.items() if status >= "400"}
        assert refusals or path == "/health/live", path
        for refusal in refusals.values():
            assert list(refusal["content"]) == [PROBLEM_TYPE], (method, path)
        if method in {"POST", "PUT"}:
            assert {"400", "413", "415"} <= set(refusals), path


def test_every_reference_in_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    named = set(re.findall(r"'#/components/schemas/(\w+)'", str(document)))
    assert named == set(document["components"]["schemas"])


def test_every_request_says_what_it_does(document: dict[str, Any]) -> None:
    assert all(it["description"].endswith(".") for it in operations(document).values())
    identifiers = [it["operationId"] for it in operations(document).values()]
    assert len(set(identifiers)) == len(identifiers)


def test_the_page_does_not_repeat_the_contracts_codes_with_another_status() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (\d+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert all(STATUS_OF.get(code, int(status)) == int(status) for code, status in rows)
