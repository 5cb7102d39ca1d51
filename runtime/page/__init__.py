"""Reports as one HTML file that needs no network: style, script, charts with a table behind each, the document."""

from runtime.page.charts import Chart, chart, figure
from runtime.page.document import chart_place, document, symbol_choice, table

__all__ = ["Chart", "chart", "chart_place", "document", "figure", "symbol_choice", "table"]
