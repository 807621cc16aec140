/** Which teachers may do what with an exam. Only its maker and administrators grant; the hub says who that is. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { errorText } from "@veritas/shared/api.ts";
import { Button, Empty, Field, Notice, Table, toast } from "@veritas/shared/ui/index.ts";
import { useLoad } from "../../rest/load.ts";
import type { Permission, TeacherPermissions } from "../../rest/types.ts";
import { api } from "../../state.ts";
import { Shown } from "../../ui/page.tsx";

const PERMISSIONS: readonly { key: Permission; name: string; means: string }[] = [
  { key: "can_view", name: "See", means: "exam, roster, board, the attempts' record" },
  { key: "can_edit", name: "Edit", means: "questions with keys, rules, roster, publishing" },
  { key: "can_invigilate", name: "Invigilate", means: "watch the board, send messages, end an attempt" },
  { key: "can_review", name: "Review", means: "decide about flags, read answers with keys, grade" },
  { key: "can_view_analytics", name: "Analytics", means: "numbers over all attempts, exports" },
];

export function People({ examId }: { examId: string }): JSX.Element {
  const loading = useLoad<TeacherPermissions[] | { items: TeacherPermissions[] }>(`/exams/${examId}/permissions`);
  const username = useSignal("");
  const busy = useSignal(false);
  const failed = useSignal<string | null>(null);
  const act = async (work: () => Promise<unknown>, said: string): Promise<void> => {
    busy.value = true;
    failed.value = null;
    try {
      await work();
      toast(said, "good");
      loading.reload();
    } catch (error) {
      failed.value = errorText(error);
    } finally {
      busy.value = false;
    }
  };
  const put = (name: string, teacher: Record<Permission, boolean>, said: string): Promise<void> =>
    act(() => api.put(`/exams/${examId}/permissions/${encodeURIComponent(name)}`, only(teacher)), said);
  return (
    <div class="v-stack">
      {failed.value !== null && (
        <Notice tone="critical" role="alert">
          {failed.value}
        </Notice>
      )}
      <Shown of={loading} label="Fetching who may do what…">
        {(data) => {
          const teachers = Array.isArray(data) ? data : data.items;
          return teachers.length === 0 ? (
            <div class="v-card">
              <Empty title="Only its maker and administrators may do anything with this exam" />
            </div>
          ) : (
            <div class="v-card v-card-flush">
              <Table
                caption="Who may do what"
                head={
                  <tr>
                    <th scope="col">Teacher</th>
                    {PERMISSIONS.map((one) => (
                      <th scope="col" key={one.key} title={one.means}>
                        {one.name}
                      </th>
                    ))}
                    <th scope="col">
                      <span class="v-hidden">Actions</span>
                    </th>
                  </tr>
                }
              >
                {teachers.map((teacher) => (
                  <tr key={teacher.teacher_id}>
                    <th scope="row">
                      {teacher.name} <span class="v-soft v-mono">{teacher.username}</span>
                    </th>
                    {PERMISSIONS.map(({ key, name }) => (
                      <td key={key}>
                        <input
                          type="checkbox"
                          class="c-check"
                          aria-label={`${teacher.name}: ${name}`}
                          checked={teacher[key]}
                          disabled={busy.value}
                          onChange={(event) =>
                            void put(
                              teacher.username,
                              { ...teacher, [key]: event.currentTarget.checked },
                              `${teacher.name}'s permissions are saved.`,
                            )
                          }
                        />
                      </td>
                    ))}
                    <td data-align="end">
                      <Button
                        size="small"
                        variant="quiet"
                        aria-label={`Take away all permissions: ${teacher.name}`}
                        onClick={() =>
                          void act(
                            () => api.delete(`/exams/${examId}/permissions/${encodeURIComponent(teacher.username)}`),
                            `${teacher.name} may do nothing with this exam any more.`,
                          )
                        }
                      >
                        Take away
                      </Button>
                    </td>
                  </tr>
                ))}
              </Table>
            </div>
          );
        }}
      </Shown>
      <form
        class="v-card c-inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          const name = username.value.trim();
          if (name === "") return;
          const start = {
            can_view: true,
            can_edit: false,
            can_invigilate: false,
            can_review: false,
            can_view_analytics: false,
          };
          void put(name, start, `${name} may see this exam now.`).then(() => {
            if (failed.peek() === null) username.value = "";
          });
        }}
      >
        <Field label="Another teacher's username" help="They may see the exam at first; tick what else they may do.">
          {(control) => (
            <input
              {...control}
              autocapitalize="none"
              autocomplete="off"
              value={username.value}
              onInput={(event) => (username.value = event.currentTarget.value)}
            />
          )}
        </Field>
        <Button type="submit" busy={busy.value}>
          Let them see it
        </Button>
      </form>
      <dl class="v-facts v-small">
        {PERMISSIONS.map((one) => (
          <>
            <dt key={one.key}>{one.name}</dt>
            <dd>{one.means}</dd>
          </>
        ))}
      </dl>
    </div>
  );
}

function only({
  can_view,
  can_edit,
  can_invigilate,
  can_review,
  can_view_analytics,
}: Record<Permission, boolean>): Record<Permission, boolean> {
  return { can_view, can_edit, can_invigilate, can_review, can_view_analytics };
}
