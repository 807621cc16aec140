// Client of the hub's REST: sends the bearer token, renews it by the page's HttpOnly cookie, and turns problems (RFC 9457)
// into typed errors. It must never write a token to storage or put one into an address.
import { texts } from "./texts.ts";
import { clock } from "./time.ts";

export type Page = "console" | "exam";

export interface Fault {
  path: string;
  message: string;
}

/** The hub refused a request; carries the fields of its problem document. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly faults: Fault[] = [],
    /** When to try again, in ms, if the hub named it. */
    readonly retryMs: number | null = null,
    /** The whole problem document, with extra members such as `committed`. */
    readonly body: Record<string, unknown> = {},
  ) {
    super(detail || title);
    this.name = "Problem";
  }
}

/** The hub was not reached, or its response could not be read. A later try may succeed. */
export class Unreachable extends Error {
  constructor(cause?: unknown) {
    super(texts.errors.unreachable, { cause });
    this.name = "Unreachable";
  }
}

/** Return whether a later try of the same request may succeed. */
export const isTemporary = (error: unknown): boolean =>
  error instanceof Unreachable || (error instanceof Problem && (error.status === 503 || error.status === 429));

/** Return the text of an error for the user. */
export function errorText(error: unknown): string {
  if (error instanceof Problem) return error.faults[0]?.message ?? (error.detail || error.title);
  if (error instanceof Error) return error.message;
  return String(error);
}

export interface Granted {
  access_token: string;
  /** Milliseconds since the epoch, by the server's clock. */
  expires_at: number;
  user: { id: string; username: string; name: string; role: string };
  exam_id: string | null;
  /** The user is an administrator who can do nothing before setting up a second factor. */
  needs_second_factor?: boolean;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type Query = Record<string, string | number | boolean | null | undefined>;

export interface Call {
  query?: Query;
  body?: unknown;
  /** A text or a file as the body, with its content type, instead of a JSON body. */
  text?: { type: string; content: string | Blob };
  signal?: AbortSignal;
  headers?: Record<string, string>;
  /** Sent again by the user, it is another action: its answer has secrets that are shown once. */
  isNewAction?: boolean;
  /** Let the request continue after the page is closed. */
  keepalive?: boolean;
}

const RENEW_EARLY_MS = 60_000;
const TIMEOUT_MS = 20_000;
/** A password waits for its turn when many people sign in. */
const SIGN_IN_TIMEOUT_MS = 60_000;

export class Api {
  #token: string | null = null;
  #expiresAt = 0;
  #renewing: Promise<Granted | null> | null = null;
  /** The keys of writes whose answer was lost: the same write gets the same key when the user tries again. */
  readonly #unanswered = new Map<string, string>();

  /** `onLogin` is called after every sign-in and renewal, and with null when the user is signed out. */
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

  /** Send a request as the signed-in user. An expired token is renewed once, and the request is repeated. */
  async call<T>(method: Method, path: string, call: Call = {}): Promise<T> {
    if (method === "GET" || method === "DELETE") return this.#answered<T>(method, path, call);
    // A file has no short text to be recognized by, so it gets a new key each time.
    const isKept = call.text === undefined && call.isNewAction !== true;
    const write = isKept ? JSON.stringify([method, path, call.query, call.body]) : "";
    const key = (isKept && this.#unanswered.get(write)) || drawKey();
    try {
      const answer = await this.#answered<T>(method, path, {
        ...call,
        headers: { "Idempotency-Key": key, ...call.headers },
      });
      this.#unanswered.delete(write);
      return answer;
    } catch (error) {
      if (isKept && isTemporary(error)) this.#unanswered.set(write, key);
      else this.#unanswered.delete(write);
      throw error;
    }
  }

  async #answered<T>(method: Method, path: string, call: Call): Promise<T> {
    return (await this.#parse(await this.#signed(method, path, call))) as T;
  }

  /** Fetch a file, such as an export. */
  async download(path: string, call: Call = {}): Promise<Blob> {
    const response = await this.#signed("GET", path, call);
    if (!response.ok) throw await problemOf(response);
    return response.blob();
  }

  /** Whether the user did nothing since the last call: then a renewal does not keep the session from ending as idle. */
  isIdle: () => boolean = () => false;

  /**
   * Called when a request is refused because the session has ended. Resolves with true when the same user has signed in
   * again: then the request is repeated.
   */
  signInAgain: () => Promise<boolean> = async () => false;

  /** Sign in by password, and the code of the second factor if the user has one. */
  login(username: string, password: string, totp: string | null = null, signal?: AbortSignal): Promise<Granted> {
    return this.#enter("/auth/login", totp === null ? { username, password } : { username, password, totp }, signal);
  }

  /** Sign in with a student's code for one exam. */
  loginByCode(code: string, signal?: AbortSignal): Promise<Granted> {
    return this.#enter("/auth/code", { code }, signal);
  }

  /** Continue the sign-in that this browser has a cookie for; null without one. Throws Unreachable. */
  resume(): Promise<Granted | null> {
    return this.#renew();
  }

  async logout(): Promise<void> {
    try {
      await discard(await this.#raw("POST", "/auth/logout", { body: {}, headers: this.#bearer() }));
    } finally {
      this.#take(null);
    }
  }

  /** Fetch a single-use ticket for the first frame of a socket. */
  async ticket(purpose: "monitor" | "console"): Promise<string> {
    return (await this.post<{ ticket: string }>("/auth/ws-ticket", { purpose })).ticket;
  }

  /** Fetch a new access token and when it expires (ms, server clock), for a socket that renews it. Throws Problem 401. */
  async access(): Promise<{ token: string; until: number }> {
    const granted = await this.#renew();
    if (granted === null) throw new Problem(401, "unauthenticated", texts.errors.signedOut, "");
    return { token: granted.access_token, until: granted.expires_at };
  }

  async #signed(method: Method, path: string, call: Call): Promise<Response> {
    if (this.#token !== null && this.#expiresAt - clock.now() < RENEW_EARLY_MS) await this.#renew().catch(() => null);
    const response = await this.#raw(method, path, { ...call, headers: { ...this.#bearer(), ...call.headers } });
    if (response.status !== 401) return response;
    if ((await this.#renew()) === null && !(await this.signInAgain())) return response;
    await discard(response);
    return this.#raw(method, path, { ...call, headers: { ...this.#bearer(), ...call.headers } });
  }

  async #enter(path: string, body: unknown, signal?: AbortSignal): Promise<Granted> {
    const call = signal === undefined ? { body } : { body, signal };
    const granted = (await this.#parse(await this.#raw("POST", path, call, SIGN_IN_TIMEOUT_MS))) as Granted;
    this.#take(granted);
    return granted;
  }

  #renew(): Promise<Granted | null> {
    this.#renewing ??= this.#renewOnce().finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  async #renewOnce(): Promise<Granted | null> {
    // All tabs of a browser share the cookie, so only one of them renews at a time.
    const response = await exclusively(`veritas.${this.page}.renew`, () =>
      this.#raw("POST", "/auth/refresh", { body: this.isIdle() ? { is_idle: true } : {} }),
    );
    if (response.status === 401) {
      await discard(response);
      this.#take(null);
      return null;
    }
    const granted = (await this.#parse(response)) as Granted;
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

  async #raw(method: Method, path: string, call: Call, timeoutMs = TIMEOUT_MS): Promise<Response> {
    const headers: Record<string, string> = {
      "X-Veritas-Page": this.page,
      Accept: "application/json",
      ...call.headers,
    };
    let body: string | Blob | null = null;
    if (call.text !== undefined) {
      headers["Content-Type"] = call.text.type;
      body = call.text.content;
    } else if (call.body !== undefined) {
      headers["Content-Type"] = "application/json";
      body = JSON.stringify(call.body);
    }
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = call.signal === undefined ? timeout : AbortSignal.any([call.signal, timeout]);
    const sent = clock.steadyNow();
    try {
      const response = await this.send(path + queryOf(call.query), {
        method,
        headers,
        body,
        signal,
        credentials: "same-origin",
        cache: "no-store",
        redirect: "error",
        keepalive: call.keepalive ?? false,
      });
      const date = Date.parse(response.headers.get("date") ?? "");
      // The header has whole seconds only. A better reading replaces it later.
      if (!Number.isNaN(date)) clock.read(date + 500, sent, 500);
      return response;
    } catch (error) {
      if (call.signal?.aborted) throw error;
      throw new Unreachable(error);
    }
  }

  async #parse(response: Response): Promise<unknown> {
    if (!response.ok) throw await problemOf(response);
    if (response.status === 204) return undefined;
    try {
      return await response.json();
    } catch (error) {
      throw new Unreachable(error);
    }
  }
}

function drawKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Read a body that is not needed: a request with an unread body stays open until its timeout. */
async function discard(response: Response): Promise<void> {
  await response.arrayBuffer().catch(() => undefined);
}

async function problemOf(response: Response): Promise<Problem> {
  const seconds = Number(response.headers.get("retry-after") ?? NaN);
  let body: Record<string, unknown> = {};
  try {
    body = (await response.json()) as Record<string, unknown>;
  } catch {
    // The page of a proxy, or an empty body: only the status is known.
  }
  return new Problem(
    response.status,
    String(body.code ?? "unknown"),
    String(body.title ?? response.statusText),
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

async function exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
  // Missing in pages without a secure context.
  const locks = navigator.locks as LockManager | null | undefined;
  let hasBegun = false;
  try {
    if (locks)
      return (await locks.request(name, () => {
        hasBegun = true;
        return work();
      })) as T;
  } catch (error) {
    // A browser that blocks site data refuses locks.
    if (hasBegun) throw error;
  }
  return work();
}
