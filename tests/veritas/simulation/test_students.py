from veritas.simulation.students import make_roster


def test_everybody_has_a_name_of_their_own() -> None:
    roster = make_roster(1_500)
    assert len({student["name"] for student in roster}) == 1_500
    assert len({student["username"] for student in roster}) == 1_500
    assert roster[0] == {"username": "sim-0001", "name": "Amal Adeyemi"}


def test_the_same_class_comes_again() -> None:
    assert make_roster(30) == make_roster(40)[:30]
