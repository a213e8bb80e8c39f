"""The pages as a person meets them: with a mouse, by keyboard, on a phone, in the dark, and when things go wrong."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from support import chromium
from support import pages_records as records
from support.pages_fixture import EVIDENCE, STATIC, World, problem, serve_pages

AXE = Path(__file__).parents[2] / "services/wayproof/web/node_modules/axe-core/axe.min.js"
PHONE = (360, 740)
DESKTOP = (1280, 900)
PAGES = {
    "list": "/",
    "warm": f"/shipments/{records.WARM}",
    "offered": f"/shipments/{records.HANDED}",
    "elsewhere": f"/shipments/{records.ELSEWHERE}",
    "closed": f"/shipments/{records.CLOSED}",
    "long": f"/shipments/{records.LONG_NAMED}",
    "hostile": f"/shipments/{records.ATTACKED}",
    "quiet": f"/shipments/{records.QUIET}",
    "unknown": "/shipments/1",
    "devices": "/devices",
    "rejections": "/rejections",
    "verify": "/verify",
    "missing": "/nothing/here",
}
Opened = Callable[..., Page]

pytestmark = [
    pytest.mark.skipif(bool(chromium.missing()), reason=chromium.missing()),
    pytest.mark.skipif(not (STATIC / "index.html").exists(), reason="the web pages are not built (make web)"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.running_chromium() as running:
        yield running


@pytest.fixture
def served() -> Iterator[tuple[str, World]]:
    with serve_pages() as address_and_world:
        yield address_and_world


@pytest.fixture
def world(served: tuple[str, World]) -> World:
    return served[1]


@pytest.fixture
def opened(browser: Browser, served: tuple[str, World]) -> Iterator[Opened]:
    """Open pages; afterwards nothing may have complained, but for answers that a test asked to fail."""
    complaints: list[str] = []
    contexts = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    def open_page(path: str, *, size: tuple[int, int] = DESKTOP, dark: bool = False) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(served[0] + path)
        settled(page)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def settled(page: Page) -> None:
    """Wait until everything that the page asks for at first has come."""
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator(".whose")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^Loading .* …$"))).to_have_count(0)


@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_a_shipment_says_which_readings_were_let_go_of(opened: Opened, world: World, size: tuple[int, int]) -> None:
    world.dropped = [(1_750_000_000_000, 1_750_600_000_000)]
    said = "Not kept here any more: readings from 15 Jun"
    some = opened(PAGES["warm"], size=size)
    expect(some.get_by_text(said)).to_be_visible()
    expect(some.locator("svg").first).to_be_visible()
    expect(opened(PAGES["quiet"], size=size).get_by_text(said)).to_be_visible()


def test_from_the_list_to_a_shipment_its_evidence_and_the_report(opened: Opened) -> None:
    page = opened("/")
    rows = page.locator(".shipment-row")
    expect(rows).to_have_count(len(records.OPEN_SHIPMENTS))
    expect(rows.first).to_contain_text("Critical")
    expect(rows.first).to_contain_text("Temperature 9.4 °C is above 8.0 °C")
    expect(rows.first).to_contain_text("above the high limit 2.0 to 8.0 °C")
    rows.first.get_by_role("link").click()

    expect(page.get_by_role("heading", level=1)).to_have_text(f"Shipment {records.WARM}")
    expect(page.get_by_role("img", name=re.compile("Chart of temperature.*1 gap: 12 messages missing"))).to_be_visible()
    expect(page.locator(".map .marker")).to_have_count(3)
    expect(page.get_by_role("progressbar", name="Anchored: 451 of 456 messages")).to_be_visible()

    with page.expect_download() as started:
        page.get_by_role("link", name="Download the evidence").click()
    assert started.value.suggested_filename == f"{records.WARM}.evidence"
    assert started.value.path().read_bytes() == EVIDENCE

    page.get_by_role("button", name="Show the verifier's report").click()
    report = page.get_by_role("dialog", name="The verifier's report")
    expect(report).to_contain_text("Verified: every check passed")
    expect(report).to_contain_text("6 of 6 checks passed, as of block 1283")
    expect(report).to_contain_text("This is our own word.")
    expect(report).to_contain_text("proves nothing between organisations")
    expect(report).to_contain_text(f"wayproof-verify --trust-root trust-root.json {records.WARM}.evidence")


def test_a_keyboard_alone_reaches_a_shipment_and_its_report(opened: Opened) -> None:
    page = opened("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    first = page.locator(".shipment-row").first.get_by_role("link")
    tab_to(page, ".shipment-row:first-child a")
    expect(first).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_be_focused()
    settled(page)
    report = page.get_by_role("button", name="Show the verifier's report")
    tab_to(page, ".buttons button:first-of-type")
    expect(report).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Verified")
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(report).to_be_focused()


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until an element has the focus, at most as often as a person would."""
    for _ in range(15):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"{selector} is not reached by Tab")


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES.keys())
def test_every_page_fits_a_phone_and_axe_finds_nothing_serious_by_day_and_by_night(opened: Opened, path: str) -> None:
    page = opened(path)
    assert serious_violations(page) == []
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.emulate_media(color_scheme="dark")
    for _ in range(100):  # charts follow a moment later; wait_for_function would be script that the page forbids
        if page.evaluate("document.documentElement.scrollWidth") == PHONE[0]:
            break
        page.wait_for_timeout(50)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
    assert serious_violations(page) == []


def test_axe_finds_nothing_serious_in_dialogs(opened: Opened) -> None:
    page = opened(PAGES["hostile"], dark=True)
    page.get_by_role("button", name="Show the verifier's report").click()
    expect(page.get_by_role("dialog")).to_contain_text("Failed: do not rely on this file")
    assert serious_violations(page) == []
    page = opened(PAGES["elsewhere"], size=PHONE)
    page.get_by_role("button", name="Offer custody …").click()
    assert serious_violations(page) == []
    assert page.evaluate("document.querySelector('dialog').scrollWidth") <= PHONE[0]


def serious_violations(page: Page) -> list[str]:
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    assert found["passes"]
    return [
        f"{violation['id']}: {node['html'][:200]} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("path", [PAGES["list"], PAGES["hostile"], PAGES["devices"], PAGES["rejections"]])
def test_hostile_strings_are_text(opened: Opened, path: str) -> None:
    page = opened(path)
    expect(page.get_by_text(records.HOSTILE[:30]).first).to_be_visible()
    assert page.locator("img").count() == 1  # ours
    assert page.locator("script").count() == 1
    assert "taken over" not in page.title()


def test_the_list_is_filtered_and_searched(opened: Opened) -> None:
    page = opened("/")
    page.get_by_role("searchbox").fill("denver insulin")
    expect(page.locator(".shipment-row")).to_have_count(1)
    page.get_by_role("searchbox").fill("nothing like it")
    expect(page.get_by_text("None of the 6 shipments shown here matches")).to_be_visible()
    page.get_by_role("searchbox").fill("")
    page.get_by_text("Closed", exact=True).click()
    expect(page.locator(".shipment-row")).to_have_count(1)
    page.get_by_role("searchbox").fill(records.QUIET)
    page.get_by_role("searchbox").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Shipment {records.QUIET}")


def test_refreshing_keeps_focus_scroll_and_what_was_typed(opened: Opened) -> None:
    page = opened("/", size=PHONE)
    page.get_by_role("searchbox").fill("a")
    page.locator(".shipment-row").nth(4).get_by_role("link").focus()
    page.evaluate("window.scrollTo(0, 600)")
    before = page.evaluate("scrollY")
    with page.expect_response(re.compile("/shipments")), page.expect_response(re.compile("/organisation")):
        pass
    expect(page.locator(".shipment-row").nth(4).get_by_role("link")).to_be_focused()
    assert page.evaluate("scrollY") == before
    assert page.get_by_role("searchbox").input_value() == "a"


def test_empty_lists_say_so(opened: Opened, world: World) -> None:
    world.empty = True
    expect(opened("/").get_by_text("No open shipments.")).to_be_visible()
    expect(opened("/devices").get_by_text("No device is registered yet.")).to_be_visible()
    expect(opened("/rejections").get_by_text("Nothing was refused.")).to_be_visible()


def test_an_error_says_what_to_do_and_the_page_recovers(opened: Opened, world: World) -> None:
    world.broken = {"/shipments"}
    page = opened("/")
    expect(page.get_by_role("alert")).to_contain_text("The database does not answer. Start it")
    expect(page.get_by_role("alert")).to_contain_text("store_unavailable")
    world.broken = set()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".shipment-row")).to_have_count(len(records.OPEN_SHIPMENTS))
    world.broken = {"/shipments"}
    expect(page.get_by_text("This may be out of date.")).to_be_visible()
    expect(page.locator(".shipment-row")).to_have_count(len(records.OPEN_SHIPMENTS))


def test_a_shipment_that_is_not_ours_is_said_not_to_be(opened: Opened) -> None:
    expect(opened(PAGES["unknown"]).get_by_role("alert")).to_contain_text("No shipment has this GSIN")


def test_where_readings_are_elsewhere_the_page_says_with_whom_and_what_is_left(opened: Opened) -> None:
    page = opened(PAGES["elsewhere"])
    expect(page.get_by_text("Readings are with the organisation that keeps the log")).to_be_visible()
    expect(page.get_by_text("The readings of this device are with ShipperMSP").first).to_be_visible()
    expect(page.get_by_text("No position is held here")).to_be_visible()
    expect(page.get_by_text("The evidence file needs the messages: get it from ShipperMSP.")).to_be_visible()
    expect(page.get_by_role("link", name="Download the evidence")).to_have_count(0)
    expect(page.locator(".handover")).to_contain_text("4.6 °C")


def test_custody_is_accepted_with_a_remark(opened: Opened, world: World) -> None:
    page = opened(PAGES["offered"])
    page.get_by_role("button", name="Accept custody …").click()
    page.get_by_label("The condition of the goods as we take them").fill("Seal 4711 unbroken")
    page.get_by_role("button", name="Accept custody", exact=True).click()
    expect(page.get_by_text("Recorded on the ledger.")).to_be_visible()
    assert world.sent == [(f"/shipments/{records.HANDED}/offers/6/acceptance", {"remark": "Seal 4711 unbroken"})]


def test_positions_are_asked_for_where_messages_are_not_held(opened: Opened, world: World) -> None:
    page = opened(PAGES["elsewhere"])
    page.get_by_role("button", name="Offer custody …").click()
    page.get_by_label("To", exact=True).select_option(records.CONSIGNEE)
    page.get_by_label("The condition of the goods as we give them").fill("Good")
    for name, value in (("Boot", "1"), ("Sequence", "240"), ("Message hash (64 hex digits)", "ab" * 32)):
        page.get_by_label(name).first.fill(value)
    page.get_by_role("button", name="Offer custody", exact=True).click()
    expect(page.get_by_text("Recorded on the ledger.")).to_be_visible()
    position = {"device_id": "reefer-7", "stream": "conditions", "boot": 1, "sequence": 240, "hash": "ab" * 32}
    assert world.sent == [
        (
            f"/shipments/{records.ELSEWHERE}/offers",
            {"to": records.CONSIGNEE, "remark": "Good", "positions": [position]},
        )
    ]


def test_a_refused_change_is_told_in_the_form_and_nothing_is_lost(opened: Opened, world: World) -> None:
    world.refuse = problem(409, "excursion_resolved", "It is resolved already: an amendment can add to it.")
    page = opened(PAGES["warm"])
    page.get_by_role("button", name="Resolve …").click()
    page.get_by_label("Why").fill("Stability data allow it")
    page.get_by_role("button", name="Resolve the excursion").click()
    expect(page.get_by_role("alert")).to_contain_text("an amendment can add to it")
    expect(page.get_by_label("Why")).to_have_value("Stability data allow it")
    assert world.sent == []


def test_a_file_from_anywhere_is_verified_and_a_changed_one_refused_with_its_reason(
    opened: Opened, tmp_path: Path
) -> None:
    page = opened(PAGES["verify"])
    (tmp_path / "good.jsonl").write_bytes(EVIDENCE)
    (tmp_path / "bad.jsonl").write_bytes(EVIDENCE + b"x")
    page.get_by_label("Choose an evidence file").set_input_files(tmp_path / "good.jsonl")
    expect(page.get_by_text("Verified: every check passed")).to_be_visible()
    page.get_by_label("Choose an evidence file").set_input_files(tmp_path / "bad.jsonl")
    expect(page.get_by_text("Failed: do not rely on this file").first).to_be_visible()
    expect(page.locator(".check").first).to_contain_text("the folded root is not the anchored one")
    expect(page.locator(".check.warning")).to_contain_text("log.inclusion did not pass")


@pytest.mark.parametrize("name", ["warm", "offered", "closed", "hostile"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_pointing_at_the_chart_reads_a_value(opened: Opened, name: str, size: tuple[int, int]) -> None:
    """The plot knows its times only where it has drawn its line: a blank one reads nothing."""
    page = opened(PAGES[name], size=size)
    plot = page.locator(".plot .u-over")
    plot.scroll_into_view_if_needed()
    plot.hover()
    expect(page.locator(".readout")).to_contain_text(": ")


def test_the_chart_is_there_as_a_table_too(opened: Opened) -> None:
    page = opened(PAGES["warm"])
    page.get_by_text("The same as a table").click()
    rows = page.locator("details tbody tr")
    expect(rows).to_have_count(100)
    expect(rows.first).to_contain_text("above")


def test_flags_are_in_words_beside_the_chart_and_in_its_table(opened: Opened) -> None:
    page = opened(PAGES["warm"])
    expect(page.locator(".caption").first).to_contain_text("Flagged as not plausible: 3 × Changed too fast.")  # noqa: RUF001 - times
    page.get_by_text("The same as a table").click()
    page.get_by_role("button", name="Show more").click()
    flagged = page.locator("details tbody tr", has_text="Changed too fast: moved by 14.5 within 10 min")
    expect(flagged).to_have_count(3)
    page.get_by_text("Humidity").first.click()
    expect(page.locator(".caption").first).not_to_contain_text("Flagged")


def test_single_readings_are_shown_exactly_with_what_proves_them(opened: Opened) -> None:
    page = opened(PAGES["warm"], size=PHONE)
    page.get_by_text("Single readings, each with its message, leaf and anchor").click()
    rows = page.locator("details .stacked tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("−18.50 °C")  # noqa: RUF001 - a minus sign
    expect(rows.nth(0)).to_contain_text("not sealed yet")
    expect(rows.nth(0)).to_contain_text("Changed too fast: moved by 14.5 within 60 s")
    expect(rows.nth(0)).to_contain_text("A later rule: <b>whatever it says</b>")
    expect(rows.nth(1)).to_contain_text("not anchored yet")
    expect(rows.nth(2)).to_contain_text("12, block 1,282")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
