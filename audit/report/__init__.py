"""The demo's report: what was traded, what came of it, and how fast, from the read models."""

from audit.report.build import build
from audit.report.console import render_console
from audit.report.digest import differences
from audit.report.model import DemoReport, Verdicts
from audit.report.page import write_page

__all__ = ["DemoReport", "Verdicts", "build", "differences", "render_console", "write_page"]
