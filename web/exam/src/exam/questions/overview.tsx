// The list of questions, with the progress and the button to hand in.
import { Button, Icon } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { isAnswered, unanswered } from "../../session/answers.ts";
import type { ExamSession } from "../../session/session.ts";
import { handInTexts, examTexts as texts } from "../../texts.ts";
import type { Item } from "../../types.ts";

export function Overview({ session, onHandIn }: { session: ExamSession; onHandIn: () => void }): JSX.Element {
  const { items } = session.attempt.value;
  const answers = session.answers.value;
  const done = items.length - unanswered(items, answers).length;
  const isOpen = useSignal(false);
  const open = (index: number) => {
    session.open(index);
    isOpen.value = false;
  };
  return (
    <nav class="x-overview" aria-label={texts.questions} data-open={isOpen.value ? "" : undefined}>
      <div class="x-progress">
        <h2 class="x-progress-head">
          <button
            type="button"
            class="x-toggle"
            aria-expanded={isOpen.value}
            aria-controls="question-list"
            onClick={() => (isOpen.value = !isOpen.value)}
          >
            {texts.answeredOf(done, items.length)}
            <Icon name="down" size={16} />
          </button>
        </h2>
        <progress max={Math.max(1, items.length)} value={done} aria-label={texts.answeredProgress} />
      </div>
      <ol class="x-questions" id="question-list">
        {items.map((item, index) => (
          <QuestionLink
            key={item.item}
            item={item}
            number={index + 1}
            isCurrent={index === session.at.value}
            isAnswered={isAnswered(item, answers)}
            onOpen={() => open(index)}
          />
        ))}
      </ol>
      <Button variant={done === items.length ? "primary" : "secondary"} onClick={onHandIn}>
        {handInTexts.open}
      </Button>
    </nav>
  );
}

interface LinkProps {
  item: Item;
  number: number;
  isCurrent: boolean;
  isAnswered: boolean;
  onOpen: () => void;
}

function QuestionLink({ item, number, isCurrent, isAnswered, onOpen }: LinkProps): JSX.Element {
  return (
    <li>
      <button
        type="button"
        class="x-question-link"
        aria-current={isCurrent ? "step" : undefined}
        data-answered={isAnswered ? "" : undefined}
        onClick={onOpen}
      >
        <span class="x-question-number">{number}</span>
        <span class="x-question-name" dir="auto">
          {item.prompt}
        </span>
        <span class="v-hidden">{isAnswered ? texts.answered : texts.notAnswered}</span>
        {isAnswered && <Icon name="check" size={14} />}
      </button>
    </li>
  );
}
