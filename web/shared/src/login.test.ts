import { expect, test } from "vitest";
import { createLogin } from "./login.ts";

const user = { id: "u", username: "ada", name: "Ada", role: "student" };

test("a login is unknown until the cookie has answered, then in or out", async () => {
  const responses = [
    new Response(JSON.stringify({ access_token: "t", expires_at: Date.now() + 600_000, user, exam_id: "e" })),
    new Response("{}", { status: 401 }),
  ];
  const login = createLogin("exam", async () => responses.shift() as Response);
  expect([login.state.value, login.user.value]).toEqual(["unknown", null]);
  await login.resume();
  expect([login.state.value, login.user.value?.name, login.examId.value]).toEqual(["in", "Ada", "e"]);
  await login.resume();
  expect([login.state.value, login.user.value, login.examId.value]).toEqual(["out", null, null]);
});
