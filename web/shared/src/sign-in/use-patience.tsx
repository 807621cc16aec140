// A sign-in that waits for a place at the hub: tells why and how long, and can be stopped.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { texts } from "../texts.ts";
import { Button, Notice } from "../ui/index.ts";
import { type Pause, patiently } from "./patience.ts";

export interface PatientSignIn {
  /** Send a sign-in until there is a place; null when the user stopped it. */
  send: <T>(send: (signal: AbortSignal) => Promise<T>) => Promise<T | null>;
  /** Why the sign-in waits, with a button to stop it; null when it does not wait. */
  notice: JSX.Element | null;
}

/** Without `untilAllowed`, a sign-in after too many failures is not repeated. */
export function usePatience({ untilAllowed }: { untilAllowed: boolean }): PatientSignIn {
  const pause = useSignal<Pause | null>(null);
  const stop = useRef<AbortController | null>(null);
  useEffect(() => () => stop.current?.abort(), []);
  const send = <T,>(work: (signal: AbortSignal) => Promise<T>): Promise<T | null> => {
    const controller = new AbortController();
    stop.current = controller;
    return patiently(work, { signal: controller.signal, onPause: (now) => (pause.value = now), untilAllowed });
  };
  const now = pause.value;
  const notice = now && <PauseNotice pause={now} onStop={() => stop.current?.abort()} />;
  return { send, notice };
}

function PauseNotice({ pause, onStop }: { pause: Pause; onStop: () => void }): JSX.Element {
  const { signIn } = texts;
  return (
    <Notice role="status">
      <p>{signIn[pause.reason]}</p>
      {/* A screen reader reads the reason once, not every second. */}
      <p aria-hidden="true">{pause.seconds > 0 ? signIn.again(pause.seconds) : signIn.now}</p>
      <Button onClick={onStop}>{signIn.stop}</Button>
    </Notice>
  );
}
