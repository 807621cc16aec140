// The current question with the field for its answer, and the buttons to the next and the previous one.
import { Badge, Button, Icon, Notice } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ExamSession } from "../../session/session.ts";
import { handInTexts, texts as pageTexts, examTexts as texts } from "../../texts.ts";
import { AnswerField } from "../answer/answer-field.tsx";
import { ConflictNotice } from "./conflict.tsx";

export function Question({ session, onHandIn }: { session: ExamSession; onHandIn: () => void }): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  const index = session.at.value;
  const item = session.item.value;
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) heading.current?.focus();
    isFirst.current = false;
  }, [index]);
  const { items } = session.attempt.value;
  if (item === null) return <Notice tone="warning">{texts.noQuestions}</Notice>;
  const isLast = index === items.length - 1;
  return (
    <section class="x-question" aria-labelledby="question" data-item={item.item} key={item.item}>
      <div class="v-spread">
        <h2 id="question" ref={heading} tabIndex={-1} class="x-heading">
          {texts.question(index + 1)} <span class="v-soft">{texts.ofQuestions(items.length)}</span>
        </h2>
        <Badge>{pageTexts.points(item.points)}</Badge>
      </div>
      <p class="x-prompt x-lines" dir="auto">
        {item.prompt}
      </p>
      <ConflictNotice item={item} session={session} />
      <AnswerField item={item} session={session} />
      <div class="x-actions">
        <Button icon="left" disabled={index === 0} onClick={() => session.open(index - 1)}>
          {texts.back}
        </Button>
        {isLast ? (
          <Button variant="primary" onClick={onHandIn}>
            {handInTexts.open}
          </Button>
        ) : (
          <Button variant="primary" onClick={() => session.open(index + 1)}>
            {texts.next}
            <Icon name="right" />
          </Button>
        )}
      </div>
    </section>
  );
}
