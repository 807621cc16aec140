// The time that is left. Some moments are announced to screen readers.
import { clock, formatLeft } from "@veritas/shared/time.ts";
import { announce, Icon } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useSecond } from "../../parts/use-second.ts";
import { clockTone, leftMs, minutesMark } from "../../session/countdown.ts";
import type { ExamSession } from "../../session/session.ts";
import { examTexts as texts } from "../../texts.ts";

export function Clock({ session }: { session: ExamSession }): JSX.Element | null {
  useSecond();
  const left = leftMs(session.deadline.value, clock.now());
  const before = useRef<number | null>(null);
  useEffect(() => {
    const minutes = minutesMark(before.current, left);
    before.current = left;
    if (minutes !== null) announce(texts.minutesLeft(minutes));
    if (left === 0) session.timeIsOver(performance.now());
  });
  if (left === null) return null;
  return (
    <span class="x-clock v-number" data-tone={clockTone(left)} role="timer" aria-label={texts.timeLeft}>
      <Icon name="clock" size={18} />
      {formatLeft(left)}
    </span>
  );
}
