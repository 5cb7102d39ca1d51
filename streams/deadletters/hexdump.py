"""Bytes that nobody can read, shown so that a terminal takes no harm: escaped, and as a dump."""

from __future__ import annotations

_WIDTH = 16


def escaped(raw: bytes | str) -> str:
    """Printable text: what is no UTF-8, and every control, format and line character, as a Python escape."""
    text = raw.decode(errors="backslashreplace") if isinstance(raw, bytes) else raw
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def is_plain(raw: bytes) -> bool:
    """Whether the bytes are UTF-8 text that is printable as it is, but for line ends and tabs."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return False
    return all(one.isprintable() or one in "\n\r\t" for one in text)


def dump(raw: bytes) -> list[str]:
    """Offset, sixteen bytes in hexadecimal, and their ASCII characters, a line each."""
    lines = []
    for begin in range(0, len(raw), _WIDTH):
        part = raw[begin : begin + _WIDTH]
        pairs = f"{part[:8].hex(' ')}  {part[8:].hex(' ')}"
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{begin:08x}  {pairs:<48}  |{shown}|")
    return lines
