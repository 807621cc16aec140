// The hub's REST as a page calls it: a bearer token held in memory only, renewed by the page's HttpOnly cookie, problems
// (RFC 9457) as typed errors. Nothing here is ever written to storage, and no token is put into an address.
import { clock } from "./time.ts";

export type Page = "console" | "exam";

export interface Fault {
  path: string;
  message: string;
}

/** The hub said no, and why. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly faults: Fault[] = [],
    /** When to come again, in ms, where the hub said so. */
    readonly retryMs: number | null = null,
    /** Everything else the problem said, such as `committed`. */
    readonly body: Record<string, unknown> = {},
  ) {
    super(detail || title);
    this.name = "Problem";
  }
}

/** The hub was not reached, or answered nothing that could be read. Trying again is reasonable. */
export class Unreachable extends Error {
  constructor(cause?: unknown) {
    super("The server cannot be reached just now.", { cause });
    this.name = "Unreachable";
  }
}

/** Whether trying the same again later may help. */
export const willPass = (error: unknown): boolean =>
  error instanceof Unreachable || (error instanceof Problem && (error.status === 503 || error.status === 429));

/** What a person may be told about any error. */
export function inWords(error: unknown): string {
  if (error instanceof Problem) return error.faults[0]?.message ?? (error.detail || error.title);
  if (error instanceof Error) return error.message;
  return String(error);
}

export interface Granted {
  access_token: string;
  /** ms since the epoch, by the server's clock. */
  expires_at: number;
  user: { id: string; username: string; name: string; role: string };
  exam_id: string | null;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type Query = Record<string, string | number | boolean | null | undefined>;

export interface Call {
  query?: Query;
  body?: unknown;
  /** Sent as it is, with this content type, instead of a JSON body. */
  text?: { type: string; content: string };
  signal?: AbortSignal;
  headers?: Record<string, string>;
  /** Let the request outlive the page. */
  keepalive?: boolean;
}

const RENEW_EARLY_MS = 60_000;
const TIMEOUT_MS = 20_000;

export class Api {
  #token: string | null = null;
  #expiresAt = 0;
  #renewing: Promise<Granted | null> | null = null;

  /** `onLogin` hears of every session gained (also by renewal) and of its loss (null). */
  constructor(
    readonly page: Page,
    private readonly onLogin: (granted: Granted | null) => void = () => undefined,
    private readonly send: typeof fetch = (input, init) => fetch(input, init),
  ) {}

  get<T>(path: string, query?: Query, call: Call = {}): Promise<T> {
    return this.call<T>("GET", path, query === undefined ? call : { ...call, query });
  }
  post<T = void>(path: string, body?: unknown, call: Call = {}): Promise<T> {
    return this.call<T>("POST", path, { ...call, body });
  }
  put<T = void>(path: string, body?: unknown, call: Call = {}): Promise<T> {
    return this.call<T>("PUT", path, { ...call, body });
  }
  patch<T = void>(path: string, body?: unknown, call: Call = {}): Promise<T> {
    return this.call<T>("PATCH", path, { ...call, body });
  }
  delete<T = void>(path: string, call: Call = {}): Promise<T> {
    return this.call<T>("DELETE", path, call);
  }

  /** One request as the signed-in person; an expired token is renewed once, then the request is sent again. */
  async call<T>(method: Method, path: string, call: Call = {}): Promise<T> {
    return (await this.#parse(await this.#signed(method, path, call))) as T;
  }

  /** A file, such as an export, as a blob. */
  async download(path: string, call: Call = {}): Promise<Blob> {
    const answer = await this.#signed("GET", path, call);
    if (!answer.ok) throw await problemOf(answer);
    return answer.blob();
  }

  login(username: string, password: string): Promise<Granted> {
    return this.#enter("/auth/login", { username, password });
  }

  /** Sign in by the code a candidate was given for one exam. */
  loginByCode(code: string): Promise<Granted> {
    return this.#enter("/auth/code", { code });
  }

  /** Go on with the session this browser holds, if it does. Raises Unreachable when that cannot be known. */
  resume(): Promise<Granted | null> {
    return this.#renew();
  }

  async logout(): Promise<void> {
    try {
      await this.#raw("POST", "/auth/logout", { body: {}, headers: this.#bearer() });
    } finally {
      this.#take(null);
    }
  }

  /** A single-use ticket for a socket's first frame. */
  async ticket(purpose: "monitor" | "console"): Promise<string> {
    return (await this.post<{ ticket: string }>("/auth/ws-ticket", { purpose })).ticket;
  }

  /** A fresh access token and its end (ms, the server's clock), for a socket that renews in band. Raises Problem 401. */
  async access(): Promise<{ token: string; until: number }> {
    const granted = await this.#renew();
    if (granted === null) throw new Problem(401, "unauthenticated", "The sign-in has ended", "");
    return { token: granted.access_token, until: granted.expires_at };
  }

  async #signed(method: Method, path: string, call: Call): Promise<Response> {
    if (this.#token !== null && this.#expiresAt - clock.now() < RENEW_EARLY_MS) await this.#renew().catch(() => null);
    const answer = await this.#raw(method, path, { ...call, headers: { ...this.#bearer(), ...call.headers } });
    if (answer.status !== 401 || (await this.#renew()) === null) return answer;
    return this.#raw(method, path, { ...call, headers: { ...this.#bearer(), ...call.headers } });
  }

  async #enter(path: string, body: unknown): Promise<Granted> {
    const granted = (await this.#parse(await this.#raw("POST", path, { body }))) as Granted;
    this.#take(granted);
    return granted;
  }

  #renew(): Promise<Granted | null> {
    this.#renewing ??= this.#renewOnce().finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  async #renewOnce(): Promise<Granted | null> {
    // Tabs of one browser share the cookie: one renews at a time.
    const answer = await exclusively(`veritas.${this.page}.renew`, () =>
      this.#raw("POST", "/auth/refresh", { body: {} }),
    );
    if (answer.status === 401) {
      this.#take(null);
      return null;
    }
    const granted = (await this.#parse(answer)) as Granted;
    this.#take(granted);
    return granted;
  }

  #take(granted: Granted | null): void {
    this.#token = granted?.access_token ?? null;
    this.#expiresAt = granted?.expires_at ?? 0;
    this.onLogin(granted);
  }

  #bearer(): Record<string, string> {
    return this.#token === null ? {} : { Authorization: `Bearer ${this.#token}` };
  }

  async #raw(method: Method, path: string, call: Call): Promise<Response> {
    const headers: Record<string, string> = {
      "X-Veritas-Page": this.page,
      Accept: "application/json",
      ...call.headers,
    };
    let body: string | null = null;
    if (call.text !== undefined) {
      headers["Content-Type"] = call.text.type;
      body = call.text.content;
    } else if (call.body !== undefined) {
      headers["Content-Type"] = "application/json";
      body = JSON.stringify(call.body);
    }
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const signal = call.signal === undefined ? timeout : AbortSignal.any([call.signal, timeout]);
    const sent = clock.steadyNow();
    try {
      const answer = await this.send(path + queryOf(call.query), {
        method,
        headers,
        body,
        signal,
        credentials: "same-origin",
        cache: "no-store",
        redirect: "error",
        keepalive: call.keepalive ?? false,
      });
      const date = Date.parse(answer.headers.get("date") ?? "");
      // Whole seconds only: good until a better reading comes.
      if (!Number.isNaN(date)) clock.read(date + 500, sent, 500);
      return answer;
    } catch (error) {
      if (call.signal?.aborted) throw error;
      throw new Unreachable(error);
    }
  }

  async #parse(answer: Response): Promise<unknown> {
    if (!answer.ok) throw await problemOf(answer);
    if (answer.status === 204) return undefined;
    try {
      return await answer.json();
    } catch (error) {
      throw new Unreachable(error);
    }
  }
}

async function problemOf(answer: Response): Promise<Problem> {
  const seconds = Number(answer.headers.get("retry-after") ?? NaN);
  let body: Record<string, unknown> = {};
  try {
    body = (await answer.json()) as Record<string, unknown>;
  } catch {
    // A proxy's page, or nothing: the status has to do.
  }
  return new Problem(
    answer.status,
    String(body.code ?? "unknown"),
    String(body.title ?? answer.statusText),
    String(body.detail ?? ""),
    Array.isArray(body.errors) ? (body.errors as Fault[]) : [],
    Number.isNaN(seconds) ? null : seconds * 1000,
    body,
  );
}

function queryOf(query: Query | undefined): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {}))
    if (value !== null && value !== undefined && value !== "") params.set(key, String(value));
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

function exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
  return "locks" in navigator ? (navigator.locks.request(name, work) as Promise<T>) : work();
}
