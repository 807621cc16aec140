import urllib.request

from protocol.metrics import BOTH, WORKER
from workers import metrics


def test_every_metric_has_the_name_and_meaning_of_the_protocol() -> None:
    kept = {
        family.name + ("_total" if family.type == "counter" else ""): family.documentation
        for family in metrics.REGISTRY.collect()
    }
    assert kept == WORKER | BOTH


def test_metrics_are_served_while_the_block_lasts() -> None:
    with (
        metrics.serve("127.0.0.1", 0) as port,
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        assert b"veritas_facts_folded_total" in answer.read()


def test_without_a_port_nothing_is_served() -> None:
    with metrics.serve("127.0.0.1", None) as port:
        assert port is None
