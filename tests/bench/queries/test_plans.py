from bench.queries.plans import read_plans

LOG = """\
2026-12-01 09:00:00.000 UTC [12] LOG:  duration: 1.250 ms  plan:
\tQuery Text: SELECT 1
\tResult  (cost=0.00..0.01 rows=1 width=4)
2026-12-01 09:00:00.001 UTC [12] LOG:  connection received
2026-12-01 09:00:00.002 UTC [12] LOG:  duration: 0.500 ms  plan:
\tQuery Text: SELECT 2
"""


def test_each_logged_plan_is_read_with_its_time() -> None:
    first, second = read_plans(LOG)
    assert (first.took_ms, second.took_ms) == (1.25, 0.5)
    assert first.text == "\tQuery Text: SELECT 1\n\tResult  (cost=0.00..0.01 rows=1 width=4)"
    assert second.text == "\tQuery Text: SELECT 2"


def test_a_log_without_plans_has_none() -> None:
    assert read_plans("2026-12-01 09:00:00.000 UTC [12] LOG:  checkpoint starting: time\n") == []
