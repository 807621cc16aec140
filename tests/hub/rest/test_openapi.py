"""The document at /docs/openapi.json: valid OpenAPI 3.1, and complete."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from litestar import Litestar
from litestar.routes import HTTPRoute

from hub.auth.guards import SECURITY_SCHEMES
from hub.errors import PROBLEM_TYPE

OPEN = {
    *("POST /auth/register", "POST /auth/login", "POST /auth/code", "POST /auth/refresh"),
    *("GET /health", "GET /health/live", "GET /health/ready"),
}
"""Operations without a sign-in."""

UNDOCUMENTED = {"/metrics", "/", "/console", "/exam", "/assets", "/docs"}
"""Pages, and metrics."""

Operation = tuple[str, dict[str, Any]]


@pytest.fixture
def document(app: Litestar) -> dict[str, Any]:
    return app.openapi_schema.to_schema()


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def lacking(document: dict[str, Any], has: Any) -> list[str]:
    return [name for name, operation in operations(document) if not has(operation)]


async def test_the_document_is_served(http: httpx.AsyncClient, document: dict[str, Any]) -> None:
    answer = await http.get("/docs/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["paths"].keys() == document["paths"].keys()


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(document).validate()


def test_every_route_is_in_the_document(app: Litestar, document: dict[str, Any]) -> None:
    for route in app.routes:
        if isinstance(route, HTTPRoute) and not any(
            route.path == hidden or route.path.startswith(f"{hidden}/") for hidden in UNDOCUMENTED if hidden != "/"
        ):
            assert route.path == "/" or route.path_format in document["paths"], route.path


def test_every_operation_has_a_summary_and_a_description(document: dict[str, Any]) -> None:
    assert lacking(document, lambda operation: operation.get("summary") and operation.get("description")) == []
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)


def test_every_operation_belongs_to_one_noun(document: dict[str, Any]) -> None:
    assert lacking(document, lambda operation: len(operation.get("tags", [])) == 1) == []


def test_operations_that_need_a_sign_in_document_it_and_its_errors(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"].keys() == SECURITY_SCHEMES.keys()
    closed = {name for name, operation in operations(document) if operation.get("security")}
    assert {name for name, _ in operations(document)} - closed == OPEN
    for name, operation in operations(document):
        if name in closed:
            assert "401" in operation["responses"], name


def test_every_path_parameter_is_declared_and_can_be_unknown(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        declared = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"}
        named = {part[1:-1] for part in name.split("/") if part.startswith("{")}
        assert declared == named, name
        assert not named or "404" in operation["responses"], name


def test_every_error_is_a_problem_with_an_example(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status >= "400" and name != "GET /health/ready":
                (media,) = answer["content"].items()
                assert media[0] == PROBLEM_TYPE, (name, status)
                assert media[1]["examples"], (name, status)


def test_every_answer_and_every_body_has_a_named_shape(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        answers = [answer for status, answer in operation["responses"].items() if status < "300"]
        for content in bodies + answers:
            for media, shown in content.get("content", {}).items():
                assert shown.get("schema"), (name, media)


def test_every_schema_has_a_description(document: dict[str, Any]) -> None:
    shapes = document["components"]["schemas"]
    undescribed = [name for name, shape in shapes.items() if "properties" in shape and not shape.get("description")]
    assert undescribed == []
