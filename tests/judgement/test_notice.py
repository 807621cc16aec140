import doctest

from judgement import notice
from judgement.policy import preset, write_policy


def test_the_notice_mentions_the_camera_if_the_policy_uses_one() -> None:
    plain, camera = (
        notice.write_notice(write_policy(preset(name)), monitored=True).recorded for name in ("browser", "camera")
    )
    assert camera == [*plain, *notice.CAMERA]


def test_the_examples_in_the_docstrings_hold() -> None:
    results = doctest.testmod(notice)
    assert results.attempted > 0
    assert results.failed == 0
