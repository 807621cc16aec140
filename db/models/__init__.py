"""Every table of the record, one file per noun."""

from db.models.attempts import ExamAttempt, Instruction
from db.models.base import Base
from db.models.credentials import CandidateCode, RefreshToken, WsTicket
from db.models.events import Connection, EventStream, HubLease, MonitoringEvent, RejectedEvent
from db.models.exams import Exam, ExamEnrollment, ExamPolicy
from db.models.judgement import AnalysisCursor, Flag, FlagReview
from db.models.people import StudentProfile, TeacherProfile, User
from db.models.trail import AuditLog, CommandRecord, FeedHead, FeedRow

__all__ = [
    "AnalysisCursor",
    "AuditLog",
    "Base",
    "CandidateCode",
    "CommandRecord",
    "Connection",
    "EventStream",
    "Exam",
    "ExamAttempt",
    "ExamEnrollment",
    "ExamPolicy",
    "FeedHead",
    "FeedRow",
    "Flag",
    "FlagReview",
    "HubLease",
    "Instruction",
    "MonitoringEvent",
    "RefreshToken",
    "RejectedEvent",
    "StudentProfile",
    "TeacherProfile",
    "User",
    "WsTicket",
]
