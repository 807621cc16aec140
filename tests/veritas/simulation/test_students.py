from veritas.simulation.students import make_roster


def test_every_simulated_student_has_a_unique_name() -> None:
    roster = make_roster(1_500)
    assert len({student["name"] for student in roster}) == 1_500
    assert len({student["username"] for student in roster}) == 1_500
    assert roster[0] == {"username": "sim-0001", "name": "Amal Adeyemi"}


def test_a_roster_is_the_same_in_every_run() -> None:
    assert make_roster(30) == make_roster(40)[:30]
