"""Check the second factor of a user: a TOTP code or a recovery code, each valid once.

It must never accept a code of a factor that was not confirmed. The caller limits failures.
"""

from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db.queries.accounts import second_factors
from db.queries.accounts.second_factors import Factor
from db.unit import change
from hub.auth import totp
from hub.auth.tickets import hash_recovery_code
from hub.errors import SecondFactorWrong
from hub.settings import HubSettings
from hub.sockets import now_ms

log = structlog.get_logger(__name__)


async def use_second_factor(engine: AsyncEngine, settings: HubSettings, user_id: UUID, code: str) -> None:
    """Check and use up a code of a user who has a second factor. Raises SecondFactorWrong."""
    async with change(engine, None) as unit:
        factor = await second_factors.read_factor(unit.conn, user_id)
        is_right = factor is not None and await _use(unit.conn, settings, user_id, factor, code)
    if not is_right:
        raise SecondFactorWrong("This code is not valid. Wait for the next one, or use a recovery code.")


async def _use(conn: AsyncConnection, settings: HubSettings, user_id: UUID, factor: Factor, code: str) -> bool:
    if not factor.is_confirmed:
        return False
    if not totp.is_totp(code):
        hashed = hash_recovery_code(code, settings.keys.data)
        return await second_factors.use_recovery_code(conn, user_id, hashed)
    secret = totp.unseal(factor.sealed, user_id, settings.keys.data)
    if secret is None:
        log.error("second factor not readable: the secret of the hub has changed", user=str(user_id))
        return False
    step = totp.find_step(secret, code, now_ms(), factor.last_counter)
    return step is not None and await second_factors.use_counter(conn, user_id, step)
