// The questions without an answer, and those whose current text is not saved, with a way to each of them.
import { Button, Notice } from "@veritas/shared/ui/index.ts";
import type { JSX } from "preact";
import { unanswered } from "../../session/answers.ts";
import type { ExamSession } from "../../session/session.ts";
import { examTexts, handInTexts as texts } from "../../texts.ts";
import type { Item } from "../../types.ts";

interface Props {
  session: ExamSession;
  onClose: () => void;
}

export function MissingAnswers({ session, onClose }: Props): JSX.Element {
  const { items } = session.attempt.value;
  const missing = unanswered(items, session.answers.value);
  const isNotSaved = ({ item }: Item) =>
    session.unreadable.value.has(item) || session.status.value?.refused.has(item) === true;
  const notSaved = items.filter(isNotSaved);
  const open = (index: number) => {
    onClose();
    session.open(index);
  };
  return (
    <>
      {missing.length === 0 ? (
        <Notice tone="good">{texts.allAnswered(items.length)}</Notice>
      ) : (
        <Notice tone="warning">
          <p>{texts.missing(missing.length)}</p>
          <QuestionList items={items} shown={missing} onOpen={open} />
        </Notice>
      )}
      {notSaved.length > 0 && (
        <Notice tone="critical">
          <p>{texts.notSaved}</p>
          <QuestionList items={items} shown={notSaved} onOpen={open} />
        </Notice>
      )}
    </>
  );
}

interface ListProps {
  items: readonly Item[];
  shown: readonly Item[];
  onOpen: (index: number) => void;
}

function QuestionList({ items, shown, onOpen }: ListProps): JSX.Element {
  return (
    <ul class="x-missing">
      {shown.map((item) => {
        const index = items.indexOf(item);
        return (
          <li key={item.item}>
            <Button variant="quiet" size="small" onClick={() => onOpen(index)}>
              {examTexts.question(index + 1)}
            </Button>
          </li>
        );
      })}
    </ul>
  );
}
