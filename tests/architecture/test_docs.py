"""What the documents say of the tree is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests/fixtures").rglob("*.md")],
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text("utf-8")) if "://" not in target]
    missing = [target for target in targets if not (page.parent / target.split("#")[0]).exists()]
    assert missing == []


def test_the_first_screen_of_the_readme_has_the_two_commands() -> None:
    head = (ROOT / "README.md").read_text("utf-8")[:2500]
    assert "make demo" in head
    assert "make test" in head


def test_every_decision_says_what_was_rejected() -> None:
    decisions = sorted((ROOT / "docs/adr").glob("*.md"))
    assert decisions
    for decision in decisions:
        text = decision.read_text("utf-8")
        assert all(
            f"**{part}" in text for part in ("Status:", "Context.", "Decision.", "Consequences.", "Rejected.")
        ), decision.name
