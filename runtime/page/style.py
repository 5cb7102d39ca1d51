"""The page's style sheet. Both colour schemes keep a contrast of at least 4.5 to 1 for text (WCAG 2.2, 1.4.3)."""

CSS = """
:root { color-scheme: light dark;
  --ground: #ffffff; --card: #f5f6f8; --ink: #16181d; --muted: #5b6270; --rule: #d4d8df;
  --buy: #0b63ce; --sell: #b3480b; --line: #0b63ce; --other: #7a5a00; --good: #0a6b3d; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #14161a; --card: #1e2127; --ink: #e8eaee; --muted: #a0a7b4; --rule: #3a3f49;
  --buy: #6db1ff; --sell: #ffa15c; --line: #6db1ff; --other: #e3c565; --good: #6fd39b; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 16px; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.15rem; margin: 32px 0 8px; }
h3 { font-size: 1rem; margin: 0 0 8px; }
p { margin: 4px 0; }
.muted, figcaption { color: var(--muted); }
.badge { display: inline-block; border: 2px solid var(--ink); border-radius: 4px; padding: 0 8px; font-weight: 700;
  letter-spacing: .06em; font-size: .9rem; }
header { display: grid; gap: 4px; }
.cards { display: grid; gap: 10px; margin: 16px 0; padding: 0; list-style: none;
  grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); }
.cards li { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 10px 12px; }
.cards b { display: block; font-size: 1.1rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.cards span { display: block; font-size: .85rem; color: var(--muted); }
.good { color: var(--good); } .bad { color: var(--bad); }
.note { border-left: 4px solid var(--sell); padding: 4px 12px; background: var(--card); }
figure { margin: 0; }
.chart { height: 420px; } .chart.low { height: 260px; }
.chart:empty::before { content: "drawing …"; color: var(--muted); }
select { font: inherit; padding: 6px 8px; min-height: 40px; background: var(--card); color: var(--ink);
  border: 1px solid var(--muted); border-radius: 6px; }
:focus-visible { outline: 3px solid var(--line); outline-offset: 2px; }
summary { cursor: pointer; padding: 8px 0; min-height: 40px; }
.scroll { overflow-x: auto; max-height: 420px; overflow-y: auto; }
.grid { display: grid; gap: 24px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr)); }
.grid > section { min-width: 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { text-align: right; padding: 4px 8px; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: pre; }
.grid > .wide { grid-column: 1 / -1; }
.tall .scroll { max-height: none; } .words td { white-space: normal; }
thead th { position: sticky; top: 0; background: var(--ground); color: var(--muted); }
dt { font-weight: 600; margin-top: 8px; } dd { margin: 0; color: var(--muted); }
code { overflow-wrap: anywhere; }
@media (max-width: 480px) { body { padding: 12px; } .chart { height: 340px; }
  .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); } .cards b { font-size: 1rem; }
  th, td { padding: 4px; } td:first-child { white-space: pre-wrap; } }
"""
