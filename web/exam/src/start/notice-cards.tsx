// The two cards of the notice: what is recorded, and what is good to know.
import type { JSX } from "preact";
import { noticeTexts as texts } from "../texts.ts";
import type { Enrolment, Notice } from "../types.ts";

export function RecordedCard({ exam: { notice } }: { exam: Enrolment }): JSX.Element {
  return (
    <section class="v-card v-stack" aria-labelledby="recorded">
      <h2 id="recorded">{texts.recordedHeading}</h2>
      <Points points={notice?.recorded ?? [texts.answersOnly]} />
      <p>{texts.neverRecorded}</p>
      {notice !== null && <Details notice={notice} />}
    </section>
  );
}

function Details({ notice }: { notice: Notice }): JSX.Element {
  return (
    <>
      <h3>{texts.whoSees}</h3>
      <Points points={[notice.who_sees, ...(notice.shared ?? [])]} />
      <h3>{texts.keptFor}</h3>
      <Points points={notice.kept?.length ? notice.kept : [texts.keptDays(notice.kept_days)]} />
      {notice.rights?.length ? (
        <>
          <h3>{texts.rights}</h3>
          <Points points={notice.rights} />
        </>
      ) : null}
    </>
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
