"""`veritas verify --reproduce`: folds every attempt again and compares the result with the stored flags and scores.

Events come in the stored fold order, with the pinned policy and rulebook, a bounded number at a time. Decisions of
reviewers are taken as stored. Never writes, and never decides which of two different results is right.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from db.fold_order import Run, follows
from db.queries.evaluation import checkpoints, flags, scores
from db.queries.evaluation.checkpoints import Folded
from db.queries.evaluation.flags import NewFlag
from db.queries.verify import SHOWN, Breach
from judgement.engine import Engine
from judgement.errors import JudgementError
from judgement.observation.observation import Observation, observe
from judgement.policy import Policy, read_policy
from judgement.rules import RULEBOOKS, Rulebook
from judgement.score.coverage import measure_coverage
from judgement.score.scoring import compute_integrity
from protocol.analysis import Observed
from protocol.events import StoredEvent
from protocol.flags import CountedFlag
from workers.state_cache import clock_mismatch, make_flag


class Bounds(msgspec.Struct, frozen=True):
    """The limits of what is held in memory at a time."""

    attempts: int = 100
    events: int = 20_000


BOUNDS: Final = Bounds()


OnProgress = Callable[[int], None]
"""Called with the number of events folded since the last call."""

_COMPARED: Final = ("policy_version", "severity", "confidence", "summary", "numbers", "cited")


class Reproduction(msgspec.Struct):
    """Result of folding everything again: the first breaches of each law, and what could not be folded."""

    attempts: int = 0
    events: int = 0
    order: list[Breach] = []
    flags: list[Breach] = []
    scores: list[Breach] = []
    coverages: list[Breach] = []
    unsupported: dict[int, int] = {}

    @property
    def notes(self) -> list[str]:
        """Attempts that were not checked, and why."""
        return [
            f"rulebook {version} is not supported: {_many(count, 'attempt')} not folded again"
            for version, count in sorted(self.unsupported.items())
        ]


class Replay:
    """Folds one attempt again, event by event. Pure."""

    def __init__(self, folded: Folded, policy: Policy, rulebooks: Mapping[int, Rulebook] = RULEBOOKS) -> None:
        self.folded = folded
        self.fault: str | None = None
        self._engine = Engine(policy, rulebooks)
        self._state = self._engine.begin()
        self._last: dict[UUID, int] = {}
        self._events = 0
        self._observation = Observation()
        self._breaches: list[dict[str, Any]] = []
        self._recorded: list[dict[str, Any]] = []
        self._raised: dict[tuple[str, int, str], NewFlag] = {}

    def step(self, event: StoredEvent) -> None:
        """Fold the next event of the stored order; after a fault in that order do nothing."""
        if self.fault is None:
            try:
                self._fold(event)
            except msgspec.ValidationError as error:
                self.fault = f"{event.seq} of stream {event.stream_id} cannot be read: {error}"

    def _fold(self, event: StoredEvent) -> None:
        expected = self._last.get(event.stream_id, 0) + 1
        if not follows(event, expected):
            self.fault = f"{event.seq} of stream {event.stream_id} was folded where {expected} was expected"
            return
        self._last[event.stream_id] = event.seq
        self._events += 1
        if event.type == "clock_mismatch":
            self._recorded.append(msgspec.json.decode(event.data))
        if (breach := observe(self._observation, event)) is not None:
            self._breaches.append(clock_mismatch(breach).data)
        for finding in self._engine.step(self._state, event):
            flag = make_flag(finding, self.folded.attempt_id, self.folded.policy_version)
            self._raised.setdefault(_identity(flag), flag)

    def find_order_fault(self) -> str | None:
        """After the last event: describe how the fold order differs from streams and cursor; None if it does not."""
        if self.fault is not None:
            return self.fault
        for stream_id in sorted({*self._last, *self.folded.positions}):
            last, position = self._last.get(stream_id, 0), self.folded.positions.get(stream_id, 0)
            if last != position:
                return f"stream {stream_id} is folded and stored up to {last}, but its cursor is at {position}"
        if self._events != self.folded.facts:
            return f"the fold order has {self._events} events, the cursor counts {self.folded.facts}"
        return None

    def find_other_times(self) -> list[str]:
        """Describe how the stored observation differs from the one that follows from the events.

        An attempt that an older version began to fold has none. The newest fault may not be folded as an event yet.
        """
        stored = self.folded.observed
        if stored is None or stored.get("events") != self.folded.facts:
            return []
        found = []
        if msgspec.convert(stored, Observation) != self._observation:
            found.append("the observed times differ from those that follow from the events")
        if self._recorded != self._breaches[: len(self._recorded)]:
            found.append(f"clock faults are {self._recorded!r}, but {self._breaches!r} follow from the events")
        return found

    def find_differences(self, stored: Sequence[NewFlag]) -> list[str]:
        """Describe how the stored flags differ from those that follow from the events."""
        kept = {_identity(flag): flag for flag in stored}
        found = [f"{_name(flag)} is missing" for key, flag in self._raised.items() if key not in kept]
        found += [
            f"{_name(flag)} does not follow from the events" for key, flag in kept.items() if key not in self._raised
        ]
        for key, flag in self._raised.items():
            for field in _COMPARED if key in kept else ():
                is_stored, follows_now = getattr(kept[key], field), getattr(flag, field)
                if is_stored != follows_now:
                    found.append(
                        f"{_name(flag)}: {field} is {is_stored!r}, but {follows_now!r} follows from the events"
                    )
        return found


async def reproduce(
    conn: AsyncConnection,
    on_progress: OnProgress = lambda _: None,
    rulebooks: Mapping[int, Rulebook] = RULEBOOKS,
    bounds: Bounds = BOUNDS,
) -> Reproduction:
    """Fold every attempt again in the snapshot of this transaction."""
    found = Reproduction()
    after: UUID | None = None
    while page := await checkpoints.list_folded(conn, after, bounds.attempts):
        after = page[-1].attempt_id
        found.attempts += len(page)
        await _check(conn, page, found, on_progress, rulebooks, bounds)
    return found


async def _check(
    conn: AsyncConnection,
    page: Sequence[Folded],
    found: Reproduction,
    on_progress: OnProgress,
    rulebooks: Mapping[int, Rulebook],
    bounds: Bounds,
) -> None:
    ids = [folded.attempt_id for folded in page]
    policies = _read_policies(page, found, rulebooks)
    standing = await flags.read_counted_flags(conn, ids)
    observed = await scores.read_observations(conn, ids)
    replays = []
    for folded in page:
        policy = policies.get(folded.attempt_id)
        _add(found.coverages, folded, _compare_coverage(folded, observed[folded.attempt_id]))
        if policy is None:
            continue
        _add(found.scores, folded, _compare_score(folded, policy, standing[folded.attempt_id]))
        if not folded.is_past_retention:
            replays.append(Replay(folded, policy, rulebooks))
    await _fold(conn, replays, found, on_progress, bounds)
    raised = await flags.read_raised(conn, ids)
    for replay in replays:
        fault = replay.find_order_fault()
        _add(found.order, replay.folded, [] if fault is None else [fault])
        if fault is None:
            _add(found.coverages, replay.folded, replay.find_other_times())
        of_attempt = raised[replay.folded.attempt_id]
        _add(found.flags, replay.folded, of_attempt.unreadable)
        if fault is None and not of_attempt.unreadable:
            _add(found.flags, replay.folded, replay.find_differences(of_attempt.flags))


def _read_policies(
    page: Sequence[Folded], found: Reproduction, rulebooks: Mapping[int, Rulebook]
) -> dict[UUID, Policy]:
    """Return the policy of each attempt that can be folded again; count or report the others."""
    policies = {}
    for folded in page:
        version = folded.rulebook_version
        if version not in rulebooks:
            found.unsupported[version] = found.unsupported.get(version, 0) + 1
            continue
        try:
            policies[folded.attempt_id] = read_policy(folded.policy, version, rulebooks)
        except JudgementError as error:
            _add(found.flags, folded, [f"cannot be folded: {error}"])
    return policies


async def _fold(
    conn: AsyncConnection, replays: Sequence[Replay], found: Reproduction, on_progress: OnProgress, bounds: Bounds
) -> None:
    streams = await checkpoints.read_streams(conn, [replay.folded.attempt_id for replay in replays])
    by_stream = {stream_id: replay for replay in replays for stream_id in streams[replay.folded.attempt_id]}
    bases = {stream_id: base for of_attempt in streams.values() for stream_id, base in of_attempt.items()}
    own = [run for replay in replays for run in replay.folded.fold_order if by_stream.get(run.stream_id) is replay]
    async for events in _read(conn, own, bases, bounds.events):
        for event in events:
            by_stream[event.stream_id].step(event)
        found.events += len(events)
        on_progress(len(events))


async def _read(
    conn: AsyncConnection, runs: Sequence[Run], time_bases: Mapping[UUID, int], most: int
) -> AsyncIterator[Sequence[StoredEvent]]:
    """Yield the events of runs in order, a bounded number at a time, even for a very long run."""
    for part in _parts(runs, most):
        left = part
        while left:
            events = await checkpoints.read_runs(conn, left, time_bases, most)
            yield events
            last = left[-1]
            is_cut = len(events) == most and events[-1].seq < last.last
            left = [Run(last.stream_id, events[-1].seq + 1, last.last)] if is_cut else []


def _parts(runs: Sequence[Run], most: int) -> list[list[Run]]:
    """Split runs, in order, into groups with a bounded number of events; a longer run is a group by itself."""
    parts: list[list[Run]] = []
    room = 0
    for run in runs:
        numbers = run.last - run.first + 1
        if numbers > room:
            parts.append([])
            room = most
        parts[-1].append(run)
        room -= numbers
    return parts


def _compare_score(folded: Folded, policy: Policy, standing: Sequence[CountedFlag]) -> list[str]:
    follows_now = compute_integrity(standing, policy, folded.coverage)
    if folded.integrity == follows_now or (folded.integrity is None and folded.facts == 0):
        return []
    return [f"integrity is {folded.integrity!r}, but {follows_now!r} follows from the flags that count"]


def _compare_coverage(folded: Folded, observed: Observed) -> list[str]:
    """Compare the coverage of an analyzed attempt; that of a running attempt still changes."""
    follows_now = measure_coverage(observed)
    if not folded.is_concluded or folded.coverage == follows_now:
        return []
    return [f"coverage is {folded.coverage!r}, but {follows_now!r} follows from what was observed"]


def _add(breaches: list[Breach], folded: Folded, what: Sequence[str]) -> None:
    room = SHOWN - len(breaches)
    breaches += [Breach(f"attempt {folded.attempt_id}", text) for text in what[:room]]


def _identity(flag: NewFlag) -> tuple[str, int, str]:
    return flag.rule, flag.rule_version, flag.episode_key


def _name(flag: NewFlag) -> str:
    return f"flag {flag.rule} v{flag.rule_version} {flag.episode_key}"


def describe_past(attempts: int) -> str:
    """Return the note about attempts whose events are deleted after their time."""
    return f"past retention: {_many(attempts, 'attempt')} whose events are deleted"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
