"""Real loggers' files are read as they are, and a file that is none is refused with its code and line."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from wayproof.demo.logger_trace import TraceError, TracePoint, read_trace

TIMESERIES = Path(__file__).parents[3] / "shared" / "data" / "timeseries"
AT = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)


def trace(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "trace.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def real(name: str) -> Path:
    path = TIMESERIES / name
    if not path.exists():
        pytest.skip(f"the shared real data are not here: {name}")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "time,temperature\n2024-05-01T12:00:00Z,4.50\n",
        "\ufeffTimestamp,Temp\r\n2024-05-01 12:00,4.50\r\n",
        "ds,y\n2024-05-01 12:00:00,4.50\n",
        "Date Time;Temperature;other\n2024-05-01T14:00:00+02:00;4,50;x\n",
        "ts,temp_c\n1714564800,4.50\n",
        "ts,temp_c\n1714564800000,4.50\n",
    ],
)
def test_common_headers_and_times_are_understood(tmp_path: Path, text: str) -> None:
    assert read_trace(trace(tmp_path, text)) == [TracePoint(AT, Decimal("4.50"))]


def test_humidity_is_read_when_it_is_there_and_the_core_is_preferred_to_the_air(tmp_path: Path) -> None:
    text = "time,air_temp_c,core_temp_c,rh\n2024-05-01 12:00,9,4.5,61\n2024-05-01 12:05,9,4.6,\n"
    assert [(point.temperature_c, point.humidity_percent) for point in read_trace(trace(tmp_path, text))] == [
        (Decimal("4.5"), Decimal(61)),
        (Decimal("4.6"), None),
    ]


def test_rows_come_in_order_of_time_and_without_a_temperature_not_at_all(tmp_path: Path) -> None:
    text = "time,temp\n2024-05-01 12:10,2\n2024-05-01 12:00,1\n2024-05-01 12:05,\n\n2024-05-01 12:06,NA\n"
    assert [point.temperature_c for point in read_trace(trace(tmp_path, text))] == [1, 2]


def test_a_part_can_be_cut_out(tmp_path: Path) -> None:
    path = trace(tmp_path, "time,temp\n" + "".join(f"2024-05-01 12:{minute:02d},{minute}\n" for minute in range(60)))
    kept = read_trace(path, since=AT + timedelta(minutes=10), limit=timedelta(minutes=5))
    assert [point.temperature_c for point in kept] == [10, 11, 12, 13, 14]
    assert len(read_trace(path, limit=timedelta(minutes=7))) == 7


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "trace_no_time_column", "one of: time"),
        ("when,temp\n", "trace_no_time_column", "'when, temp'"),
        ("time,value\n", "trace_no_temperature_column", "temperature_c"),
        ("time,temp\n", "trace_empty", "no reading"),
        ("time,temp\n2024-05-01 12:00,1\nyesterday,2\n", "trace_invalid_time", "line 3: 'yesterday'"),
        ("time,temp\n99999999999999999999,2\n", "trace_invalid_time", "line 2"),
        ("time,temp\n2024-05-01 12:00,warm\n", "trace_invalid_number", "line 2: 'warm'"),
        ("time,temp\n2024-05-01 12:00,Infinity\n", "trace_invalid_number", "finite"),
        ("time,temp\n2024-05-01 12:00,1e9\n", "trace_invalid_number", "no temperature"),
        (b"time,temp\n\xff\xfe,1\n", "trace_unreadable", "UTF-8"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_code(tmp_path: Path, text: str | bytes, code: str, says: str) -> None:
    with pytest.raises(TraceError) as refused:
        read_trace(trace(tmp_path, text))
    assert refused.value.code == code
    assert says in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be read") as refused:
        read_trace(tmp_path / "absent.csv")
    assert refused.value.code == "trace_unreadable"


def test_a_time_without_readings_is_refused(tmp_path: Path) -> None:
    path = trace(tmp_path, "time,temp\n2024-05-01 12:00,1\n")
    for since in (AT + timedelta(days=1), AT - timedelta(days=1)):
        with pytest.raises(TraceError) as refused:
            read_trace(path, since=since, limit=timedelta(hours=1))
        assert refused.value.code == "trace_empty"


def test_a_real_chamber_is_read() -> None:
    path = real("brewpi_chamber_1min.csv")
    day = read_trace(path, since=datetime(2014, 2, 7, tzinfo=UTC), limit=timedelta(days=1))
    assert len(day) == 1530  # one a minute, and one more when the chamber's state changes
    assert read_trace(path)[0] == TracePoint(datetime(2014, 2, 3, 19, 4, 58, tzinfo=UTC), Decimal("13.08"))


def test_a_real_weather_station_is_read() -> None:
    points = read_trace(real("yosemite_ambient_5min.csv"), limit=timedelta(days=1))
    assert len(points) == 288
    assert points[0] == TracePoint(datetime(2017, 5, 1, tzinfo=UTC), Decimal("27.8"))
