/** Adds students from typed or pasted lines or a CSV file. Nothing is sent while a row has an error. */

import { type Signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { Problem, errorText } from "@veritas/shared/api.ts";
import { Button, Field, Notice, toast } from "@veritas/shared/ui/index.ts";
import { count } from "../../format/numbers.ts";
import type { ExamView, StudentCode } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { ADD_STUDENTS } from "../../texts/roster.ts";
import { type RosterReading, readRoster } from "./csv.ts";

const ERRORS_SHOWN = 12;

interface AddStudentsFormProps {
  exam: ExamView;
  onCodes: (codes: readonly StudentCode[]) => void;
}

export function AddStudentsForm({ exam, onCodes }: AddStudentsFormProps): JSX.Element {
  const text = useSignal("");
  const busy = useSignal(false);
  const refused = useSignal<readonly string[]>([]);
  const reading = readRoster(text.value);
  const { entries, errors } = reading;
  const canAdd = entries.length > 0 && errors.length === 0;
  const setText = (next: string): void => {
    text.value = next;
    refused.value = [];
  };
  const readFile = async (file: File | null | undefined): Promise<void> => {
    if (file !== null && file !== undefined) setText(await file.text());
  };
  const add = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy.value || !canAdd) return;
    busy.value = true;
    refused.value = [];
    try {
      onCodes(await api.post<StudentCode[]>(`/exams/${exam.exam_id}/roster`, { students: entries }));
      toast(ADD_STUDENTS.added(count(entries.length, "student")), "good");
      text.value = "";
    } catch (error) {
      refused.value = refusedRows(error, reading);
    } finally {
      busy.value = false;
    }
  };
  const onDrop = (event: DragEvent): void => {
    event.preventDefault();
    void readFile(event.dataTransfer?.files[0]);
  };
  return (
    <form
      class="v-card v-stack"
      onSubmit={(event) => void add(event)}
      onDragOver={(event) => event.preventDefault()}
      onDrop={onDrop}
    >
      <h2>{ADD_STUDENTS.title}</h2>
      <ListField text={text} onInput={setText} />
      <Errors reading={reading} refused={refused.value} />
      <div class="v-row-s">
        <Button variant="primary" type="submit" busy={busy.value} disabled={!canAdd}>
          {entries.length === 0 ? ADD_STUDENTS.submitNone : ADD_STUDENTS.submit(count(entries.length, "student"))}
        </Button>
        <FileButton onFile={(file) => void readFile(file)} />
      </div>
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

/** Errors that the page found in the rows, and those for which the hub refused them. */
function Errors({ reading, refused }: { reading: RosterReading; refused: readonly string[] }): JSX.Element | null {
  const { errors } = reading;
  if (errors.length === 0 && refused.length === 0) return null;
  const more = errors.length - ERRORS_SHOWN;
  return (
    <Notice tone="critical" role={refused.length > 0 ? "alert" : "status"}>
      <p class="v-strong">{ADD_STUDENTS.wrong}</p>
      <ul class="c-plain">
        {errors.slice(0, ERRORS_SHOWN).map(({ row, field, message }) => (
          <li key={`${row}${field}`}>{ADD_STUDENTS.row(row, field, message)}</li>
        ))}
        {more > 0 && <li>{ADD_STUDENTS.more(more)}</li>}
        {refused.map((message) => (
          <li key={message}>{message}</li>
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

function refusedRows(error: unknown, reading: RosterReading): readonly string[] {
  const faults = error instanceof Problem ? error.faults : [];
  if (faults.length === 0) return [errorText(error)];
  return faults.map((fault) => `${rowOf(fault.path, reading)}: ${fault.message}`);
}

/** `$.students[3].name` → `ada, name`. */
export function rowOf(path: string, reading: RosterReading): string {
  const found = /students\[(\d+)\]\.?(.*)/.exec(path);
  if (found === null) return path.replace(/^\$\.?/, "");
  const entry = reading.entries[Number(found[1])];
  return [entry?.username ?? ADD_STUDENTS.student(Number(found[1]) + 1), found[2]].filter(Boolean).join(", ");
}
