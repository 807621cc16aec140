// Written by `make docs` from protocol/codes.py, limits.py and events.py; a test holds it to the code.

export const CloseCode = {
  /** `bye` was received, and everything is acknowledged */
  normal: 1000,
  /** a frame cannot be read, or was not allowed at this point */
  malformed: 4400,
  /** the ticket or token is not valid, or the user has signed out */
  unauthenticated: 4401,
  /** the user may not do this */
  forbidden: 4403,
  /** no hello within 10 s, or no frame for 30 s */
  silent: 4408,
  /** a newer connection of the same attempt exists; offer "continue here" instead of reconnecting by yourself */
  superseded: 4409,
  /** the attempt has ended and no event of the queue is missing, or it ended more than a day ago */
  ended: 4410,
  /** the frame is over 64 KiB or 500 events */
  too_large: 4413,
  /** the token has expired: renew it first */
  token_expired: 4419,
  /** a sequence number was skipped: resume after `welcome.committed` */
  gap: 4422,
  /** more than two windows unacknowledged */
  too_fast: 4429,
  /** an error in the hub */
  internal: 4500,
  /** the database is not available, or the hub is full */
  overloaded: 4503,
  /** the client does not read */
  too_slow: 4504,
  /** the hub shuts down, or the client used a day-old stream for another hour */
  draining: 4505,
} as const;

/** After these a client does not come back by itself. */
export const FINAL_CODES: readonly number[] = [1000, 1007, 1009, 4400, 4401, 4403, 4409, 4410, 4413];

export type RejectCode = "bad_shape" | "bad_type" | "bad_time" | "bad_unicode" | "bad_number" | "too_deep" | "too_large";

export type ErrorCode = "unknown_frame" | "empty_batch" | "gap" | "too_fast" | "too_large" | "malformed" | "unsupported_subprotocol" | "forbidden" | "not_found" | "conflict" | "bad_command" | "busy" | "unauthenticated";

/** What the hub holds everybody to; some of it comes again in `welcome`. */
export const LIMITS = {
  "FRAME_BYTES": 65536,
  "SOCKET_BYTES": 1048576,
  "EVENTS_PER_FRAME": 500,
  "EVENT_BYTES": 8192,
  "DRAFT_BYTES": 32768,
  "ITEM_CHARS": 200,
  "DEPTH": 16,
  "SEQ_MAX": 9007199254740991,
  "TIME_MAX_MS": 253402300799999,
  "SEVERITY_CHARS": 16,
  "NAME_CHARS": 64,
  "ACTIONS": 64,
  "FOCUS_ATTEMPTS": 200,
  "STREAM_MS": 86400000,
  "TAIL_MS": 86400000,
  "LOST_NUMBERS": 10000000,
  "INSTRUCTION_MAX": 2147483647,
  "WINDOW_EVENTS": 1000,
  "WINDOW_BYTES": 524288,
  "OVERRUN_FACTOR": 2,
  "HEARTBEAT_MS": 10000,
  "SILENT_HEARTBEATS": 3,
  "HELLO_MS": 10000,
  "ALIVE_MS": 5000,
  "UNKNOWN_FRAMES": 10
} as const;

/** Event types clients send. */
export type ClientEvent =
  | "alive"
  | "window_blur"
  | "window_focus"
  | "tab_hidden"
  | "tab_visible"
  | "fullscreen_exit"
  | "fullscreen_enter"
  | "copy"
  | "cut"
  | "paste"
  | "key_combo"
  | "context_menu"
  | "devtools_open"
  | "screen_count"
  | "eye_movement"
  | "face_count"
  | "head_pose"
  | "voice_activity"
  | "object_detected"
  | "network_change"
  | "vm_detected"
  | "item_opened"
  | "answered"
  | "draft_saved"
  | "typing"
  | "client_error";
