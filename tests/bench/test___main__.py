"""The commands of `make bench`."""

from click.testing import CliRunner

from bench.__main__ import cli


def test_every_benchmark_is_listed() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    assert "ingest" in result.output
    assert "stages" in result.output


def test_stages_prints_the_cost_of_each_stage() -> None:
    result = CliRunner().invoke(cli, ["stages", "--events", "1000", "--passes", "1"])
    assert result.exit_code == 0, result.output


def test_a_run_needs_at_least_one_round() -> None:
    assert CliRunner().invoke(cli, ["ingest", "--runs", "0"]).exit_code == 2
