"""The commands of the scenarios."""

import pytest
from click.testing import CliRunner

from bench.__main__ import cli


@pytest.mark.parametrize("name", ["hall", "bell", "signin", "sockets", "reconnect", "backlog", "idle"])
def test_each_scenario_has_a_seed_a_dataset_and_a_file_for_its_figures(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert all(option in result.output for option in ("--seed", "--dataset", "--json"))


@pytest.mark.parametrize("line", ["hall --seats 0", "bell --seconds -1", "sockets --sockets 0", "idle --dataset 0"])
def test_a_value_out_of_range_is_refused_before_anything_is_started(line: str) -> None:
    assert CliRunner().invoke(cli, line.split()).exit_code == 2
