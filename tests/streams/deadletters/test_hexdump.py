"""What is shown of bytes harms no terminal and loses none of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deadletters.hexdump import dump, escaped, is_plain


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain", "plain"),
        ("naïve €".encode(), "naïve €"),
        (b"\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        (b"two\nlines\t\r", "two\\nlines\\t\\r"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("right\u202eleft".encode(), "right\\u202eleft"),
        (b"", ""),
    ],
)
def test_escaped(raw: bytes, shown: str) -> None:
    """Control characters, line ends, what turns the direction of text, and what is no UTF-8 are written out."""
    assert escaped(raw) == shown


@given(st.binary(max_size=200))
def test_escaped_is_one_printable_line(raw: bytes) -> None:
    """Whatever the bytes are, a terminal gets nothing but printable characters."""
    assert escaped(raw) == "" or escaped(raw).isprintable()


def test_a_dump_as_hexdump_prints_it() -> None:
    """Offsets, pairs and characters, as `hexdump -C` of util-linux has them for these bytes."""
    assert dump(b"tapeledger \x00\x01\xff!\n!") == [
        "00000000  74 61 70 65 6c 65 64 67  65 72 20 00 01 ff 21 0a  |tapeledger ...!.|",
        "00000010  21                                                |!|",
    ]


@given(st.binary(max_size=200))
def test_a_dump_loses_nothing(raw: bytes) -> None:
    """The bytes can be read off it again, and each line is printable."""
    lines = dump(raw)
    digits = "".join(re.sub(r"\s", "", line[10:58]) for line in lines)

    assert bytes.fromhex(digits) == raw
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("raw", "plain"), [(b'{"a": 1}\n', True), ("é\t".encode(), True), (b"\x00", False), (b"\xff", False)]
)
def test_plain_text_needs_no_dump(raw: bytes, plain: bool) -> None:
    """JSON is shown as it is; anything with control characters or no UTF-8 is not."""
    assert is_plain(raw) is plain
