"""Names that beancount and hledger take, and back: every text has one name, and no two texts have the same.

All is percent-encoding (RFC 3986, section 2.1): the bytes of the UTF-8 text as two hexadecimal digits in capitals, with
the sign that the tool allows in place of `%`, and a mark where a name may not begin as the text does.

- beancount, an account id in an account's name: letters and digits stand, the sign is `-`. A first small letter becomes
  a capital; the mark `X-x` is put before a first capital, and before a first sign.
- beancount, a symbol in an account's name: letters and digits stand, the sign is `-`. The mark `X-x` is put before a
  first small letter, and before a first sign.
- beancount, a commodity: a text that is a legal name without apostrophes stands. Any other gets the mark `X'`; then
  capitals and digits stand, and the sign is `'`.
- hledger: letters, digits and `._-` stand, the sign is `%`, and there is no mark.

No encoded text begins with a mark by itself: after a sign comes a hexadecimal digit, and a commodity that stands has no
apostrophe.
Sources: beancount 3.2.3, parser/lexer.l (ACCOUNTNAME, CURRENCY, TRUE, FALSE, NULL); hledger 1.25 manual, "Account
names" and "Commodity".
"""

from __future__ import annotations

import re
import string

from domain.errors import InvalidValue

_LETTERS = frozenset(string.ascii_letters + string.digits)
_CAPITALS = frozenset(string.ascii_uppercase + string.digits)
_PLAIN = _LETTERS | frozenset("._-")
_COMPONENT_MARK = "X-x"
_COMMODITY_MARK = "X'"
_COMMODITY = re.compile(r"[A-Z](?:[A-Z0-9._-]*[A-Z0-9])?")
_WORDS = frozenset({"TRUE", "FALSE", "NULL"})  # beancount's lexer takes these for values


def beancount_account_id(text: str) -> str:
    """An account id as a component of an account name: `acc_demo` is `Acc-5Fdemo`."""
    first = _first(text)
    if first in string.ascii_lowercase:
        return first.upper() + _encode(text[1:], _LETTERS, "-")
    return ("" if first in string.digits else _COMPONENT_MARK) + _encode(text, _LETTERS, "-")


def beancount_account_id_back(name: str) -> str:
    """The account id of which `beancount_account_id` made `name`."""
    if name.startswith(_COMPONENT_MARK):
        return _decode(name.removeprefix(_COMPONENT_MARK), "-")
    return _decode(name[:1].lower() + name[1:], "-")


def beancount_symbol(text: str) -> str:
    """A symbol as a component of an account name: `BRK.B` is `BRK-2EB`."""
    mark = "" if _first(text) in _CAPITALS else _COMPONENT_MARK
    return mark + _encode(text, _LETTERS, "-")


def beancount_symbol_back(name: str) -> str:
    """The symbol of which `beancount_symbol` made `name`."""
    return _decode(name.removeprefix(_COMPONENT_MARK), "-")


def beancount_commodity(text: str) -> str:
    """A commodity: `BRK.B` is itself, `0700.HK` is `X'0700'2EHK`."""
    _first(text)
    if _COMMODITY.fullmatch(text) and text not in _WORDS:
        return text
    return _COMMODITY_MARK + _encode(text, _CAPITALS, "'")


def beancount_commodity_back(name: str) -> str:
    """The commodity of which `beancount_commodity` made `name`."""
    if not name.startswith(_COMMODITY_MARK):
        return name
    return _decode(name.removeprefix(_COMMODITY_MARK), "'")


def hledger_name(text: str) -> str:
    """A part of an account name, or what stands between a commodity's quotes."""
    _first(text)
    return _encode(text, _PLAIN, "%")


def hledger_name_back(name: str) -> str:
    """The text of which `hledger_name` made `name`."""
    return _decode(name, "%")


def _first(text: str) -> str:
    if not text:
        raise InvalidValue("NAME_EMPTY", "expected a name, it was empty")
    return text[0]


def _encode(text: str, plain: frozenset[str], sign: str) -> str:
    if plain.issuperset(text):
        return text
    return "".join(char if char in plain else "".join(f"{sign}{byte:02X}" for byte in char.encode()) for char in text)


def _decode(name: str, sign: str) -> str:
    parts = name.split(sign)
    raw = [parts[0].encode(), *(bytes.fromhex(part[:2]) + part[2:].encode() for part in parts[1:])]
    return b"".join(raw).decode()
