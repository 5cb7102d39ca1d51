"""Goal: any id or symbol has a name that the tool takes, and two never have the same.

Method: Hypothesis makes texts, the tool's own rules judge the names, and each name must lead back to its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from beancount.core import account as beancount_account
from beancount.core.amount import CURRENCY_RE
from hypothesis import example, given
from hypothesis import strategies as st

from audit.plaintext import names
from domain.errors import InvalidValue

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=24)
IDS = st.from_regex(r"[A-Za-z0-9_.-]{1,16}", fullmatch=True)  # what the API takes as an account id
SYMBOLS = st.from_regex(r"[A-Z0-9.-]{1,8}", fullmatch=True)
ANY = TEXTS | IDS | SYMBOLS


def _example(function: Callable[..., None]) -> Callable[..., None]:
    for text in ("X-x", "X'", "x-x", "X'58", "X-xa", "a:b", "-", "2D", "%2E", "TRUE", "F", "Ä", "a b", "\n"):
        function = example(text)(function)
    return function


@_example
@given(ANY)
def test_names_lead_back(text: str) -> None:
    """Every name gives back the text that it was made of; hence no two texts share one."""
    assert names.beancount_account_id_back(names.beancount_account_id(text)) == text
    assert names.beancount_symbol_back(names.beancount_symbol(text)) == text
    assert names.beancount_commodity_back(names.beancount_commodity(text)) == text
    assert names.hledger_name_back(names.hledger_name(text)) == text


@given(ANY, ANY)
@example("ann", "Ann")
@example("X", "x")
@example("acc_demo", "acc-5Fdemo")
def test_no_two_texts_share_a_name(one: str, two: str) -> None:
    """The same, said directly, with pairs that a careless rule would confuse."""
    for name in (names.beancount_account_id, names.beancount_symbol, names.beancount_commodity, names.hledger_name):
        assert (name(one) == name(two)) == (one == two)


@_example
@given(ANY)
def test_names_are_legal(text: str) -> None:
    """beancount's own rules take the account name and the commodity; hledger's have neither space, colon nor quote."""
    account = f"Assets:{names.beancount_account_id(text)}:Position:{names.beancount_symbol(text)}"
    commodity = names.beancount_commodity(text)

    assert beancount_account.is_valid(account)
    assert re.fullmatch(CURRENCY_RE, commodity)
    assert commodity not in {"TRUE", "FALSE", "NULL"}
    assert re.fullmatch(r"[A-Za-z0-9._%-]+", names.hledger_name(text))


@pytest.mark.parametrize(
    ("text", "account", "symbol", "commodity", "hledger"),
    [
        ("ann", "Ann", "X-xann", "X''61'6E'6E", "ann"),
        ("Ann", "X-xAnn", "Ann", "X'A'6E'6E", "Ann"),
        ("AAPL", "X-xAAPL", "AAPL", "AAPL", "AAPL"),
        ("acc_demo", "Acc-5Fdemo", "X-xacc-5Fdemo", "X''61'63'63'5F'64'65'6D'6F", "acc_demo"),
        ("BRK.B", "X-xBRK-2EB", "BRK-2EB", "BRK.B", "BRK.B"),
        ("0700.HK", "0700-2EHK", "0700-2EHK", "X'0700'2EHK", "0700.HK"),
        ("NULL", "X-xNULL", "NULL", "X'NULL", "NULL"),
        ("ä b", "X-x-C3-A4-20b", "X-x-C3-A4-20b", "X''C3'A4'20'62", "%C3%A4%20b"),
    ],
)
def test_names_are_those_of_the_manual_page(text: str, account: str, symbol: str, commodity: str, hledger: str) -> None:
    """Worked by hand: 0x5F is the underscore, 0x2E the point, C3 A4 is ä in UTF-8."""
    found = (
        names.beancount_account_id(text),
        names.beancount_symbol(text),
        names.beancount_commodity(text),
        names.hledger_name(text),
    )

    assert found == (account, symbol, commodity, hledger)


def test_nothing_has_no_name() -> None:
    """An empty id is an error, not a name that ends in nothing."""
    for name in (names.beancount_account_id, names.beancount_symbol, names.beancount_commodity, names.hledger_name):
        with pytest.raises(InvalidValue, match="it was empty"):
            name("")
