// The two cards of the notice: what is recorded, and what is good to know.
import type { JSX } from "preact";
import { noticeTexts as texts } from "../texts.ts";
import type { Enrolment } from "../types.ts";

export function RecordedCard({ exam: { notice } }: { exam: Enrolment }): JSX.Element {
  return (
    <section class="v-card v-stack" aria-labelledby="recorded">
      <h2 id="recorded">{texts.recordedHeading}</h2>
      <Points points={notice?.recorded ?? [texts.answersOnly]} />
      {notice !== null && (
        <dl class="v-details">
          <dt>{texts.whoSees}</dt>
          <dd>{notice.who_sees}</dd>
          <dt>{texts.keptFor}</dt>
          <dd>{texts.keptDays(notice.kept_days)}</dd>
        </dl>
      )}
      <p>{texts.neverRecorded}</p>
    </section>
  );
}

export function GoodToKnow({ isMonitored }: { isMonitored: boolean }): JSX.Element {
  return (
    <section class="v-card v-stack" aria-labelledby="good-to-know">
      <h2 id="good-to-know">{texts.goodToKnow}</h2>
      <Points points={isMonitored ? [...texts.points, texts.fullscreenPoint] : texts.points} />
    </section>
  );
}

function Points({ points }: { points: readonly string[] }): JSX.Element {
  return (
    <ul class="x-points">
      {points.map((point) => (
        <li key={point}>{point}</li>
      ))}
    </ul>
  );
}
