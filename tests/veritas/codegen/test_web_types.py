import pytest

from protocol.codes import CloseCode
from veritas.codegen.typescript import spell
from veritas.codegen.web_types import WEB, openapi, render

WRITTEN = render()


@pytest.mark.parametrize("path", WRITTEN)
def test_the_committed_types_are_those_of_the_code(path: str) -> None:
    assert (WEB / path).read_text() == WRITTEN[path], "run `make docs`"


def test_every_schema_of_rest_is_declared() -> None:
    for name in openapi()["components"]["schemas"]:
        assert f" {spell(name)} " in WRITTEN["shared/src/wire/rest.ts"], name


def test_the_codes_file_lists_final_close_codes() -> None:
    codes = WRITTEN["shared/src/wire/codes.ts"]
    assert f"ended: {int(CloseCode.ENDED)}," in codes
    assert "FINAL_CODES: readonly number[] = [1000, 1007, 1009, 4400, 4401, 4403, 4409, 4410, 4413]" in codes


def test_clients_may_leave_out_defaults_and_receive_all_fields() -> None:
    console = WRITTEN["shared/src/wire/console.ts"]
    assert "ticket?: string | null;" in console
    assert "auth_until: number;" in console
    assert 'kind: "flag"; body: FlagRow; }' in console
