"""The command line: one thin function per command.

An error that the user can fix ends as one line on standard error and exit code 2, never as a traceback.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, TypeVar
from uuid import UUID

import rich_click as click
import uvloop
from rich.console import Console
from rich.table import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from db import migrations
from db.audit.chain import parse_anchor
from db.engine import create_engine
from db.errors import SettingsError
from db.migrations.roles import render_roles
from db.queries.audit_chain import read_newest
from db.retention.times import times_of
from db.settings import DatabaseSettings, read_settings
from hub import main as hub_main
from hub.settings import HubSettings
from protocol.roles import Role
from veritas import demo as demonstration
from veritas import logs, retention
from veritas.accounts import PasswordLogin, create_account, reset_totp, set_active, set_password
from veritas.accounts import erase as erase_account
from veritas.audit import verify
from veritas.embedded.servers import DATABASE, OWNER_DATABASE, WORKER_DATABASE
from veritas.environment import data_dir, read_environment, with_servers
from veritas.errors import VeritasError
from veritas.simulation import simulate
from veritas.simulation.exam_run import Options
from veritas.stack import run_stack
from workers import main as worker_main
from workers.settings import WorkerSettings

_T = TypeVar("_T")
out = Console()
err = Console(stderr=True)

FAULT = 2
"""Exit code after an error that the user can fix."""


PASSWORD_FILE = click.option(
    "--password-file",
    type=click.File(),
    help="Read the password from the first line of this file, or of standard input with -. Asks for it if omitted.",
)
"""A password in the arguments would be visible to every user of the machine."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="veritas-proctor")
def cli() -> None:
    """Veritas: a real-time exam-proctoring hub."""


@cli.command()
def up() -> None:
    """Run hub, worker, PostgreSQL and Redis here, supervised, until Ctrl-C."""
    environ = read_environment()
    logs.configure("warning", "supervisor")

    async def run() -> None:
        async with run_stack(environ) as stack:
            table = Table(title="Veritas is up", show_header=False)
            table.add_row("console", f"{stack.addresses.base_url}/console")
            table.add_row("exam page", f"{stack.addresses.base_url}/exam")
            table.add_row("REST", f"{stack.addresses.base_url}/docs")
            table.add_row("sockets", f"{stack.addresses.base_url.replace('http', 'ws')}/ws/monitor, /ws/console")
            table.add_row("teacher", f"{stack.login.username} / {stack.login.password}")
            pids = (f"{name} {stack.supervisor.pid_of(name)}" for name in stack.supervisor.names)
            table.add_row("processes", ", ".join(pids))
            table.add_row("logs and data", str(data_dir(environ).resolve()))
            table.add_row("stop", "Ctrl-C")
            out.print(table)
            await stack.supervisor.run_until_signal()
            out.print("stopping …")

    asyncio.run(run())


@cli.command()
@click.option("--students", default=12, show_default=True, type=click.IntRange(1, 2000), help="Number of students.")
@click.option("--seconds", type=click.FloatRange(min=1), help="Length of the exam; without it until Ctrl-C.")
@click.option("--seed", default=1, show_default=True, help="Same seed, same run.")
@click.option("--headless", is_flag=True, help="No live view: run, report, exit.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the report to this file.")
def demo(students: int, seconds: float | None, seed: int, json_file: Path | None, *, headless: bool) -> None:
    """Run everything with a simulated exam over real websockets, live in this terminal."""
    environ = read_environment()
    if headless and seconds is None:
        raise VeritasError("--headless needs --seconds")
    logs.configure("warning", "demo")

    async def run() -> int:
        async with run_stack(environ) as stack:
            return await demonstration.run(
                stack.addresses,
                stack.login,
                students=students,
                seconds=seconds,
                seed=seed,
                headless=headless,
                json_file=json_file,
            )

    sys.exit(asyncio.run(run()))


@cli.command()
def serve() -> None:
    """Run one hub process of a real deployment."""
    environ = read_environment()
    settings = read_settings(HubSettings, environ)
    logs.configure(settings.log_level, "hub")
    uvloop.run(hub_main.run(settings))


@cli.command()
@click.option("--only", type=click.Choice(["model"]), help="Only request summaries from the language model.")
def work(only: str | None) -> None:
    """Run one worker process of a real deployment. A language model needs a second one, with --only model."""
    settings = read_settings(WorkerSettings, read_environment())
    logs.configure(settings.log_level, only or "worker")
    asyncio.run(worker_main.run(settings, model_only=only == "model"))


@cli.command()
@click.option("--sql", is_flag=True, help="Print the DDL of all revisions instead of running them.")
@click.option("--roles-sql", is_flag=True, help="Print the SQL with which an administrator creates the roles.")
def migrate(*, sql: bool, roles_sql: bool) -> None:
    """Upgrade the database to the newest schema, create the coming partitions, and give the roles their rights.

    It connects with VERITAS_OWNER_DATABASE_URL if that is set, otherwise with VERITAS_DATABASE_URL.
    """
    if sql or roles_sql:
        click.echo(render_roles() if roles_sql else migrations.render_sql())
        return
    missing = _with_database(lambda settings: migrations.upgrade(settings.database_url), OWNER_DATABASE)
    out.print("the schema is up to date")
    if missing:
        out.print(f"[yellow]·[/yellow] these roles do not exist: {', '.join(missing)}. All processes share one role.")
        out.print("  `veritas migrate --roles-sql` prints the SQL for an administrator.", highlight=False)


@cli.group()
def admin() -> None:
    """Manage users from the terminal of the machine that holds the data."""


@admin.command("create")
@click.argument("username")
@click.option("--name", required=True, help="Full name, as shown to others.")
@click.option("--role", type=click.Choice([role.value for role in Role]), default="teacher", show_default=True)
@PASSWORD_FILE
def create(username: str, name: str, role: str, password_file: IO[str] | None) -> None:
    """Create a user who signs in with a password. It is asked for, or read from a file."""
    login = PasswordLogin(username, _read_password(password_file))
    _with_engine(lambda engine, _settings: create_account(engine, Role(role), name, login))
    out.print(f"{role} [bold]{username}[/bold] can sign in")


@admin.command("set-password")
@click.argument("username")
@PASSWORD_FILE
def change_password(username: str, password_file: IO[str] | None) -> None:
    """Give a user a new password: all sessions of the user end."""
    login = PasswordLogin(username, _read_password(password_file))
    _with_engine(lambda engine, _settings: set_password(engine, login))
    out.print(f"[bold]{username}[/bold] has a new password")


@admin.command("reset-totp")
@click.argument("username")
def remove_totp(username: str) -> None:
    """Remove the second factor of a user who lost it: all sessions of the user end."""
    _with_engine(lambda engine, _settings: reset_totp(engine, username))
    out.print(f"[bold]{username}[/bold] signs in without a code")


@admin.command("deactivate")
@click.argument("username")
def deactivate(username: str) -> None:
    """Deactivate a user: sessions end and sockets close within seconds; all records stay."""
    _set_active(username, active=False)


@admin.command("activate")
@click.argument("username")
def activate(username: str) -> None:
    """Activate a deactivated user."""
    _set_active(username, active=True)


@admin.command("erase")
@click.argument("username")
@click.option("--force", is_flag=True, help="Also erase attempts that are held by a flag or an administrator.")
@click.confirmation_option(prompt="Delete everything about this person? This cannot be undone.")
def erase(username: str, *, force: bool) -> None:
    """Delete everything about a student or teacher. The account stays without a name, attempts with their marks."""

    async def run(engine: AsyncEngine, _settings: DatabaseSettings) -> None:
        attempts = await erase_account(engine, username, is_forced=force)
        out.print(f"erased; marks of {attempts} attempts stay without a name", highlight=False)

    _with_engine(run)


def _set_active(username: str, *, active: bool) -> None:
    _with_engine(lambda engine, _settings: set_active(engine, username, active=active))
    out.print(f"[bold]{username}[/bold] {'can' if active else 'can no longer'} sign in")


def _read_password(file: IO[str] | None) -> str:
    """Read a password from the first line of a file, or ask for it twice."""
    if file is None:
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return password
    return file.readline().rstrip("\r\n")


@cli.command("simulate")
@click.argument("base_urls", nargs=-1, required=True, metavar="BASE_URL...")
@click.option("--username", required=True, help="Username of a teacher at that hub.")
@click.option("--password", envvar="VERITAS_PASSWORD", prompt=True, hide_input=True, help="Prompts if omitted.")
@click.option("--students", default=40, show_default=True, type=click.IntRange(1, 5000), help="Number of students.")
@click.option("--seconds", default=60.0, show_default=True, type=click.FloatRange(min=1), help="Length of the exam.")
@click.option("--rate", default=0.0, show_default=True, help="Extra events per second and student, as load.")
@click.option("--seed", default=1, show_default=True, help="Same seed, same run.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the report to this file.")
def run_simulation(
    base_urls: tuple[str, ...],
    username: str,
    password: str,
    students: int,
    seconds: float,
    rate: float,
    seed: int,
    json_file: Path | None,
) -> None:
    """Run a simulated exam at any hub through its public API, or at several hubs of one service."""
    options = Options(students=students, seconds=seconds, rate=rate, seed=seed)
    sys.exit(
        asyncio.run(simulate.run(base_urls, PasswordLogin(username, password), options, out=out, json_file=json_file))
    )


@cli.command("verify")
@click.option("--reproduce", is_flag=True, help="Also fold every attempt again and compare flags and scores.")
@click.option("--anchor", "anchors", multiple=True, metavar="N:HASH", help="A link that the audit chain must contain.")
def run_verification(anchors: tuple[str, ...], *, reproduce: bool) -> None:
    """Check the stored record: streams and feeds without gaps, nothing lost, nothing twice, no audited row changed."""
    try:
        known = [parse_anchor(text) for text in anchors]
    except ValueError as error:
        raise VeritasError(f"--anchor is not valid: {error}") from error

    async def run(settings: DatabaseSettings) -> int:
        engine = create_engine(settings)
        try:
            return await verify.run(engine, out, reproduce=reproduce, anchors=known)
        finally:
            await engine.dispose()

    sys.exit(_with_database(run))


@cli.group("audit")
def audit_group() -> None:
    """The hash chain over the audit log."""


@audit_group.command("anchor")
def show_anchor() -> None:
    """Print the newest link, to be kept outside the database: `veritas verify --anchor` finds it again."""

    async def run(engine: AsyncEngine, settings: DatabaseSettings) -> None:
        del settings
        async with engine.connect() as conn:
            newest = await read_newest(conn)
        if newest is None:
            raise VeritasError("no row of the audit log is sealed yet: start a worker")
        click.echo(newest)

    _with_engine(run)


@cli.group("retention", invoke_without_command=True)
@click.option("--dry-run", is_flag=True, help="Print what would be deleted and what is held. Deletes nothing.")
@click.pass_context
def retention_group(context: click.Context, *, dry_run: bool) -> None:
    """Delete data past their time; workers do it every day. Or hold the data of an attempt."""
    if dry_run and context.invoked_subcommand is None:
        _with_engine(lambda engine, settings: retention.show_plan(engine, times_of(settings), out))
    elif dry_run or context.invoked_subcommand is None:
        raise VeritasError("choose --dry-run alone, or one of: run, hold, release")


@retention_group.command("run")
def run_retention() -> None:
    """Delete what is past its time now."""
    _with_engine(lambda engine, settings: retention.run_now(engine, times_of(settings), out), WORKER_DATABASE)


@retention_group.command("hold")
@click.argument("attempt_id", type=click.UUID)
@click.option("--reason", required=True, help="Why the data must be kept, for example an appeal.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day of the hold (UTC); without it no end.")
def hold(attempt_id: UUID, reason: str, until: datetime | None) -> None:
    """Keep the data of an attempt past their time."""
    ends = None if until is None else until.replace(hour=23, minute=59, second=59, tzinfo=UTC)
    if ends is not None and ends < datetime.now(UTC):
        raise VeritasError("--until is in the past: such a hold keeps nothing")

    async def run(engine: AsyncEngine, settings: DatabaseSettings) -> None:
        del settings
        hold_id = await retention.place_hold(engine, attempt_id, reason, ends)
        out.print(f"held; to release it: veritas retention release {hold_id}", highlight=False, soft_wrap=True)

    _with_engine(run)


@retention_group.command("release")
@click.argument("hold_id", type=click.UUID)
def release(hold_id: UUID) -> None:
    """Release a hold."""
    _with_engine(lambda engine, _settings: retention.release_hold(engine, hold_id))


def main() -> None:
    """Run the command line; an error that the user can fix is one line and exit code 2."""
    try:
        cli(standalone_mode=True)
    except (VeritasError, SettingsError) as error:
        err.print(f"[red]veritas:[/red] {error}", highlight=False)
        sys.exit(FAULT)


def _with_engine(
    run: Callable[[AsyncEngine, DatabaseSettings], Coroutine[Any, Any, None]], url: str = DATABASE
) -> None:
    async def connect(settings: DatabaseSettings) -> None:
        engine = create_engine(settings)
        try:
            await run(engine, settings)
        finally:
            await engine.dispose()

    _with_database(connect, url)


def _with_database(run: Callable[[DatabaseSettings], Coroutine[Any, Any, _T]], url: str = DATABASE) -> _T:
    """Run against the configured servers, those that run here already, or servers started for this command.

    `url` is the setting with the address for the role of this command; without it, `VERITAS_DATABASE_URL` counts.
    """
    with with_servers(read_environment()) as environ:
        address = environ.get(url) or environ.get(DATABASE, "")
        return asyncio.run(run(read_settings(DatabaseSettings, environ | {DATABASE: address})))


if __name__ == "__main__":
    main()
