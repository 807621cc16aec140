"""`veritas verify --reproduce`: every attempt folded again from its stored facts, and compared with what is stored.

Facts come along the stored fold order, under the pinned policy and rulebook, a bounded number at a time. What people
decided is taken as it is. Nothing here writes, and nothing here decides which of two differing judgements is right.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from db.fold_order import Run, follows
from db.partitions import created_at, partition_of
from db.queries.evaluation import checkpoints, flags, scores
from db.queries.evaluation.checkpoints import Folded
from db.queries.evaluation.flags import NewFlag
from db.queries.events import partitions
from db.queries.verify import SHOWN, Breach
from judgement.engine import Engine
from judgement.errors import JudgementError
from judgement.policy import Policy, read_policy
from judgement.rules import RULEBOOKS, Rulebook
from judgement.score.coverage import measure_coverage
from judgement.score.scoring import compute_integrity
from protocol.analysis import Observed
from protocol.events import StoredEvent
from protocol.flags import CountedFlag
from workers.state_cache import flag_of

ATTEMPTS_AT_ONCE: Final = 100
FACTS_AT_ONCE: Final = 20_000
"""How many attempts, and how many facts at most, are held in memory."""

HubTopic = Callable[[int], None]
"""Hears how many more facts were folded again."""

_COMPARED: Final = ("policy_version", "severity", "confidence", "summary", "numbers", "cited")


class Reproduction(msgspec.Struct):
    """What came of folding everything again: the first breaches of each law, and what could not be folded again."""

    attempts: int = 0
    facts: int = 0
    order: list[Breach] = []
    flags: list[Breach] = []
    scores: list[Breach] = []
    coverages: list[Breach] = []
    not_carried: dict[int, int] = {}
    past_retention: int = 0

    @property
    def notes(self) -> list[str]:
        """What is no breach, but was not checked either."""
        notes = [
            f"rulebook {version} is not carried: {_many(count, 'attempt')} not folded again"
            for version, count in sorted(self.not_carried.items())
        ]
        if self.past_retention:
            notes.append(f"past retention: {_many(self.past_retention, 'attempt')} whose facts are gone")
        return notes


class Replay:
    """One attempt's fold, done again fact by fact; pure."""

    def __init__(self, folded: Folded, policy: Policy, rulebooks: Mapping[int, Rulebook] = RULEBOOKS) -> None:
        self.folded = folded
        self.fault: str | None = None
        self._engine = Engine(policy, rulebooks)
        self._state = self._engine.begin()
        self._last: dict[UUID, int] = {}
        self._facts = 0
        self._raised: dict[tuple[str, int, str], NewFlag] = {}

    def step(self, fact: StoredEvent) -> None:
        """Fold the next fact of the stored order; after a fault in that order nothing is folded any more."""
        if self.fault is None:
            try:
                self._fold(fact)
            except msgspec.ValidationError as error:
                self.fault = f"{fact.seq} of stream {fact.stream_id} cannot be read: {error}"

    def _fold(self, fact: StoredEvent) -> None:
        expected = self._last.get(fact.stream_id, 0) + 1
        if not follows(fact, expected):
            self.fault = f"{fact.seq} of stream {fact.stream_id} was folded where {expected} was to come"
            return
        self._last[fact.stream_id] = fact.seq
        self._facts += 1
        for finding in self._engine.step(self._state, fact):
            flag = flag_of(finding, self.folded.attempt_id, self.folded.policy_version)
            self._raised.setdefault(_identity(flag), flag)

    def find_order_fault(self) -> str | None:
        """Say, after the last fact, how the fold order fails to cover each stream from 1 to the cursor, if it does."""
        if self.fault is not None:
            return self.fault
        for stream_id in sorted({*self._last, *self.folded.positions}):
            last, position = self._last.get(stream_id, 0), self.folded.positions.get(stream_id, 0)
            if last != position:
                return f"stream {stream_id} is in the fold order, and stored, up to {last}, its cursor at {position}"
        if self._facts != self.folded.facts:
            return f"the fold order has {self._facts} facts, the cursor counts {self.folded.facts}"
        return None

    def find_differences(self, stored: Sequence[NewFlag]) -> list[str]:
        """Say how the stored flags differ from those that follow from the facts."""
        kept = {_identity(flag): flag for flag in stored}
        found = [f"{_name(flag)} is missing" for key, flag in self._raised.items() if key not in kept]
        found += [
            f"{_name(flag)} does not follow from the facts" for key, flag in kept.items() if key not in self._raised
        ]
        for key, flag in self._raised.items():
            for field in _COMPARED if key in kept else ():
                is_stored, follows_now = getattr(kept[key], field), getattr(flag, field)
                if is_stored != follows_now:
                    found.append(f"{_name(flag)}: {field} is {is_stored!r}, but {follows_now!r} follows from the facts")
        return found


async def reproduce(
    conn: AsyncConnection, told: HubTopic = lambda _: None, rulebooks: Mapping[int, Rulebook] = RULEBOOKS
) -> Reproduction:
    """Fold every attempt again, as this transaction sees the record."""
    found = Reproduction()
    days = await partitions.list_partitions(conn)
    after: UUID | None = None
    while page := await checkpoints.list_folded(conn, after, ATTEMPTS_AT_ONCE):
        after = page[-1].attempt_id
        found.attempts += len(page)
        await _check(conn, page, found, days, told, rulebooks)
    return found


async def _check(
    conn: AsyncConnection,
    page: Sequence[Folded],
    found: Reproduction,
    days: set[str],
    told: HubTopic,
    rulebooks: Mapping[int, Rulebook],
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
        if all(partition_of(created_at(stream_id).date()).name in days for stream_id in folded.positions):
            replays.append(Replay(folded, policy, rulebooks))
        else:
            found.past_retention += 1
    await _fold(conn, replays, found, told)
    raised = await flags.read_raised(conn, ids)
    for replay in replays:
        fault = replay.find_order_fault()
        _add(found.order, replay.folded, [] if fault is None else [fault])
        of_attempt = raised[replay.folded.attempt_id]
        _add(found.flags, replay.folded, of_attempt.unreadable)
        if fault is None and not of_attempt.unreadable:
            _add(found.flags, replay.folded, replay.find_differences(of_attempt.flags))


def _read_policies(
    page: Sequence[Folded], found: Reproduction, rulebooks: Mapping[int, Rulebook]
) -> dict[UUID, Policy]:
    """The policy of each attempt that can be judged again; the others are counted or are a breach."""
    policies = {}
    for folded in page:
        version = folded.rulebook_version
        if version not in rulebooks:
            found.not_carried[version] = found.not_carried.get(version, 0) + 1
            continue
        try:
            policies[folded.attempt_id] = read_policy(folded.policy, version, rulebooks)
        except JudgementError as error:
            _add(found.flags, folded, [f"cannot be judged: {error}"])
    return policies


async def _fold(conn: AsyncConnection, replays: Sequence[Replay], found: Reproduction, told: HubTopic) -> None:
    streams = await checkpoints.read_streams(conn, [replay.folded.attempt_id for replay in replays])
    by_stream = {stream_id: replay for replay in replays for stream_id in streams[replay.folded.attempt_id]}
    bases = {stream_id: base for of_attempt in streams.values() for stream_id, base in of_attempt.items()}
    own = [run for replay in replays for run in replay.folded.fold_order if by_stream.get(run.stream_id) is replay]
    async for facts in _read(conn, own, bases):
        for fact in facts:
            by_stream[fact.stream_id].step(fact)
        found.facts += len(facts)
        told(len(facts))


async def _read(
    conn: AsyncConnection, runs: Sequence[Run], time_bases: Mapping[UUID, int]
) -> AsyncIterator[Sequence[StoredEvent]]:
    """The facts of runs, in their order, a bounded number at a time, however many numbers one of them stands for."""
    for part in _parts(runs):
        left = part
        while left:
            facts = await checkpoints.read_runs(conn, left, time_bases, FACTS_AT_ONCE)
            yield facts
            last = left[-1]
            is_cut = len(facts) == FACTS_AT_ONCE and facts[-1].seq < last.last
            left = [Run(last.stream_id, facts[-1].seq + 1, last.last)] if is_cut else []


def _parts(runs: Sequence[Run]) -> list[list[Run]]:
    """Part runs, in the same order, into as many as have a bounded number of numbers; a longer one stands alone."""
    parts: list[list[Run]] = []
    room = 0
    for run in runs:
        numbers = run.last - run.first + 1
        if numbers > room:
            parts.append([])
            room = FACTS_AT_ONCE
        parts[-1].append(run)
        room -= numbers
    return parts


def _compare_score(folded: Folded, policy: Policy, standing: Sequence[CountedFlag]) -> list[str]:
    follows_now = compute_integrity(standing, policy, folded.coverage)
    if folded.integrity == follows_now or (folded.integrity is None and folded.facts == 0):
        return []
    return [f"integrity is {folded.integrity!r}, but {follows_now!r} follows from the standing flags"]


def _compare_coverage(folded: Folded, observed: Observed) -> list[str]:
    """What is said of a running attempt was true when it was said; at the end it is said for good."""
    follows_now = measure_coverage(observed)
    if not folded.is_concluded or folded.coverage == follows_now:
        return []
    return [f"coverage is {folded.coverage!r}, but {follows_now!r} follows from the connections"]


def _add(breaches: list[Breach], folded: Folded, what: Sequence[str]) -> None:
    room = SHOWN - len(breaches)
    breaches += [Breach(f"attempt {folded.attempt_id}", one) for one in what[:room]]


def _identity(flag: NewFlag) -> tuple[str, int, str]:
    return flag.rule, flag.rule_version, flag.episode_key


def _name(flag: NewFlag) -> str:
    return f"flag {flag.rule} v{flag.rule_version} {flag.episode_key}"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
