/**
 * Adds students from typed or pasted lines or a CSV file. The hub reads both: its preview is shown first, and only rows that
 * the teacher has seen are sent. It must never read a file itself.
 */

import { type Signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { Button, Field, Notice } from "@veritas/shared/ui/index.ts";
import type { ExamView, StudentCode } from "../../rest/types.ts";
import { ADD_STUDENTS } from "../../texts/roster.ts";
import { useAdding } from "./adding.ts";
import { Preview } from "./preview.tsx";

interface AddStudentsFormProps {
  exam: ExamView;
  onCodes: (codes: readonly StudentCode[]) => void;
}

export function AddStudentsForm({ exam, onCodes }: AddStudentsFormProps): JSX.Element {
  const text = useSignal("");
  const adding = useAdding(exam, (codes) => {
    text.value = "";
    onCodes(codes);
  });
  const { busy, preview, confirmed, refused } = adding;
  const onFile = (file: File | null | undefined): void => {
    if (file !== null && file !== undefined) void adding.check(file, "required");
  };
  return (
    <form
      class="v-card v-stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.value.trim() !== "") void adding.check(text.value, "optional");
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        onFile(event.dataTransfer?.files[0]);
      }}
    >
      <h2>{ADD_STUDENTS.title}</h2>
      <ListField
        text={text}
        onInput={(next) => {
          text.value = next;
          adding.start();
        }}
      />
      <Refused rows={refused.value} />
      <div class="v-row-s">
        <Button type="submit" busy={busy.value} disabled={text.value.trim() === ""}>
          {ADD_STUDENTS.check}
        </Button>
        <FileButton onFile={onFile} />
      </div>
      {preview.value !== null && (
        <Preview
          preview={preview.value}
          busy={busy.value}
          confirmed={confirmed.value}
          onConfirm={(usernames) => (confirmed.value = usernames)}
          onAdd={() => void adding.add()}
        />
      )}
    </form>
  );
}

function ListField({ text, onInput }: { text: Signal<string>; onInput: (text: string) => void }): JSX.Element {
  return (
    <Field label={ADD_STUDENTS.list} help={ADD_STUDENTS.help}>
      {(control) => (
        <textarea
          {...control}
          rows={6}
          dir="auto"
          class="v-input v-mono"
          spellcheck={false}
          placeholder={ADD_STUDENTS.placeholder}
          value={text.value}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** What the hub refused after the preview, for example because another teacher was faster. */
function Refused({ rows }: { rows: readonly string[] }): JSX.Element | null {
  if (rows.length === 0) return null;
  return (
    <Notice tone="critical" role="alert">
      <p class="v-strong">{ADD_STUDENTS.wrong}</p>
      <ul class="c-plain">
        {rows.map((message) => (
          <li key={message} dir="auto">
            {message}
          </li>
        ))}
      </ul>
    </Notice>
  );
}

function FileButton({ onFile }: { onFile: (file: File | undefined) => void }): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button onClick={() => input.current?.click()}>{ADD_STUDENTS.chooseFile}</Button>
      <input
        ref={input}
        type="file"
        accept=".csv,text/csv,text/plain"
        hidden
        aria-label={ADD_STUDENTS.file}
        onChange={(event) => {
          onFile(event.currentTarget.files?.[0]);
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}
