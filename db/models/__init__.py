"""All tables, one file for each noun.

Contains no queries.
"""

from db.models.accounts import StudentProfile, TeacherProfile, User
from db.models.attempts import AttemptAnswer, AttemptGrade, ExamAttempt, Instruction
from db.models.base import Base
from db.models.credentials import (
    CandidateCode,
    Device,
    RecoveryCode,
    RefreshToken,
    SecondFactor,
    ServiceKey,
    SessionEnd,
    UserSession,
    WsTicket,
)
from db.models.evaluation import AnalysisCursor, BehaviorAnalysis, Flag, FlagReview, ModelRun, PerformanceMetric
from db.models.events import Connection, EventStream, HubLease, MonitoringEvent, RejectedEvent
from db.models.exams import Exam, ExamEnrollment, ExamItem, ExamPolicy, TeacherExamPermission
from db.models.feed_and_audit import (
    AuditAnchor,
    AuditLink,
    AuditLog,
    AuditSource,
    CommandRecord,
    FeedHead,
    FeedRow,
    IdempotencyKey,
)
from db.models.retention import AcknowledgedNotice, AttemptHold, RetentionRun, WorkerSettingsRecord
from db.models.summaries import ExamCount, ExamPerformance, RiskSummary, SummaryChange

__all__ = [
    "AcknowledgedNotice",
    "AnalysisCursor",
    "AttemptAnswer",
    "AttemptGrade",
    "AttemptHold",
    "AuditAnchor",
    "AuditLink",
    "AuditLog",
    "AuditSource",
    "Base",
    "BehaviorAnalysis",
    "CandidateCode",
    "CommandRecord",
    "Connection",
    "Device",
    "EventStream",
    "Exam",
    "ExamAttempt",
    "ExamCount",
    "ExamEnrollment",
    "ExamItem",
    "ExamPerformance",
    "ExamPolicy",
    "FeedHead",
    "FeedRow",
    "Flag",
    "FlagReview",
    "HubLease",
    "IdempotencyKey",
    "Instruction",
    "ModelRun",
    "MonitoringEvent",
    "PerformanceMetric",
    "RecoveryCode",
    "RefreshToken",
    "RejectedEvent",
    "RetentionRun",
    "RiskSummary",
    "SecondFactor",
    "ServiceKey",
    "SessionEnd",
    "StudentProfile",
    "SummaryChange",
    "TeacherExamPermission",
    "TeacherProfile",
    "User",
    "UserSession",
    "WorkerSettingsRecord",
    "WsTicket",
]
