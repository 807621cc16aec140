import msgspec
from rich.console import Console

from tests.veritas.simulation.test_report import CLEAN
from veritas.simulation.report import RunReport
from veritas.simulation.report_table import FAULTS_SHOWN, show_report


def printed(report: RunReport) -> str:
    out = Console(width=120, record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    show_report(report, out)
    out.file.close()
    return out.export_text()


def test_a_clean_report_says_so() -> None:
    text = printed(CLEAN)
    assert "every event is stored once" in text
    assert "p50 1.0 ms, p99 2.0 ms" in text
    assert "1 wanderer" in text


def test_the_first_faults_are_shown_and_the_rest_counted() -> None:
    text = printed(msgspec.structs.replace(CLEAN, stored=None, failures=[f"[{n}] fell off" for n in range(40)]))
    assert "not checked" in text
    assert "[3] fell off" in text
    assert f"and {40 - FAULTS_SHOWN} more" in text
    assert "every event is stored once" not in text
