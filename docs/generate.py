"""Writes docs/reference from the code: `python docs/generate.py`. tests/docs says when a page is stale."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"

# Commands whose options belong to another folder's command line (runtime.cli loads them when they are used).
_COMMENT = re.compile(r"^comment on (table|view) (\w+) is '(.*)';$", re.MULTILINE)
_TABLE = re.compile(r"^create table (\w+) \((.*?)^\);", re.MULTILINE | re.DOTALL)
_KEY = re.compile(r"^    (?:primary key \((.*)\)|(\w+) \w+ primary key)", re.MULTILINE)
_HYPERTABLE = re.compile(r"create_hypertable\('(\w+)', '(\w+)', chunk_time_interval => interval '(.*?)'\)")
_COMPRESSED = re.compile(r"add_compression_policy\('(\w+)', compress_after => interval '(.*?)'\)")
_DROPPED = re.compile(r"add_retention_policy\('(\w+)', drop_after => interval '(.*?)'\)")
_STANDARD = {"--help", "--install-completion", "--show-completion"}


def pages() -> dict[str, str]:
    """The text of each page by file name."""
    makers: dict[str, Callable[[], str]] = {
        "backtest-statistics.md": backtest_statistics,
        "breaks.md": breaks,
        "chart-of-accounts.md": chart_of_accounts,
        "commands.md": commands,
        "features.md": features,
        "honest-models.md": honest_models,
        "http-api.md": http_api,
        "inference-api.md": inference_api,
        "limits.md": limits,
        "metrics.md": metrics,
        "order-lifecycle.md": order_lifecycle,
        "planted-bugs.md": planted_bugs,
        "read-models.md": read_models,
        "rejection-codes.md": rejection_codes,
        "settings.md": settings,
        "stream.md": stream,
        "topics.md": topics,
        "validation.md": validation,
    }
    return {name: make() for name, make in makers.items()}


def backtest_statistics() -> str:
    """Every figure of a backtest."""
    from models.backtest.sample import RETURNS_MIN, SPAN_DAYS_MIN
    from models.backtest.statistics import formulas

    rows = [
        (
            one.label,
            f"{formula}." + (f" Source: {source}." if source else ""),
            one.unit,
            "closed trades" if one.of_trades else "returns",
            "yes" if one.annual else "",
        )
        for one, formula, source in formulas()
    ]
    lines = [
        "V_0 … V_n is the account's worth at the closes, r_t = V_t / V_(t-1) - 1 their n returns, P the closes a",
        "year. P is measured from the spacing of the closes; within 5 % of 252 it is the 252 sessions of daily bars.",
        f"A figure marked annual is refused below {RETURNS_MIN} returns or {SPAN_DAYS_MIN} days. What cannot be had is",
        "None with a reason, never NaN or infinity. All are net of costs;",
        "[run a backtest](../how-to/run-a-backtest.md) shows them.",
        "",
        *_table(("figure", "formula", "unit", "sample", "annual"), rows),
    ]
    return _page("Statistics of a backtest", "models/backtest/statistics.py", lines)


def breaks() -> str:
    """Every kind of difference between the venue's records and the ledger's."""
    from domain.breaks import BREAKS

    lines = [
        "They stand in `BreakFound` and `BreakResolved`; [reconcile](../how-to/reconcile.md) says what to do.",
        "A kind never changes its meaning.",
        "",
        *_table(("kind", "meaning"), [(f"`{kind}`", _text(meaning)) for kind, meaning in BREAKS.items()]),
    ]
    return _page("Breaks", "domain/breaks.py", lines)


def chart_of_accounts() -> str:
    """Every kind of book account."""
    from domain.chart import CHART

    rows = [
        (
            f"`{kind.name}:SYMBOL`" if kind.per_symbol else f"`{kind.name}`",
            kind.class_,
            "a currency" if kind.measure == "money" else "units of the symbol",
            "debit (above zero)" if kind.natural_sign > 0 else "credit (below zero)",
            _text(kind.meaning),
        )
        for kind in CHART.values()
    ]
    lines = [
        "Each account of the ledger has book accounts of these kinds. A posting names one, a commodity and an amount;",
        "debits are above zero, credits below it, and the postings of an event sum to zero per commodity. `SYMBOL` is",
        "an instrument's symbol. The natural side follows from the class: a balance may stand on the other side (a",
        "loss in `realized_pnl` is a debit). How they look in beancount and hledger:",
        "[export the books](../how-to/export-the-books.md).",
        "",
        *_table(("book account", "class", "commodity", "natural side", "meaning"), rows),
    ]
    return _page("The chart of accounts", "domain/chart.py", lines)


def commands() -> str:
    """Every command of `tape` with its arguments and options."""
    from runtime.cli import app

    lines = [
        "Exit codes: 0 it worked, 1 it did not and one line says why, 2 the command line is wrong, 3 a worker met what",
        "trying again cannot heal ([start and stop](../how-to/start-and-stop.md)).",
        "`tape audit` has its own, see [verify and replay](../how-to/verify-and-replay.md).",
    ]
    for name, command in _commands("tape", _click(app)):
        lines += ["", f"## `{name}`", "", _text(command.help)]
        if rows := [_option(option) for option in command.params if not _STANDARD & set(option.opts)]:
            lines += ["", *_table(("argument or option", "default", "meaning"), rows)]
    return _page("The tape command", "runtime/cli.py and the folders' own command lines", lines)


def features() -> str:
    """Every feature that models see."""
    from models.features import FEATURES, WINDOW

    rows = [
        (
            f"`{feature.name}`",
            feature.family,
            str(feature.window),
            str(feature.warm_up),
            f"{feature.seed:.1e}" if feature.seed else "none",
            _text(feature.meaning),
        )
        for feature in FEATURES
    ]
    lines = [
        f"A model sees these numbers, in this order, of the last {WINDOW} completed bars of one symbol, and nothing",
        "else. Prices are in units of the last close. Window: the bars that a feature looks at, the last one included;",
        "older ones change nothing. Warm-up: the bars from which TA-Lib gives it a value; a row of features needs all",
        f"{WINDOW} bars. Seed: what its slowest recursive average's first value still weighs at the window's end, and",
        "so how far it may be from the same indicator over an endless history. To add one:",
        "[add a feature](../how-to/add-a-feature.md).",
        "",
        *_table(("feature", "family", "window", "warm-up", "seed", "meaning"), rows),
        "",
        "## Formulas",
        "",
        "Functions are TA-Lib's.",
        "",
        *_table(
            ("feature", "formula", "source"),
            [(f"`{feature.name}`", f"`{feature.formula}`", _text(feature.source)) for feature in FEATURES],
        ),
    ]
    return _page("Features", "models/features/declared.py", lines)


def honest_models() -> str:
    """The points that keep models from fooling themselves, and the tests behind each."""
    from tests.models.honest import POINTS

    def named(test: str) -> str:
        path, name = test.split("::")
        return f"[{name.removeprefix('test_').replace('_', ' ')}](../../{path})"

    lines = [
        "A model that looks good is most often a mistake of the one who measured it. These are the mistakes known,",
        "what is done against each, and the tests that hold it; each test says in its docstring what it does. What",
        "the numbers mean: [validation](validation.md).",
        "",
        *_table(
            ("", "point", "how", "tests"),
            [(str(one.number), one.point, one.how, "; ".join(named(test) for test in one.tests)) for one in POINTS],
        ),
    ]
    return _page("Models that do not fool themselves", "tests/models/honest.py", lines)


def http_api() -> str:
    """Every operation of the API."""
    from fastapi.routing import APIRoute

    from api.app import ROUTERS
    from api.security.policy import POLICIES

    def needs(operation_id: str) -> str:
        policy = POLICIES[operation_id]
        if policy.is_public:
            return "nothing"
        return " or ".join(f"`{name}`" for name in sorted(policy.scopes)) or "any credential"

    rows = [
        (f"`{method} {route.path}`", route.summary or "", needs(str(route.operation_id)), f"`{route.operation_id}`")
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in sorted(route.methods)
    ]
    lines = [
        "Bodies, answers and errors are in `/openapi.json`. Errors are RFC 9457 problem details. Examples:",
        "[submit an order](../how-to/submit-an-order.md). Who may call what: [give access](../how-to/give-access.md).",
        "",
        *_table(("operation", "what it does", "scope", "operation id"), rows),
    ]
    return _page("The HTTP API", "the routers of api/app.py", lines)


def inference_api() -> str:
    """Every operation of the inference service."""
    from fastapi.routing import APIRoute

    from models.service.access import PUBLIC_PATHS
    from models.service.app import ROUTERS
    from models.service.openapi import ERRORS

    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    rows = [
        (
            f"`{method} {route.path}`",
            route.summary or "",
            "nothing" if route.path in PUBLIC_PATHS else "the token, where there is one",
            f"`{route.operation_id}`",
        )
        for route in routes
        for method in sorted(route.methods)
    ]
    refusals = [
        (f"`{route.path}`", status, _text(meaning))
        for route in routes
        for status, meaning in ERRORS[str(route.operation_id)].items()
        if status != "500"
    ]
    lines = [
        "Bodies, answers and examples are in the service's own `/openapi.json`. Errors are RFC 9457 problem details.",
        "How it is run and asked: [serve a model](../how-to/serve-a-model.md).",
        "",
        *_table(("operation", "what it does", "needs", "operation id"), rows),
        "",
        "## Refusals",
        "",
        "Besides these: 401 TOKEN_INVALID where there is a token; 404 for a path, 405 for a method that there is not.",
        "",
        *_table(("operation", "status", "meaning"), refusals),
    ]
    return _page("The inference service", "the routers of models/service/app.py", lines)


def limits() -> str:
    """Every figure of the pre-trade limits, and every check that asks for them."""
    from domain.limit_checks import COLLAR_BPS_MAX, COUNTS, LIST_LENGTH_MAX, LISTS, WINDOWS
    from domain.limits import Limits
    from domain.risk import CHECKS, OVERRIDABLE
    from domain.risk_book import RECENT_MAX, WINDOW_US_MAX

    bounds = dict.fromkeys(COUNTS, f"1 to {RECENT_MAX}") | dict.fromkeys(WINDOWS, f"1 to {WINDOW_US_MAX}")
    bounds |= dict.fromkeys(LISTS, f"at most {LIST_LENGTH_MAX}") | {"price_collar_bps": f"0 to {COLLAR_BPS_MAX}"}
    meanings = _entries(Limits)
    rows = []
    for field in msgspec.structs.fields(Limits):
        default = "" if field.default is None or field.default == () else f"`{field.default}`"
        rows.append((f"`{field.name}`", default, bounds.get(field.name, "from 0"), meanings[field.name]))
    codes = dict.fromkeys(check.code for check in CHECKS)
    lines = [
        "A limit that is not set is no limit. They are laid down for an account, for a strategy in an account, and by",
        "the desk for all accounts and strategies; of those that apply to an order the tightest counts. How to:",
        "[set risk limits](../how-to/set-risk-limits.md).",
        "",
        *_table(("figure", "default", "bounds", "meaning"), rows),
        "",
        "The checks, in the order in which they are asked, after halts and the order's form and before cash:",
        "",
        *_table(
            ("code", "can be overridden for one order"),
            [(f"`{code}`", "yes" if code in OVERRIDABLE else "no") for code in codes],
        ),
    ]
    return _page("Risk limits", "domain/limits.py, domain/limit_checks.py and domain/risk.py", lines)


def metrics() -> str:
    """Every Prometheus metric."""
    from prometheus_client.metrics import MetricWrapperBase

    from runtime import metrics as declared

    rows = []
    for name, metric in vars(declared).items():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            rows.append((f"`{name}`", family.type, labels, _text(family.documentation)))
    lines = ["Each worker serves its own on `/metrics`, the API on `/api/metrics`.", ""]
    return _page("Metrics", "runtime/metrics.py", [*lines, *_table(("name", "type", "labels", "meaning"), rows)])


def order_lifecycle() -> str:
    """Every step of an order's life, and which prices an order of each type has."""
    from domain.lifecycle import EXEC_TYPES, STEPS
    from domain.order_checks import price_rules

    steps = sorted(STEPS, key=lambda step: (step.before or "", step.by, step.after))
    rows = [(step.before or "(new)", f"`{step.by}`", step.after, f"`{EXEC_TYPES[step.by]}`") for step in steps]
    prices = [
        (f"{order_type} {side}", *(", ".join(f"`{name}`" for name in names) for names in rule))
        for order_type, side, rule in price_rules()
    ]
    lines = [
        "Statuses are FIX OrdStatus (tag 39) names; ExecType is what a FIX execution report says of the event (tag",
        "150).",
        "The ledger holds every change of status to this table; anything else would stop it. `linked …` is what an",
        "event of another order of the same group does to this one.",
        "",
        *_table(("before", "event", "after", "ExecType"), rows),
        "",
        "## Prices",
        "",
        "What an order of each type must have, may have, and must not have (all others). A TRAILING_STOP has exactly",
        "one of `trail_amount` and `trail_bps`.",
        "",
        *_table(("order", "required", "optional"), prices),
    ]
    return _page("The life of an order", "domain/lifecycle.py and domain/order_checks.py", lines)


def planted_bugs() -> str:
    """Every bug that the fault harness plants, and what found it."""
    from tests.faults.plants import PLANTS

    lines = [
        "Each is one place in the code, changed by the harness alone when a worker imports it. The last column says",
        "which seed found it in the last hunt for all of them, and by which checks; [promises](../promises.md) says",
        "what they mean. Other work used the machine, so `answered` and `final` may be for want of time.",
        "A bug that later faults would heal has a short schedule of its own.",
        "`make faults-plants` hunts them again.",
        "",
        *_table(
            ("bug", "where", "what it does", "found by"),
            [(f"`{plant.name}`", f"`{plant.module}`", plant.why, plant.found) for plant in PLANTS],
        ),
    ]
    return _page("Planted bugs", "tests/faults/plants.py", lines)


def read_models() -> str:
    """Every table and view of the database, from the migrations."""
    from projections.roles import BACKTESTS, PROJECTOR, READER, STATEMENT_TIMEOUT_MS

    text = "\n".join(path.read_text() for path in sorted((ROOT / "infra" / "timescale").glob("*.sql")))
    holds = {name: said.replace("''", "'") for _, name, said in _COMMENT.findall(text)}
    views = [name for kind, name, _ in _COMMENT.findall(text) if kind == "view"]
    keys = {name: "".join(_KEY.findall(body)[0]) for name, body in _TABLE.findall(text)}
    compressed, dropped = dict(_COMPRESSED.findall(text)), dict(_DROPPED.findall(text))
    tables = [
        (f"`{name}`", _text(said), f"`{keys[name]}`" if name in keys else "")
        for name, said in holds.items()
        if name not in views and name != "schema_migrations"
    ]
    times = [
        (f"`{name}`", f"`{column}`", chunk, compressed.get(name, ""), dropped.get(name, "never"))
        for name, column, chunk in _HYPERTABLE.findall(text)
    ]
    roles = [
        ("the owner", "`DATABASE_URL`", "make, change and drop tables: `tape db migrate`"),
        (f"`{PROJECTOR}`", "`DATABASE_PROJECTOR_URL`", "select, insert, update and delete rows; change no table"),
        (f"`{READER}`", "`DATABASE_READER_URL`", f"select, {STATEMENT_TIMEOUT_MS} ms a statement at most"),
        (
            f"`{BACKTESTS}`",
            "`DATABASE_BACKTESTS_URL`",
            "the projector's rights on the tables `backtest_…`; none on others",
        ),
    ]
    lines = [
        "The read side's database, made by the files in `infra/timescale` ([decision",
        "0007](../adr/0007-plain-tables-without-timescaledb.md)). Names, columns and answers are the same with",
        "TimescaleDB and without it. Every column is explained where its table is made.",
        "",
        "## Tables",
        "",
        *_table(("table", "holds", "key"), tables),
        "",
        "## Views",
        "",
        *_table(("view", "holds"), [(f"`{name}`", _text(holds[name])) for name in views]),
        "",
        "Where TimescaleDB is, bars are continuous aggregates, refreshed every minute. Ticks above what is",
        "materialized are read as they come. A tick below it, which in a replayed market may be one of the newest",
        "bar, counts after the next refresh. Elsewhere bars are kept with each batch of ticks ([decision",
        "0033](../adr/0033-bars-and-indexes.md)).",
        "",
        "## Hypertables",
        "",
        *_table(("table", "by", "chunk", "compressed after", "dropped after"), times),
        "",
        "Only where TimescaleDB is; compression, retention and refreshes only with its own licence, which its",
        "Apache edition lacks. Elsewhere nothing is ever dropped. A replayed market's clock may be decades",
        "behind, so what goes by market time is kept long. Backtests are deleted with all their rows by their worker,",
        "`BACKTEST_KEPT_DAYS` after they have ended, in every database.",
        "",
        "## Roles",
        "",
        *_table(("role", "address", "may"), roles),
        "",
        "Each has a password of its own. `tape up` makes all, `tape db migrate` those whose addresses are given.",
        "Tables of later migrations are theirs too. None may make a table, a temporary one included; the",
        "projector may not truncate one and sees nothing of `schema_migrations`. Without `DATABASE_PROJECTOR_URL`",
        "projectors write as the owner, without `DATABASE_BACKTESTS_URL` backtests do, and say so in their log.",
    ]
    return _page("Read models", "infra/timescale and projections/roles.py", lines)


def rejection_codes() -> str:
    """Every code with which a tape's agent or a venue refuses."""
    from domain.backtest_jobs import FAILURES
    from domain.codes import CODES
    from execution.alpaca.codes import CODES as ALPACA
    from execution.refusals import REFUSALS

    lines = [
        "They stand in `OrderRejected`, `CommandRejected`, `ReportRejected` and `ActionRefused`, with a text and the",
        "values that failed. A code never changes its meaning. The API answers 422 with the same code where it can",
        "tell without the ledger's state.",
        "",
        *_table(("code", "meaning"), [(f"`{code}`", _text(meaning)) for code, meaning in CODES.items()]),
        "",
        "## Refused by the paper venue or the engine",
        "",
        "They stand in `OrderRefusedByVenue` and `OrderReplaceRefused`.",
        "",
        *_table(("code", "meaning"), [(f"`{code}`", _text(meaning)) for code, meaning in REFUSALS.items()]),
        "",
        "## Refused by Alpaca or its adapter",
        "",
        "They stand in `OrderRefusedByVenue` and `OrderReplaceRefused`. See [trade at a broker]"
        "(../how-to/trade-at-a-broker.md).",
        "",
        *_table(("code", "meaning"), [(f"`{code}`", _text(meaning)) for code, meaning in ALPACA.items()]),
        "",
        "## Failed backtests",
        "",
        "They stand in `failure` of a backtest ([run backtests as jobs](../how-to/run-backtests-as-jobs.md)). Terms",
        "that cannot be run fail with a code of what is wrong with them, such as `MODEL_UNKNOWN`.",
        "",
        *_table(("code", "meaning"), [(f"`{code}`", _text(meaning)) for code, meaning in FAILURES.items()]),
    ]
    return _page(
        "Rejection codes",
        "domain/codes.py, execution/refusals.py, execution/alpaca/codes.py and domain/backtest_jobs.py",
        lines,
    )


def stream() -> str:
    """Every channel, message and close code of the stream."""
    from api.stream.closing import CLOSINGS
    from api.stream.messages import INCOMING, OUTGOING
    from api.stream.views import CHANNELS, ROWS

    def first(struct: type[Any]) -> str:
        return _text(inspect.cleandoc(struct.__doc__ or "").split("\n\n")[0])

    def kinds(channel: str) -> str:
        return ", ".join(f"`{row.__struct_config__.tag}`" for row in ROWS[channel])

    lines = [
        "Fields and types are in `/asyncapi.json`; how to use it: [follow the stream](../how-to/follow-the-stream.md).",
        "",
        "## Channels",
        "",
        *_table(("channel", "kinds of rows"), [(f"`{channel}`", kinds(channel)) for channel in CHANNELS]),
        "",
        "## Rows",
        "",
        *_table(
            ("kind", "what it is"),
            [(f"`{row.__struct_config__.tag}`", first(row)) for rows in ROWS.values() for row in rows],
        ),
        "",
        "## Messages of the client",
        "",
        *_table(("type", "meaning"), [(f"`{one.__struct_config__.tag}`", first(one)) for one in INCOMING]),
        "",
        "## Messages of the server",
        "",
        *_table(("type", "meaning"), [(f"`{one.__struct_config__.tag}`", first(one)) for one in OUTGOING]),
        "",
        "## Close codes",
        "",
        *_table(
            ("code", "name", "meaning", "connect again"),
            [(f"`{one.code}`", f"`{one.name}`", _text(one.meaning), _text(one.retry)) for one in CLOSINGS],
        ),
    ]
    return _page("The stream", "api/stream", lines)


def settings() -> str:
    """Every setting."""
    from runtime.settings import Settings

    rows = []
    for name, field in Settings.model_fields.items():
        bounds = [str(part) for part in field.metadata if type(part).__name__ in {"Ge", "Gt", "Le"}]
        default = "" if field.default == "" else f"`{field.default}`"
        rows.append((f"`{name.upper()}`", default, _bounds(bounds), _text(field.description)))
    lines = [
        "Each is an environment variable; `.env` may hold them too, and the environment wins. `.env.example` lists",
        "them all. An empty server address means the embedded server. A name in `.env` that is no setting is an error.",
        "",
        *_table(("name", "default", "bounds", "meaning"), rows),
    ]
    return _page("Settings", "runtime/settings.py", lines)


def topics() -> str:
    """Every Kafka topic."""
    import yaml

    declared = yaml.safe_load((ROOT / "infra" / "kafka" / "topics.yaml").read_text())
    rows = [(f"`{topic['name']}`", topic["kind"], topic["key"].replace("_", " ")) for topic in declared["topics"]]
    config = [("all", f"`{name}`", f"`{value}`") for name, value in declared["config"].items()]
    config += [
        (f"`{topic['name']}`", f"`{name}`", f"`{value}`")
        for topic in declared["topics"]
        for name, value in topic.get("config", {}).items()
    ]
    lines = [
        "`tape topics apply` creates what is missing and never changes a live topic. The number of partitions is the",
        "setting `PARTITIONS`, the same for all. A tape is chained and has one writer a partition; an input is what",
        "somebody sends to a tape's writer; a snapshot is what a tape's agent writes down of its states, and is made",
        "anew when it is lost. `TOPIC_PREFIX` is put before each name.",
        "",
        *_table(("topic", "kind", "key"), rows),
        "",
        *_table(("topic", "configuration", "value"), config),
    ]
    return _page("Topics", "infra/kafka/topics.yaml", lines)


def validation() -> str:
    """Every number that validation gives, its formula and its source, from the modules that compute it."""
    from models.validation import (
        baselines,
        chance,
        cross,
        holdout,
        leak_report,
        leaks,
        overfitting,
        returns,
        scores,
        search,
        splits,
        summary,
        tuning,
    )

    parts: list[tuple[str, Any, tuple[type, ...]]] = [
        ("Folds", splits, ()),
        ("Out-of-fold evaluation", cross, ()),
        ("Scores", scores, (scores.ModelScores,)),
        ("Intervals over folds", summary, (summary.Interval, summary.MeanCurve)),
        ("Baselines", baselines, ()),
        ("Chance", chance, (chance.ChanceTest,)),
        ("Tuning", tuning, (tuning.Trial,)),
        ("Returns of decisions", returns, ()),
        (
            "Sharpe ratios",
            overfitting,
            (overfitting.SharpeRatio, overfitting.DeflatedSharpe, overfitting.Overfitting),
        ),
        ("What a search is worth", search, (search.SearchReport,)),
        ("The hold-out", holdout, ()),
        ("The hunt for leaks", leaks, ()),
    ]
    lines = ["Figures are named as here in reports and in MLflow. What each is for: [honest models](honest-models.md)."]
    for heading, module, structs in parts:
        lines += ["", f"## {heading}", "", inspect.cleandoc(module.__doc__ or "")]
        for struct in structs:
            meanings = _entries(struct)
            rows = [(f"`{field.name}`", meanings[field.name]) for field in msgspec.structs.fields(struct)]
            lines += ["", f"`{struct.__name__}`:", "", *_table(("figure", "meaning"), rows)]
    lines += ["", _text(leak_report.accuracy_limit.__doc__)]
    return _page("Validation", "the modules of models/validation", lines)


def _entries(struct: type) -> dict[str, str]:
    """What a docstring says of each field: `name: text` at the margin, continued further in."""
    said: dict[str, str] = {}
    for line in inspect.cleandoc(struct.__doc__ or "").splitlines():
        if match := re.match(r"(\w+): (.*)", line):
            name, said[name] = match[1], match[2]
        elif line.startswith(" "):
            said[name] += " " + line.strip()
    return said


def _page(title: str, source: str, lines: Iterable[str]) -> str:
    made = f"<!-- Made by docs/generate.py from {source}. Do not edit. -->"
    return "\n".join([f"# {title}", "", made, "", *lines]) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def _text(text: str | None) -> str:
    return " ".join((text or "").split())


def _bounds(parts: Sequence[str]) -> str:
    words = {"Ge(ge=": "from ", "Gt(gt=": "above ", "Le(le=": "to "}
    for sign, word in words.items():
        parts = [part.replace(sign, word).removesuffix(")") for part in parts]
    return " ".join(parts)


def _click(app: Any) -> Any:
    import typer

    return typer.main.get_command(app)


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Each command of a tree with its whole name, groups before what they hold."""
    from runtime import parts
    from runtime.cli import PARTS

    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        of_other_folder = path == "tape" and child.context_settings.get("ignore_unknown_options")
        yield from _commands(f"{path} {name}", _click(parts.load(PARTS[name])) if of_other_folder else child)


def _option(option: Any) -> tuple[str, str, str]:
    is_argument = option.param_type_name == "argument"
    names = option.name.upper() if is_argument else ", ".join(option.opts)
    default = option.default.date() if isinstance(option.default, datetime) else option.default
    shown = "" if option.required or default in (None, "", False) else f"`{default}`"
    return f"`{names}`", shown, _text(getattr(option, "help", None))


def main() -> None:
    sys.path.insert(0, str(ROOT))
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
