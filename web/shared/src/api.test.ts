import { beforeEach, describe, expect, test } from "vitest";
import { Api, errorText, type Granted, isTemporary, Problem, Unreachable } from "./api.ts";
import { clock } from "./time.ts";

const granted = (token: string, inMs = 600_000): Granted => ({
  access_token: token,
  expires_at: clock.now() + inMs,
  user: { id: "u", username: "ada", name: "Ada", role: "student" },
  exam_id: null,
});

interface Sent {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | null;
}

let sent: Sent[] = [];
let responses: (Response | Error)[] = [];
let logins: (Granted | null)[] = [];
let api: Api;

const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers });

beforeEach(() => {
  sent = [];
  responses = [];
  logins = [];
  const send = async (path: unknown, init?: RequestInit): Promise<Response> => {
    const { method = "", headers = {}, body = null } = init ?? {};
    sent.push({ method, path: String(path), headers: headers as Record<string, string>, body: body as string | null });
    const response = responses.shift() ?? json({});
    if (response instanceof Error) throw response;
    return response;
  };
  api = new Api("exam", (login) => logins.push(login), send as typeof fetch);
});

const keys = (): (string | undefined)[] => sent.map(({ headers }) => headers["Idempotency-Key"]);

async function signIn(token = "one", inMs?: number): Promise<void> {
  responses = [json(granted(token, inMs))];
  await api.loginByCode("7K2M");
  sent = [];
}

describe("a request", () => {
  test("has the page, the token and a query without empty values", async () => {
    await signIn();
    responses = [json({ items: [] })];
    expect(await api.get("/exams", { q: "a b", page: 2, empty: "", none: null })).toEqual({ items: [] });
    expect(sent[0]?.path).toBe("/exams?q=a+b&page=2");
    expect(sent[0]?.headers).toMatchObject({ "X-Veritas-Page": "exam", Authorization: "Bearer one" });
  });

  test("sends JSON or text, and accepts an empty response", async () => {
    responses = [new Response(null, { status: 204 }), json({})];
    expect(await api.put("/a", { b: 1 })).toBeUndefined();
    await api.post("/csv", undefined, { text: { type: "text/csv", content: "x" } });
    expect(sent.map(({ body, headers }) => [body, headers["Content-Type"]])).toEqual([
      ['{"b":1}', "application/json"],
      ["x", "text/csv"],
    ]);
  });

  test("has a key if it writes, which is kept when it is repeated after a renewal", async () => {
    await signIn();
    responses = [json({}, 401), json(granted("two")), json({ ok: true })];
    await api.post("/exams", { title: "Physics" });
    expect(keys()).toHaveLength(3);
    expect(keys()[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(keys()[2]).toBe(keys()[0]);
    await api.get("/exams");
    expect(keys()[3]).toBeUndefined();
  });

  test("keeps its key while its answer is lost, and draws another for the next action", async () => {
    responses = [new TypeError("no network"), json({}, 503), json({}, 201), json({}, 201)];
    for (let number = 0; number < 4; number += 1) await api.post("/exams", { title: "Physics" }).catch(() => null);
    expect(new Set(keys().slice(0, 3)).size).toBe(1);
    expect(keys()[3]).not.toBe(keys()[0]);
  });

  test("draws another key for another body, after a refusal, and for what is shown once", async () => {
    responses = [new TypeError("no network"), json({}, 409), json({}), new TypeError("no network"), json({})];
    const calls = [{ a: 1 }, { a: 2 }, { a: 2 }];
    for (const body of calls) await api.post("/exams", body).catch(() => null);
    for (const _ of [1, 2]) await api.post("/codes", {}, { isNewAction: true }).catch(() => null);
    expect(new Set(keys()).size).toBe(5);
  });

  test("waits for the user to sign in again, and is repeated only then", async () => {
    await signIn();
    let ended = 0;
    api.signInAgain = async () => {
      ended += 1;
      responses = [json(granted("two")), json({ ok: true })];
      await api.login("ada", "secret");
      return true;
    };
    responses = [json({}, 401), json({}, 401)];
    expect(await api.post("/exams", { title: "x" })).toEqual({ ok: true });
    expect(sent.map(({ path }) => path)).toEqual(["/exams", "/auth/refresh", "/auth/login", "/exams"]);
    expect([sent[3]?.headers.Authorization, sent[3]?.body, ended]).toEqual(["Bearer two", '{"title":"x"}', 1]);
    api.signInAgain = async () => false;
    responses = [json({}, 401), json({}, 401)];
    await expect(api.get("/exams")).rejects.toMatchObject({ status: 401 });
  });

  test("renews an expired token once, and is repeated with the new one", async () => {
    await signIn();
    responses = [json({}, 401), json(granted("two")), json({ ok: true })];
    expect(await api.get("/exams")).toEqual({ ok: true });
    expect(sent.map(({ path }) => path)).toEqual(["/exams", "/auth/refresh", "/exams"]);
    expect(sent[2]?.headers.Authorization).toBe("Bearer two");
  });

  test("leaves no body unread, so that no request stays open until its timeout", async () => {
    await signIn();
    const bodies = [json({}, 401), json(granted("two")), json({ ok: true }), json({}, 401), json({}, 401), json({})];
    responses = [...bodies];
    await api.get("/exams");
    await expect(api.get("/exams")).rejects.toMatchObject({ status: 401 });
    await api.logout();
    expect(responses).toEqual([]);
    expect(bodies.map((body) => body.bodyUsed)).toEqual(bodies.map(() => true));
  });

  test("renews a token that expires soon before it is sent", async () => {
    await signIn("one", 30_000);
    responses = [json(granted("two")), json({})];
    await api.get("/exams");
    expect(sent.map(({ path }) => path)).toEqual(["/auth/refresh", "/exams"]);
  });

  test("of several at once renews the token once", async () => {
    await signIn("one", 30_000);
    responses = [json(granted("two"))];
    await Promise.all([api.get("/a"), api.get("/b")]);
    expect(sent.filter(({ path }) => path === "/auth/refresh")).toHaveLength(1);
  });

  test("without a valid sign-in fails with 401 and signs the user out", async () => {
    await signIn();
    responses = [json({ title: "No" }, 401), json({}, 401)];
    await expect(api.get("/exams")).rejects.toMatchObject({ status: 401 });
    expect(logins.at(-1)).toBeNull();
  });
});

describe("a failure", () => {
  test("carries the members of the problem and when to try again", async () => {
    const problem = { code: "busy", title: "Busy", detail: "Try later", errors: [{ path: "a", message: "wrong" }] };
    responses = [json(problem, 503, { "retry-after": "7" })];
    const error = (await api.get("/x").catch((reason: unknown) => reason)) as Problem;
    expect([error.status, error.code, error.retryMs, error.body.code]).toEqual([503, "busy", 7_000, "busy"]);
    expect([isTemporary(error), errorText(error)]).toEqual([true, "wrong"]);
  });

  test("without a problem document has the status", async () => {
    responses = [new Response("<html>", { status: 502, statusText: "Bad Gateway" })];
    await expect(api.get("/x")).rejects.toMatchObject({ status: 502, code: "unknown", title: "Bad Gateway" });
  });

  test("of the network, or an unreadable response, is temporary", async () => {
    responses = [new Error("refused"), new Response("{", { status: 200 })];
    for (let n = 0; n < 2; n += 1) {
      const error = await api.get("/x").catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Unreachable);
      expect(isTemporary(error)).toBe(true);
    }
  });

  test("that the caller has caused by an abort stays an abort", async () => {
    const abort = new AbortController();
    abort.abort();
    responses = [new DOMException("aborted", "AbortError")];
    await expect(api.get("/x", {}, { signal: abort.signal })).rejects.toMatchObject({ name: "AbortError" });
  });

  test("has a text in any case", () => {
    expect(errorText(new Problem(404, "not_found", "Not found", ""))).toBe("Not found");
    expect(errorText("text")).toBe("text");
    expect(isTemporary(new Problem(404, "not_found", "", ""))).toBe(false);
  });
});

describe("the sign-in", () => {
  test("with a password, and its end", async () => {
    responses = [json(granted("one")), new Response(null, { status: 204 })];
    await api.login("ada", "secret");
    await api.logout();
    expect(sent.map(({ path }) => path)).toEqual(["/auth/login", "/auth/logout"]);
    expect(logins.map((login) => login?.access_token ?? null)).toEqual(["one", null]);
  });

  test("ends on this page even if the server cannot be reached", async () => {
    await signIn();
    responses = [new Error("away")];
    await expect(api.logout()).rejects.toBeInstanceOf(Unreachable);
    expect(logins.at(-1)).toBeNull();
  });

  test("is restored by the cookie, or is not there", async () => {
    responses = [json(granted("two")), json({}, 401)];
    expect((await api.resume())?.access_token).toBe("two");
    expect(await api.resume()).toBeNull();
  });

  test("gives tickets and fresh tokens to sockets", async () => {
    responses = [json({ ticket: "t" }), json(granted("two")), json({}, 401)];
    expect(await api.ticket("monitor")).toBe("t");
    expect((await api.access()).token).toBe("two");
    await expect(api.access()).rejects.toMatchObject({ status: 401 });
  });

  test("allows to fetch files", async () => {
    responses = [new Response("a,b"), json({}, 404)];
    expect(await (await api.download("/csv")).text()).toBe("a,b");
    await expect(api.download("/csv")).rejects.toBeInstanceOf(Problem);
  });
});
