// The public names of the SDK.

export { SignedOut } from "@veritas/shared/socket/ticket-socket.ts";
export { deliverStored, type Proctor, start } from "./proctor.ts";
export type { LocalAnswer, RestoredAnswer } from "./session/answers.ts";
export type { Over } from "./session/candidate-session.ts";
export type { Attempt, Instruct, Json, Payload } from "./session/frames.ts";
export type { Link, StartOptions, Status } from "./types.ts";
