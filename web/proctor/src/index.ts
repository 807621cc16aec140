// What a page needs of the SDK, and nothing else.

export type { LocalAnswer } from "./session/answers.ts";
export type { Attempt, Instruct, Json, Payload } from "./session/frames.ts";
export { SignedOut } from "@veritas/shared/socket/ticket-socket.ts";
export { deliverKept, type Link, type Proctor, type StartOptions, type Status, start } from "./proctor.ts";
export type { Over } from "./session/candidate-session.ts";
