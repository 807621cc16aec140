/** Shows how the hub understood a list of students: rows, faults, columns that are not read, and accounts to confirm. */

import type { JSX } from "preact";
import { Button, Check, Notice, Table } from "@veritas/shared/ui/index.ts";
import { count } from "../../format/numbers.ts";
import type { RosterPreview } from "../../rest/types.ts";
import { ADD_STUDENTS, PREVIEW } from "../../texts/roster.ts";
import { COMMON } from "../../texts/shell.ts";

const ROWS_SHOWN = 50;
const FAULTS_SHOWN = 12;

interface PreviewProps {
  preview: RosterPreview;
  busy: boolean;
  confirmed: readonly string[];
  onConfirm: (usernames: readonly string[]) => void;
  onAdd: () => void;
}

export function Preview({ preview, busy, confirmed, onConfirm, onAdd }: PreviewProps): JSX.Element {
  const { rows, faults, to_confirm: waiting } = preview;
  if (faults.length > 0) return <Faults preview={preview} />;
  const isReady = waiting.every(({ username }) => confirmed.includes(username));
  return (
    <section class="v-stack" aria-label={PREVIEW.title}>
      <Remarks preview={preview} />
      <Rows preview={preview} />
      {waiting.length > 0 && (
        <Notice tone="warning">
          <p class="v-strong">{PREVIEW.confirm}</p>
          <p>{PREVIEW.confirmAbout}</p>
          {waiting.map((one) => (
            <Check
              key={one.username}
              checked={confirmed.includes(one.username)}
              onChange={(isOn) =>
                onConfirm(isOn ? [...confirmed, one.username] : confirmed.filter((name) => name !== one.username))
              }
            >
              <bdi class="v-mono">{one.username}</bdi>: {PREVIEW.yours} <bdi>{one.name}</bdi>, {PREVIEW.registeredAs}{" "}
              <bdi>{one.registered_name}</bdi>
            </Check>
          ))}
        </Notice>
      )}
      <div>
        <Button variant="primary" busy={busy} disabled={!isReady} onClick={onAdd}>
          {ADD_STUDENTS.submit(count(rows.length, "student"))}
        </Button>
      </div>
    </section>
  );
}

function Faults({ preview: { faults } }: { preview: RosterPreview }): JSX.Element {
  const more = faults.length - FAULTS_SHOWN;
  return (
    <Notice tone="critical" role="alert">
      <p class="v-strong">{ADD_STUDENTS.wrong}</p>
      <ul class="c-plain">
        {faults.slice(0, FAULTS_SHOWN).map(({ path, message }) => (
          <li key={`${path}${message}`} dir="auto">
            {path}: {message}
          </li>
        ))}
        {more > 0 && <li>{ADD_STUDENTS.more(more)}</li>}
      </ul>
    </Notice>
  );
}

function Remarks({ preview: { notices, not_read: notRead } }: { preview: RosterPreview }): JSX.Element | null {
  if (notices.length === 0 && notRead.length === 0) return null;
  return (
    <Notice tone="info">
      {notices.map((notice) => (
        <p key={notice}>{notice}</p>
      ))}
      {notRead.length > 0 && (
        <p>
          {PREVIEW.notRead} <bdi>{notRead.join(", ")}</bdi>
        </p>
      )}
    </Notice>
  );
}

function Rows({ preview: { rows } }: { preview: RosterPreview }): JSX.Element {
  const more = rows.length - ROWS_SHOWN;
  return (
    <Table
      caption={PREVIEW.caption(count(rows.length, "student"))}
      head={
        <tr>
          {(["row", "name", "username", "email", "state"] as const).map((key) => (
            <th key={key} scope="col">
              {PREVIEW[key]}
            </th>
          ))}
        </tr>
      }
    >
      {rows.slice(0, ROWS_SHOWN).map((row) => (
        <tr key={row.row}>
          <td class="v-number">{row.row}</td>
          <th scope="row">
            <bdi>{row.name}</bdi>
          </th>
          <td class="v-mono">
            <bdi>{row.username === "" ? row.enrollment_id : row.username}</bdi>
          </td>
          <td>
            <bdi>{row.email ?? COMMON.none}</bdi>
          </td>
          <td class="v-soft">{row.on_roster ? PREVIEW.onRoster : ""}</td>
        </tr>
      ))}
      {more > 0 && (
        <tr>
          <td colSpan={5}>{ADD_STUDENTS.more(more)}</td>
        </tr>
      )}
    </Table>
  );
}
