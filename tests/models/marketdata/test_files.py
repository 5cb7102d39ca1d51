"""Goal: a file that is no table of bars is a clear error. Method: files broken in each way, of both kinds."""

from __future__ import annotations

import gzip
import struct
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidValue, TapeledgerError, UnavailableError, UnreadableInput
from models.marketdata import sources
from models.marketdata.csv_file import read_csv
from models.marketdata.declared import Declared
from models.marketdata.parquet_file import read_parquet
from models.marketdata.report import Reading

RAW = Declared(prices="raw")
TEXT = "symbol,date,open,high,low,close,volume\nIBM,2011-01-03,10,12,9,11,100\nIBM,2011-01-04,10,12,9,11.5,200\n"
COLUMNS: dict[str, list[Any]] = {
    "symbol": ["IBM", "IBM"],
    "date": [date(2011, 1, 3), date(2011, 1, 4)],
    "open": [10.0, 10.0],
    "high": [12.0, 12.0],
    "low": [9.0, 9.0],
    "close": [11.0, 11.5],
    "volume": [100, 200],
}


def parquet(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table({**COLUMNS, **columns}), path)
    return path


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (b"", UnreadableInput, "is empty"),
        (b"\n\n", UnreadableInput, "no heading"),
        (TEXT.encode("utf-16"), UnreadableInput, "UTF-16.*encoding=utf-16"),
        (TEXT.replace("IBM", "ÎBM").encode("latin-1"), UnreadableInput, "not utf-8.*at byte 39, line 2.*encoding="),
        (TEXT.encode() + b"\x00\x01", UnreadableInput, "binary"),
        (b"PK\x03\x04" + bytes(99), UnreadableInput, "ZIP archive or a spreadsheet"),
        (b"PAR1" + bytes(99), UnreadableInput, "Parquet file: name it as parquet:PATH"),
        (b"\x80\x04\x95", UnreadableInput, "pickle, which is never read"),
        (gzip.compress(TEXT.encode(), mtime=0)[:-9], UnreadableInput, "packed by gzip and damaged"),
        (gzip.compress(TEXT.encode(), mtime=0)[:30] + b"rubbish", UnreadableInput, "packed by gzip and damaged"),
        (b"\x1f\x8b is no gzip", UnreadableInput, "packed by gzip and damaged"),
        (TEXT.replace("IBM", '"IBM', 1).encode(), UnreadableInput, "line 1 it is no CSV"),
        (TEXT.replace("IBM,2011-01-03", '"IBM\n",2011-01-03').encode(), UnreadableInput, "line 2 goes on to line 3"),
        (TEXT.encode() + b'"' + b"x" * 200_000 + b'"\n', UnreadableInput, "behind line 3 it is no CSV"),
        (b"MZ what is this", InvalidValue, "expected columns"),
    ],
)
def test_a_csv_file_that_is_none_is_a_clear_error(tmp_path: Path, data: bytes, error: type, text: str) -> None:
    """The error says what the file is, where, and what can be done."""
    path = tmp_path / "bars.csv"
    path.write_bytes(data)

    with pytest.raises(error, match=text) as caught:
        read_csv(path, RAW)

    assert isinstance(caught.value, TapeledgerError)


def test_a_csv_file_in_another_encoding_once_it_is_declared(tmp_path: Path) -> None:
    """UTF-16 from a spreadsheet, Latin-1 with an accent in a column that nobody reads, and a UTF-8 mark."""
    cases = {"utf-16": TEXT, "latin-1": TEXT.replace("volume\n", "volume,société\n").replace("00\n", "00,é\n")}
    path = tmp_path / "bars.csv"
    for encoding, text in {**cases, "utf-8-sig": TEXT, "utf-8": "\ufeff" + TEXT}.items():
        path.write_bytes(text.encode(encoding))

        assert len(read_csv(path, Declared(prices="raw", encoding=encoding)).bars) == 2

    with pytest.raises(InvalidValue, match="no encoding 'klingon'"):
        read_csv(path, Declared(prices="raw", encoding="klingon"))


def test_a_packed_csv_file_and_its_lines(tmp_path: Path) -> None:
    """Packed or not, with either end of line, blank lines counted and no rows: the same bars from the same lines."""
    plain, packed = tmp_path / "bars.csv", tmp_path / "bars.csv.gz"
    text = TEXT.replace("\nIBM,2011-01-04", "\n\nIBM,2011-01-04") + "IBM,x,1,1,1,1,1\n"
    plain.write_bytes(text.replace("\n", "\r\n").encode())
    packed.write_bytes(gzip.compress(text.encode(), mtime=0))

    readings = [read_csv(path, RAW) for path in (plain, packed)]

    assert readings[0].bars == readings[1].bars
    assert [[row.line for row in reading.dropped] for reading in readings] == [[5], [5]]
    assert readings[0].report.rows == 3


def test_files_that_are_too_large_are_refused_before_they_are_read(tmp_path: Path) -> None:
    """By their size on disk, by what they hold when unpacked, and by the rows that a Parquet file says it has."""
    plain, packed = tmp_path / "bars.csv", tmp_path / "bars.csv.gz"
    plain.write_bytes(bytes(1001))
    packed.write_bytes(gzip.compress(bytes(100_000), mtime=0))
    assert packed.stat().st_size < 1000

    for path in (plain, packed):
        with pytest.raises(InvalidValue, match="1000") as caught:
            read_csv(path, RAW, bytes_max=1000)
        assert caught.value.code == "BARS_FILE_TOO_LARGE"
    with pytest.raises(InvalidValue, match=r"at most 1 rows, .* has 2") as caught:
        read_parquet(parquet(tmp_path / "bars.parquet"), Declared(prices="raw", rows_max=1))
    assert caught.value.code == "BARS_TOO_MANY"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_that_are_not_there(tmp_path: Path, kind: str) -> None:
    """No file, a folder, a name that no file can have."""
    for name, error in (("none", UnavailableError), ("", UnreadableInput), ("a\0b", UnavailableError)):
        with pytest.raises(error, match=r"cannot be read|no regular file"):
            sources.read(f"{kind}:{tmp_path}/{name}", RAW)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "is empty"),
        (TEXT.encode(), "no Parquet file but text"),
        (gzip.compress(TEXT.encode(), mtime=0), "no Parquet file but packed by gzip"),
        (b"PAR1", "damaged"),
        (b"PAR1" + bytes(200) + b"PAR1", "damaged"),
    ],
)
def test_a_parquet_file_that_is_none_is_a_clear_error(tmp_path: Path, data: bytes, text: str) -> None:
    """The error says what the file is instead."""
    path = tmp_path / "bars.parquet"
    path.write_bytes(data)

    with pytest.raises(UnreadableInput, match=text):
        read_parquet(path, RAW)


def test_a_parquet_file_damaged_anywhere_is_an_error_or_read(tmp_path: Path) -> None:
    """Each byte in turn is turned over: never another exception than ours, whatever Arrow says."""
    path = tmp_path / "bars.parquet"
    parquet(path)
    whole = path.read_bytes()
    refused = 0
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            read_parquet(path, RAW)
        except (UnreadableInput, InvalidValue):
            refused += 1

    assert refused > 20
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableInput, match="damaged"):
        read_parquet(path, RAW)


def test_a_parquet_file_with_checksums_is_held_to_them(tmp_path: Path) -> None:
    """A price whose byte was turned over is still a number: only the page's checksum tells."""
    path = tmp_path / "bars.parquet"
    pq.write_table(pa.table(COLUMNS), path, write_page_checksum=True, compression="none", use_dictionary=False)
    assert len(read_parquet(path, RAW).bars) == 2
    whole = path.read_bytes()
    at = whole.index(struct.pack("<2d", 11.0, 11.5)) + 13  # in the second price
    path.write_bytes(whole[:at] + b"\x01" + whole[at + 1 :])

    with pytest.raises(UnreadableInput, match="damaged"):
        read_parquet(path, RAW)


def test_types_of_a_parquet_file(tmp_path: Path) -> None:
    """Days and times, numbers of any width, decimals, dictionaries and text give the same bars."""
    path = tmp_path / "bars.parquet"
    days = COLUMNS["date"]
    midnights = [datetime(day.year, day.month, day.day) for day in days]  # noqa: DTZ001 (as pandas writes days)
    expected = read_parquet(parquet(path), RAW).bars
    for columns in (
        {"date": pa.array(days, pa.date64())},
        {"date": pa.array(midnights, pa.timestamp("ns"))},
        {"date": pa.array(midnights, pa.timestamp("us"))},
        {"date": ["2011-01-03", "2011-01-04"]},
        {"symbol": pa.array(["IBM", "IBM"]).dictionary_encode()},
        {"symbol": pa.array(["IBM", "IBM"], pa.large_string())},
        {"close": pa.array([11.0, 11.5], pa.float32())},
        {"close": pa.array([Decimal("11.00"), Decimal("11.50")])},
        {"close": ["11", "11.50"]},
        {"volume": pa.array([100.0, 200.0])},
        {"volume": pa.array([100, 200], pa.uint16())},
        {"notes": [["nested"], []]},
    ):
        assert read_parquet(parquet(path, **columns), RAW).bars == expected, columns


def test_times_with_a_zone_in_a_parquet_file(tmp_path: Path) -> None:
    """A column of New York's midnights, as vendors give days, is days; the same moments in UTC need a zone declared."""
    path = tmp_path / "bars.parquet"
    moments = [datetime(2011, 1, day, 5, tzinfo=UTC) for day in (3, 4)]
    parquet(path, date=pa.array(moments, pa.timestamp("us", tz="America/New_York")))

    assert [bar.date for bar in read_parquet(path, RAW).bars] == COLUMNS["date"]

    parquet(path, date=pa.array(moments, pa.timestamp("us", tz="UTC")))
    assert [row.code for row in read_parquet(path, RAW).dropped] == ["time_of_day"] * 2
    declared = Declared(prices="raw", zone="America/New_York")
    assert [bar.date for bar in read_parquet(path, declared).bars] == COLUMNS["date"]


def test_missing_values_of_a_parquet_file_are_dropped_by_row(tmp_path: Path) -> None:
    """Nulls are missing, NaN is not finite; rows count from 1."""
    path = parquet(tmp_path / "bars.parquet", open=[None, 10.0], close=[11.0, float("nan")])

    reading = read_parquet(path, RAW)

    assert [(row.line, row.code) for row in reading.dropped] == [(1, "value_missing"), (2, "not_finite")]
    assert reading.report.counted == "row"


@pytest.mark.parametrize("column", [[[1], [2]], [True, False], [b"1", b"2"], [{"a": 1}, {"a": 2}]])
def test_a_parquet_column_that_holds_no_numbers_is_refused(tmp_path: Path, column: list[Any]) -> None:
    """The error names the column and its type."""
    with pytest.raises(InvalidValue, match="the column 'close', it holds") as caught:
        read_parquet(parquet(tmp_path / "bars.parquet", close=column), RAW)

    assert caught.value.code == "BARS_COLUMNS"


def finite(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


@st.composite
def frames(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Columns of floats as programs compute them, with all their digits, and some that are none."""
    count = draw(st.integers(1, 8))
    prices = [sorted(draw(st.lists(finite(0.01, 1e6), min_size=4, max_size=4))) for _ in range(count)]
    volumes = draw(st.lists(st.integers(0, 10**12), min_size=count, max_size=count))
    odd = st.sampled_from([None, float("nan"), float("inf"), 0.0])
    return {
        "symbol": draw(st.lists(st.sampled_from("AB"), min_size=count, max_size=count)),
        "date": [date(2011, 1, day) for day in draw(st.lists(st.integers(1, 28), min_size=count, max_size=count))],
        "open": [row[1] for row in prices],
        "high": [row[3] for row in prices],
        "low": [row[0] for row in prices],
        "close": [draw(st.one_of(st.just(row[2]), st.just(row[2]), odd)) for row in prices],
        "volume": list(map(draw(st.sampled_from([int, float])), volumes)),
    }


@given(frames())
def test_csv_and_parquet_of_the_same_data_give_the_same_bars(
    tmp_path_factory: pytest.TempPathFactory, columns: dict[str, list[Any]]
) -> None:
    """And the same hash, the same rows dropped for the same reasons, whatever floats they hold."""
    folder = tmp_path_factory.getbasetemp()
    pq.write_table(pa.table(columns), folder / "same.parquet")
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join("" if cell is None else str(cell) for cell in row) for row in rows)]
    (folder / "same.csv").write_text("\n".join(lines) + "\n")

    one, other = (sources.read(f"{kind}:{folder}/same.{kind}", RAW) for kind in ("csv", "parquet"))

    assert one.bars == other.bars
    assert one.report.data_hash == other.report.data_hash
    assert counts(one) == counts(other)
    assert [(row.line - 1, row.code) for row in one.dropped] == [(row.line, row.code) for row in other.dropped]


def counts(reading: Reading) -> list[tuple[str, int]]:
    return [(reason.code, reason.count) for reason in reading.report.reasons]
