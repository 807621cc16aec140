/** Lists where the user is signed in, and ends one session or all others. */

import type { JSX } from "preact";
import { errorText } from "@veritas/shared/api.ts";
import { formatDateTime } from "@veritas/shared/time.ts";
import { Badge, Button, Table, toast } from "@veritas/shared/ui/index.ts";
import { useLoad } from "../rest/load.ts";
import type { EndedSessions, SessionView } from "../rest/types.ts";
import { api } from "../state.ts";
import { COMMON, SESSIONS } from "../texts/shell.ts";
import { Loaded } from "../ui/loaded.tsx";

export function SessionsCard(): JSX.Element {
  const list = useLoad<SessionView[]>("/auth/sessions");
  const change = async (work: () => Promise<string>): Promise<void> => {
    try {
      toast(await work(), "good");
    } catch (error) {
      toast(errorText(error), "critical");
    }
    list.reload();
  };
  const end = (session: SessionView): Promise<void> =>
    change(async () => {
      await api.delete(`/auth/sessions/${session.session_id}`);
      return SESSIONS.ended;
    });
  const endOthers = (): Promise<void> =>
    change(async () => SESSIONS.othersEnded((await api.post<EndedSessions>("/auth/sessions/end-others", {})).ended));
  return (
    <section class="v-card v-stack">
      <h2>{SESSIONS.title}</h2>
      <Loaded from={list} what={SESSIONS.what}>
        {(sessions) => (
          <>
            <Table caption={SESSIONS.title} hideCaption head={<Head />}>
              {sessions.map((session) => (
                <Row key={session.session_id} session={session} onEnd={() => void end(session)} />
              ))}
            </Table>
            {sessions.length > 1 && (
              <div>
                <Button onClick={() => void endOthers()}>{SESSIONS.endOthers}</Button>
              </div>
            )}
          </>
        )}
      </Loaded>
    </section>
  );
}

function Head(): JSX.Element {
  return (
    <tr>
      {(["where", "opened", "used", "ends"] as const).map((key) => (
        <th key={key} scope="col">
          {SESSIONS[key]}
        </th>
      ))}
      <th scope="col">
        <span class="v-hidden">{COMMON.actions}</span>
      </th>
    </tr>
  );
}

function Row({ session, onEnd }: { session: SessionView; onEnd: () => void }): JSX.Element {
  const opened = formatDateTime(session.opened_at);
  return (
    <tr>
      <th scope="row">
        {session.agent} {session.is_current && <Badge tone="good">{SESSIONS.current}</Badge>}{" "}
        {!session.is_current && session.is_same_network && <Badge>{SESSIONS.sameNetwork}</Badge>}
      </th>
      <td>{opened}</td>
      <td>{formatDateTime(session.last_used_at)}</td>
      <td>{formatDateTime(session.ends_at)}</td>
      <td data-align="end">
        {!session.is_current && (
          <Button size="small" variant="quiet" aria-label={SESSIONS.endOf(session.agent, opened)} onClick={onEnd}>
            {SESSIONS.end}
          </Button>
        )}
      </td>
    </tr>
  );
}
