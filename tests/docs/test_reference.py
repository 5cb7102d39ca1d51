"""Goal: reference pages and examples are true today. Method: make the pages anew, read the examples as the API does."""

from __future__ import annotations

import re
import runpy

import pytest
from pydantic import BaseModel

from api.gateway.bodies import AccountRequest, CashRequest
from api.orders.bodies import BatchRequest, CancelRequest, GroupRequest, OrderRequest, ReplaceRequest
from tests.docs.pages import DOCS, ROOT, blocks

BODIES: dict[str, type[BaseModel]] = {
    "/api/accounts": AccountRequest,
    "/api/accounts/{id}/deposits": CashRequest,
    "/api/orders": OrderRequest,
    "/api/orders/{id}": ReplaceRequest,
    "/api/orders/batch": BatchRequest,
    "/api/order-groups": GroupRequest,
    "/api/orders/{id}/cancel": CancelRequest,
}
PAGES: dict[str, str] = runpy.run_path(str(DOCS / "generate.py"))["pages"]()
FINDERS = ("archive.py", "books.py", "verify.py", "snapshots.py")
ORDERS = DOCS / "how-to" / "submit-an-order.md"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_reference_page_is_current(name: str) -> None:
    """A page that is stale is made anew by `python docs/generate.py`."""
    assert (DOCS / "reference" / name).read_text() == PAGES[name]


def test_there_is_no_other_reference_page() -> None:
    """Nothing in docs/reference is written by hand, so nothing there grows old."""
    assert {path.name for path in (DOCS / "reference").iterdir()} == PAGES.keys()


def test_every_setting_is_in_the_page_and_in_the_example() -> None:
    """The page and .env.example name the same settings."""
    listed = re.findall(r"^\| `([A-Z_]+)` \|", PAGES["settings.md"], re.MULTILINE)
    example = re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)

    assert listed == example


def test_the_curl_examples_have_bodies_that_the_api_takes() -> None:
    """Each request of the page is validated by the model of its operation."""
    calls = re.findall(r"127\.0\.0\.1:8080(/api\S+) [^$]*?-d '(.*?)'", blocks(ORDERS), re.DOTALL)
    seen = set()
    for path, body in calls:
        operation = re.sub(r"/(acc|ord)_\w+", "/{id}", path)
        BODIES[operation].model_validate_json(body)
        seen.add(operation)

    assert seen == BODIES.keys()


def test_the_kinds_of_findings_are_those_that_the_audit_gives() -> None:
    """The table in the how-to page names each kind of finding that audit/ can make, and no other."""
    page = (DOCS / "how-to" / "verify-and-replay.md").read_text()
    listed = set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE))
    code = "\n".join((ROOT / "audit" / name).read_text() for name in FINDERS)
    made = set(re.findall(r'(?:kind=|_add\(\s*(?:record, )?|_found\(\s*)"([a-z_]+)"', code))

    assert listed == made
