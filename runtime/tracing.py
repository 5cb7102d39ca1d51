"""Spans, and the W3C `traceparent` that carries them from one process to the next.

Spans are always made, so that logs and records carry trace ids; they are exported, by OTLP over HTTP, only when
settings.otlp_endpoint is set. Source: W3C Trace Context, section 3.2 (traceparent); level 2 adds the random flag.
"""

from __future__ import annotations

import atexit
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from runtime.settings import Settings

Attribute = str | bool | int | float
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_random = random.SystemRandom()


def _provider(service: str) -> TracerProvider:
    return TracerProvider(resource=Resource({"service.name": service}), shutdown_on_exit=False)


_tracer = _provider("tape").get_tracer("tapeledger")


def configure(settings: Settings, service: str) -> None:
    """Name this process's spans, and export them where settings.otlp_endpoint says (for example http://jaeger:4318)."""
    global _tracer  # noqa: PLW0603 -- one tracer a process
    provider = _provider(service)
    if settings.otlp_endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
        atexit.register(provider.shutdown)
    _tracer = provider.get_tracer("tapeledger")


@contextmanager
def span(name: str, parent: str | None = None, **attributes: Attribute) -> Iterator[trace.Span]:
    """A span around a block, below `parent` (a traceparent), or below the current span, or the first of a new trace.

    A parent that is no valid traceparent starts a new trace, as the standard asks. An exception marks the span failed.
    """
    context = None if parent is None else _context(parent)
    with _tracer.start_as_current_span(name, context=context, attributes=attributes) as current:
        yield current


def traceparent() -> str:
    """Of the current span; outside any, a fresh one."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    return f"00-{_random.randrange(1, 1 << 128):032x}-{_random.randrange(1, 1 << 64):016x}-01"


def trace_id() -> str | None:
    """Of the current span, as 32 hexadecimal digits."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def _context(parent: str) -> Context:
    """The context of a span in another process; an empty one where the text is no traceparent."""
    match = _TRACEPARENT.fullmatch(parent)
    if match is None:
        return Context()
    context = trace.SpanContext(
        int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=trace.TraceFlags(int(match[3], 16) & 3)
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(context), Context()) if context.is_valid else Context()
