"""The page's own script: draws what is on screen, after the figures are there to read.

The charts' library stands in the page as plain text and is started after the first paint. A table is filled when it
is opened.
"""

JS = """
const data = JSON.parse(document.getElementById('data').textContent);
const dark = matchMedia('(prefers-color-scheme: dark)');
const palette = () => { const style = getComputedStyle(document.documentElement);
  return name => style.getPropertyValue('--' + name).trim(); };
const painted = (value, colour) => typeof value === 'string' && value.startsWith('var(--') ? colour(value.slice(6, -1))
  : Array.isArray(value) ? value
  : value && typeof value === 'object'
    ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, key === 'colorscale'
      ? inner.map(([at, shade]) => [at, painted(shade, colour)]) : painted(inner, colour)])) : value;
const chosen = () => document.getElementById('symbol')?.value;
const chartOf = name => name === 'price' ? data.prices[chosen()] : data[name];

function draw(name) {
  const chart = chartOf(name), place = document.getElementById('chart-' + name);
  if (!chart || !window.Plotly) return;
  const colour = palette(), narrow = place.clientWidth < 500;
  const traces = chart.figure.data.map(trace => painted(trace, colour));
  const layout = painted(chart.figure.layout, colour);
  const rule = colour('rule');
  const axis = {gridcolor: rule, linecolor: rule, zerolinecolor: rule, automargin: true};
  Object.assign(layout, {paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
    font: {color: colour('ink'), size: narrow ? 11 : 12, family: getComputedStyle(document.body).fontFamily},
    modebar: {bgcolor: 'rgba(0,0,0,0)', color: colour('muted'), activecolor: colour('line')},
    hoverlabel: {bgcolor: colour('card'), font: {color: colour('ink')}},
    xaxis: {...axis, ...layout.xaxis, nticks: narrow ? 4 : 10}, yaxis: {...axis, ...layout.yaxis}});
  if (narrow) {
    delete layout.yaxis.title;
    Object.assign(layout, {margin: {...layout.margin, l: 36, r: 4}, dragmode: false});
  }
  place.replaceChildren(...(place.classList.contains('js-plotly-plot') ? place.childNodes : []));
  Plotly.react(place, traces, layout, {responsive: true, displaylogo: false, displayModeBar: narrow ? false : 'hover'});
  document.getElementById('caption-' + name).textContent = chart.caption;
  fill(name);
}

function fill(name) {
  const details = document.getElementById('table-' + name), chart = chartOf(name);
  if (!details.open || !chart) return;
  const table = document.createElement('table'), head = table.createTHead().insertRow(), body = table.createTBody();
  for (const column of chart.columns) {
    const cell = document.createElement('th');
    cell.scope = 'col'; cell.textContent = column; head.append(cell);
  }
  for (const row of chart.rows) {
    const line = body.insertRow();
    for (const cell of row) line.insertCell().textContent = cell;
  }
  details.querySelector('.scroll').replaceChildren(table);
}

const names = [...document.querySelectorAll('.chart')].map(place => place.id.slice('chart-'.length)), seen = new Set();
for (const name of names) document.getElementById('table-' + name).addEventListener('toggle', () => fill(name));
document.getElementById('symbol')?.addEventListener('change', () => { draw('price'); fill('price'); });
dark.addEventListener('change', () => seen.forEach(draw));

requestAnimationFrame(() => setTimeout(() => {
  const library = document.createElement('script');
  library.textContent = document.getElementById('plotly').textContent;
  document.head.append(library);
  const watcher = new IntersectionObserver(entries => {
    for (const entry of entries) if (entry.isIntersecting) {
      const name = entry.target.id.slice('chart-'.length);
      watcher.unobserve(entry.target); seen.add(name); draw(name);
    }
  }, {rootMargin: '300px'});
  for (const name of names) watcher.observe(document.getElementById('chart-' + name));
}, 0));
"""
