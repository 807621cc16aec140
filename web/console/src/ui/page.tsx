/** The frame of one page: its title in the tab and as the heading, the way back, what can be done; and how loading looks. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Problem, errorText } from "@veritas/shared/api.ts";
import { Button, Notice, Spinner } from "@veritas/shared/ui/index.ts";
import type { Loading } from "../rest/load.ts";

interface PageProps {
  title: string;
  /** The pages above this one. */
  above?: readonly (readonly [href: string, name: string])[];
  actions?: ComponentChildren;
  /** Beside or below the heading: badges, a line of facts. */
  about?: ComponentChildren;
  wide?: boolean;
  children: ComponentChildren;
}

export function Page({ title, above, actions, about, wide, children }: PageProps): JSX.Element {
  useEffect(() => {
    document.title = title === "Veritas" ? title : `${title} · Veritas`;
  }, [title]);
  return (
    <div class={wide ? "v-page c-wide" : "v-page"}>
      <div class="v-stack">
        <div class="c-head">
          <div class="v-stack-s v-grow">
            {above !== undefined && (
              <nav aria-label="Above this page">
                <ol class="v-crumbs">
                  {above.map(([href, name]) => (
                    <li key={href}>
                      <a href={href}>{name}</a>
                    </li>
                  ))}
                </ol>
              </nav>
            )}
            <h1>{title}</h1>
            {about}
          </div>
          {actions !== undefined && <div class="v-row-s">{actions}</div>}
        </div>
        {children}
      </div>
    </div>
  );
}

interface ShownProps<T> {
  of: Loading<T>;
  label: string;
  children: (data: T) => ComponentChildren;
}

/** What was fetched; before that that it is on its way, or why it does not come. */
export function Shown<T>({ of, label, children }: ShownProps<T>): JSX.Element {
  const { data, error } = of.state.value;
  return (
    <>
      {error !== null && <Failed error={error} onRetry={of.reload} />}
      {data !== null ? children(data) : error === null && <Spinner label={label} />}
    </>
  );
}

export function Failed({ error, onRetry }: { error: unknown; onRetry?: () => void }): JSX.Element {
  const gone = error instanceof Problem && error.status === 404;
  const denied = error instanceof Problem && error.status === 403;
  const text = gone
    ? "There is no such thing here, or you may not see it."
    : denied
      ? "You may not see this. Who made the exam can permit it."
      : errorText(error);
  return (
    <Notice tone={gone || denied ? "info" : "critical"} role="alert">
      <div class="v-spread">
        <span>{text}</span>
        {onRetry !== undefined && !gone && !denied && (
          <Button size="small" onClick={onRetry}>
            Try again
          </Button>
        )}
      </div>
    </Notice>
  );
}
