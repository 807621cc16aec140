import os
from pathlib import Path

from redis.asyncio import Redis as Client

from veritas.embedded.servers import Redis

IS_ROOT = os.geteuid() == 0


async def test_redis_takes_commands_keeps_nothing_and_runs_again_after_a_kill(closed_home: Path) -> None:
    redis = Redis.start(closed_home / "data", closed_home / "run")
    for _ in range(2):
        client = Client.from_url(redis.url)
        assert await client.set("key", "1")
        assert (await client.config_get("save"))["save"] == ""
        assert (await client.config_get("port"))["port"] == "0"
        await client.aclose()
        redis.kill()
        redis.run()
    client = Client.from_url(redis.url)
    assert await client.get("key") is None
    await client.aclose()
    redis.stop()
    assert sorted(path.name for path in (closed_home / "data").iterdir()) == ["redis.log"]
