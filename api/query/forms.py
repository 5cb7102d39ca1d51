"""The form of a list's answer, chosen by the Accept header (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import re
from enum import StrEnum

from api.problems import ProblemError


class Form(StrEnum):
    """Media types in the order of our preference where a client has none."""

    JSON = "application/json"
    CSV = "text/csv"
    ARROW = "application/vnd.apache.arrow.stream"


ROWS_MAX = {Form.JSON: 500, Form.CSV: 10_000, Form.ARROW: 10_000}
"""Rows of a page. A larger `limit` gives this many, as AIP-158 has it: `has_more` and the cursor tell of the rest."""

_RANGE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)/([!#$%&'*+.^_`|~0-9A-Za-z-]+)")
_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


def chosen(accept: str | None) -> Form:
    """The form that a client likes best. Raises ProblemError 406 where it takes none of ours.

    The most specific range that names a form decides its quality; parameters of media types are not told apart. What is
    no media range is passed over.
    """
    if accept is None or not accept.strip():
        return Form.JSON
    liked = {form: _quality(form, accept) for form in Form}
    best = max(Form, key=lambda form: liked[form])  # the first of those that are liked equally
    if not liked[best]:
        detail = f"expected Accept to take one of {', '.join(Form)}; it was {accept[:128]!r}"
        raise ProblemError(406, "FORM_NOT_ACCEPTABLE", detail)
    return best


def _quality(form: Form, accept: str) -> float:
    type_, _, subtype = form.partition("/")
    ranks = {(type_, subtype): 3, (type_, "*"): 2, ("*", "*"): 1}
    found = (0, 0.0)
    for item in accept.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        match = _RANGE.fullmatch(name)
        rank = ranks.get((match[1], match[2]), 0) if match else 0
        if rank > found[0]:
            found = (rank, _weight(parameters))
    return found[1]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return float(value) if _QUALITY.fullmatch(value.strip()) else 0.0
    return 1.0
