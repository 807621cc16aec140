"""Read and replace an exam's policy: the settings of its rules.

A stored version must never change: each attempt is evaluated with the version at its start. The descriptions of the
rules come from their own files.
"""

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Router, get, put
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import reading
from db.errors import Conflict, Forbidden, KeyReused, NotFound
from db.queries.exams import policies
from hub.auth.guards import BEARER, Principal, principal_as
from hub.errors import Busy, Expired, Invalid, Unauthenticated, problems
from hub.rest.exams.exams import Version
from hub.rest.http.audit import AnyRequest, record_action
from hub.rest.http.idempotency import Once, may_edit
from judgement.errors import PolicyError, UnsupportedRulebook
from judgement.policy import Policy, read_policy, write_policy
from judgement.rule_docs import RuleInfo, describe_all
from protocol.roles import Role


class NewPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """New settings of the rules. Settings that are left out are those of the `preset`.

    `version`, if given, is the version you have seen.
    """

    policy: dict[str, Any]
    version: Version | None = None


class PolicyView(msgspec.Struct, frozen=True):
    """The newest version of an exam's policy with all settings, and a description and schema of every rule."""

    version: int
    policy: dict[str, Any]
    rules: list[RuleInfo]


@get(
    "/{exam_id:uuid}/policy",
    summary="Read the policy",
    security=BEARER,
    responses=problems(Unauthenticated, Expired, Forbidden, NotFound),
)
async def show_policy(
    exam_id: FromPath[UUID], engine: NamedDependency[AsyncEngine], principal: NamedDependency[Principal]
) -> PolicyView:
    """Read the policy for new attempts, and what each rule reports."""
    async with reading(engine) as conn:
        found = await policies.read_newest_policy(conn, exam_id, principal.user_id)
    return _view(found.version, read_policy(found.settings))


@put(
    "/{exam_id:uuid}/policy",
    summary="Replace the policy",
    security=BEARER,
    responses=problems(Invalid, Unauthenticated, Expired, Forbidden, NotFound, Conflict, KeyReused, Busy),
)
async def replace_policy(
    request: AnyRequest,
    exam_id: FromPath[UUID],
    data: JSONBody[NewPolicy],
    once: NamedDependency[Once],
    principal: NamedDependency[Principal],
) -> PolicyView:
    """Store the next version of the policy for attempts that start from now on. Running attempts keep their version."""
    policy = _read(data.policy)
    async with once.change(principal.user_id, check=may_edit(exam_id)) as unit:
        version = await policies.replace_policy(
            unit.conn, exam_id, principal.user_id, write_policy(policy), seen=data.version
        )
        record_action(unit, request, principal.user_id, "replace_policy", "exam", exam_id, policy_version=version)
        return once.keep(_view(version, policy))


router: Final = Router(
    path="/exams",
    tags=["exams"],
    route_handlers=[show_policy, replace_policy],
    dependencies={"principal": Provide(principal_as(Role.TEACHER, Role.ADMIN))},
)


def _read(settings: dict[str, Any]) -> Policy:
    try:
        return read_policy(settings)
    except PolicyError as error:
        raise Invalid(f"$.policy.{error.path}", error.reason) from error
    except UnsupportedRulebook as error:
        raise Invalid("$.policy.rulebook", str(error)) from error


def _view(version: int, policy: Policy) -> PolicyView:
    return PolicyView(version, write_policy(policy), describe_all(policy.rules, policy.rulebook))
