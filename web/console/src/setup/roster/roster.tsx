/** Who sits the exam: typed, pasted or from a file; codes are shown once, to print or to keep as a file. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { errorText, Problem } from "@veritas/shared/api.ts";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Button, Dialog, Empty, Field, Notice, Spinner, Table, toast } from "@veritas/shared/ui/index.ts";
import { usePages } from "../../rest/load.ts";
import type { ExamView, RosterStudent, StudentCode } from "../../rest/types.ts";
import { fileName, saveFile } from "../../rest/download.ts";
import { api } from "../../state.ts";
import { type RosterReading, readRoster, writeCsvLine } from "./csv.ts";
import { count } from "../../format/format.ts";
import { Failed } from "../../ui/page.tsx";

const PLACEHOLDER = "username, name, email\nada, Ada Example, ada@school.example\nben, Ben Example";

export function Roster({
  exam,
  readOnly,
  onChange,
}: {
  exam: ExamView;
  readOnly: boolean;
  onChange: () => void;
}): JSX.Element {
  const list = usePages<RosterStudent>(`/exams/${exam.exam_id}/roster`, { limit: 200 });
  const codes = useSignal<readonly StudentCode[] | null>(null);
  const leaving = useSignal<RosterStudent | null>(null);
  const onRoster = list.items.filter((student) => student.on_roster);
  const refresh = (): void => {
    list.reload();
    onChange();
  };
  return (
    <div class="v-stack">
      {codes.value !== null && <Codes exam={exam} codes={codes.value} onClose={() => (codes.value = null)} />}
      {!readOnly && (
        <Enrol
          exam={exam}
          onCodes={(given) => {
            codes.value = given;
            refresh();
          }}
        />
      )}
      {list.error !== null && <Failed error={list.error} onRetry={list.reload} />}
      {list.loading && list.items.length === 0 && <Spinner label="Fetching the roster…" />}
      {!list.loading && list.error === null && list.items.length === 0 && (
        <div class="v-card">
          <Empty title="Nobody is on the roster yet" />
        </div>
      )}
      {list.items.length > 0 && (
        <div class="v-card v-card-flush">
          <Table
            caption={`Roster: ${count(onRoster.length, "student")}${list.more === null ? "" : " so far"}`}
            head={
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Username</th>
                <th scope="col">E-mail</th>
                <th scope="col">Since</th>
                {!readOnly && (
                  <th scope="col">
                    <span class="v-hidden">Actions</span>
                  </th>
                )}
              </tr>
            }
          >
            {list.items.map((student) => (
              <tr key={student.student_id}>
                <th scope="row">
                  {student.name} {!student.on_roster && <span class="v-badge">off the roster</span>}
                </th>
                <td class="v-mono">{student.username}</td>
                <td>{student.email ?? <span class="v-soft">–</span>}</td>
                <td class="v-number v-small">{formatDateTime(student.enrolled_at)}</td>
                {!readOnly && (
                  <td data-align="end">
                    {student.on_roster && (
                      <Button
                        size="small"
                        variant="quiet"
                        onClick={() => (leaving.value = student)}
                        aria-label={`Take off the roster: ${student.name}`}
                      >
                        Take off
                      </Button>
                    )}
                  </td>
                )}
              </tr>
            ))}
          </Table>
        </div>
      )}
      {list.more !== null && (
        <div>
          <Button busy={list.loading} onClick={list.more}>
            Show more
          </Button>
        </div>
      )}
      <Leave exam={exam} student={leaving.value} onClose={() => (leaving.value = null)} onDone={refresh} />
    </div>
  );
}

function Enrol({ exam, onCodes }: { exam: ExamView; onCodes: (codes: StudentCode[]) => void }): JSX.Element {
  const text = useSignal("");
  const busy = useSignal(false);
  const failed = useSignal<readonly string[]>([]);
  const file = useRef<HTMLInputElement>(null);
  const reading: RosterReading = readRoster(text.value);
  const { entries, faults } = reading;
  const take = async (source: File | null | undefined): Promise<void> => {
    if (source === null || source === undefined) return;
    text.value = await source.text();
    failed.value = [];
  };
  const enrol = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy.value || entries.length === 0 || faults.length > 0) return;
    busy.value = true;
    failed.value = [];
    try {
      onCodes(await api.post<StudentCode[]>(`/exams/${exam.exam_id}/roster`, { students: entries }));
      toast(`${count(entries.length, "student")} enrolled. Their codes are shown once, here.`, "good");
      text.value = "";
    } catch (error) {
      const named =
        error instanceof Problem ? error.faults.map((fault) => `${rowOf(fault.path, reading)}: ${fault.message}`) : [];
      failed.value = named.length > 0 ? named : [errorText(error)];
    } finally {
      busy.value = false;
    }
  };
  return (
    <form
      class="v-card v-stack"
      onSubmit={(event) => void enrol(event)}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        void take(event.dataTransfer?.files[0]);
      }}
    >
      <h2>Add students</h2>
      <Field
        label="One student a line"
        help="Type, paste from a spreadsheet, or drop a CSV file. With or without a header; columns username, name, e-mail. Who is on the roster already stays, and gets a new code."
      >
        {(control) => (
          <textarea
            {...control}
            rows={6}
            class="v-input v-mono"
            spellcheck={false}
            placeholder={PLACEHOLDER}
            value={text.value}
            onInput={(event) => {
              text.value = event.currentTarget.value;
              failed.value = [];
            }}
          />
        )}
      </Field>
      {(faults.length > 0 || failed.value.length > 0) && (
        <Notice tone="critical" role={failed.value.length > 0 ? "alert" : "status"}>
          <p class="v-strong">Nothing is enrolled while a row is wrong.</p>
          <ul class="c-plain">
            {faults.slice(0, 12).map((fault) => (
              <li key={`${fault.row}${fault.field}`}>
                Row {fault.row}, {fault.field}: {fault.message}
              </li>
            ))}
            {faults.length > 12 && <li>and {faults.length - 12} more</li>}
            {failed.value.map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
        </Notice>
      )}
      <div class="v-row-s">
        <Button variant="primary" type="submit" busy={busy.value} disabled={entries.length === 0 || faults.length > 0}>
          {entries.length === 0 ? "Enrol" : `Enrol ${count(entries.length, "student")}`}
        </Button>
        <Button onClick={() => file.current?.click()}>Choose a CSV file</Button>
        <input
          ref={file}
          type="file"
          accept=".csv,text/csv,text/plain"
          hidden
          aria-label="CSV file"
          onChange={(event) => {
            void take(event.currentTarget.files?.[0]);
            event.currentTarget.value = "";
          }}
        />
      </div>
    </form>
  );
}

/** `$.students[3].name` → `ada, name`. */
function rowOf(path: string, reading: RosterReading): string {
  const found = /students\[(\d+)\]\.?(.*)/.exec(path);
  if (found === null) return path.replace(/^\$\.?/, "");
  const entry = reading.entries[Number(found[1])];
  return [entry?.username ?? `student ${Number(found[1]) + 1}`, found[2]].filter(Boolean).join(", ");
}

function Codes({
  exam,
  codes,
  onClose,
}: {
  exam: ExamView;
  codes: readonly StudentCode[];
  onClose: () => void;
}): JSX.Element {
  const save = (): void => {
    const lines = [["username", "name", "code"], ...codes.map(({ username, name, code }) => [username, name, code])];
    saveFile(
      fileName(`${exam.title} codes`, "csv"),
      new Blob([`${lines.map(writeCsvLine).join("\r\n")}\r\n`], { type: "text/csv" }),
    );
  };
  return (
    <section class="v-card v-stack c-codes" aria-labelledby="codes">
      <div class="v-spread">
        <div>
          <h2 id="codes">Codes for “{exam.title}”</h2>
          <p class="v-soft c-screen">
            Shown now and never again; only their hashes are kept. Students sign in with them at {location.host}/exam.
          </p>
        </div>
        <div class="v-row-s c-screen">
          <Button icon="download" onClick={save}>
            Download
          </Button>
          <Button onClick={() => print()}>Print</Button>
          <Button variant="quiet" onClick={onClose}>
            I have them
          </Button>
        </div>
      </div>
      <ul class="c-slips">
        {codes.map((one) => (
          <li key={one.student_id}>
            <span class="v-strong">{one.name}</span>
            <span class="v-soft v-small">{one.username}</span>
            <span class="c-code v-mono">{one.code}</span>
            <span class="c-paper v-small">
              {exam.title} · {location.host}/exam
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Leave({
  exam,
  student,
  onClose,
  onDone,
}: {
  exam: ExamView;
  student: RosterStudent | null;
  onClose: () => void;
  onDone: () => void;
}): JSX.Element {
  const busy = useSignal(false);
  const leave = async (): Promise<void> => {
    if (student === null) return;
    busy.value = true;
    try {
      await api.delete(`/exams/${exam.exam_id}/roster/${student.student_id}`);
      toast(`${student.name} is off the roster.`, "good");
      onClose();
      onDone();
    } catch (error) {
      toast(errorText(error), "critical");
    } finally {
      busy.value = false;
    }
  };
  return (
    <Dialog
      title={`Take ${student?.name ?? ""} off the roster?`}
      open={student !== null}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="danger" busy={busy.value} onClick={() => void leave()}>
            Take off
          </Button>
        </>
      }
    >
      <p>The code ends at once, and a running attempt's page is closed. What is recorded stays.</p>
    </Dialog>
  );
}
