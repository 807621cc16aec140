"""Write the notice of an exam from what is really on, and check that a student has acknowledged it.

A monitored exam must never start without it.
"""

from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from db.errors import NoticeChanged
from db.queries.exams.student_exams import Enrollment, EnrolmentState
from db.queries.retention.worker_settings import DataSettings, read_data_settings
from db.retention.times import times_of
from hub.settings import HubSettings
from judgement.notice import Keeping, ModelPlace, Notice, write_notice
from protocol.attempts import ExamKind


async def read_settings(conn: AsyncConnection, settings: HubSettings) -> DataSettings:
    """Read what workers do with data; before the first worker has started, what this hub's settings say."""
    return await read_data_settings(conn) or DataSettings(times_of(settings))


def notice_of(exam: Enrollment, settings: DataSettings) -> Notice:
    """Write the notice of an exam."""
    keeping: dict[str, Any] = msgspec.structs.asdict(settings.times)
    return write_notice(
        exam.policy,
        monitored=exam.monitored,
        keeping=Keeping(**keeping),
        practice=exam.kind is ExamKind.PRACTICE,
        model=ModelPlace(settings.model_host, settings.is_model_local) if exam.enable_model else None,
    )


def check_notice(exam: Enrollment, notice: Notice, acknowledged: int | None) -> None:
    """Raise NoticeChanged unless a monitored exam may start with this acknowledgement.

    A running attempt goes on with the notice that it began with.
    """
    is_startable = exam.state in {EnrolmentState.OPEN, EnrolmentState.RUNNING}
    if not exam.monitored or not is_startable or acknowledged == notice.version:
        return
    if exam.state is EnrolmentState.RUNNING and exam.acknowledged is not None:
        return
    raise NoticeChanged(
        "Read the notice about recording first (GET /student/exams), and start with its version."
        if acknowledged is None
        else "The notice about recording has changed since you opened it. Load it again, read it, then start."
    )
