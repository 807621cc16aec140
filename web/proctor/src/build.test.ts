// @vitest-environment node
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";

const WEB = join(import.meta.dirname, "..", "..");
const CONSUMER = `
import { SignedOut, start, type Status } from "./index.js";
const proctor = start({
  url: "wss://hub/ws/monitor",
  attemptId: "a",
  getTicket: async () => {
    throw new SignedOut();
  },
  onInstruction: ({ action, body }) => (action === "message" && body.text ? null : "unknown"),
});
proctor.onStatus((status: Status) => status.unsaved.size);
proctor.answered("q1", ["x"], 1);
`;

let out = "";

beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), "veritas-sdk-"));
  execFileSync(process.execPath, [join(WEB, "proctor", "build.mjs"), out], { stdio: "pipe" });
}, 120_000);

afterAll(() => rmSync(out, { recursive: true, force: true }));

test("the package is one module with its worker, and stays small", () => {
  const modules = readdirSync(out).filter((name) => name.endsWith(".js"));
  expect(modules.sort()).toEqual(["index.js", "timer.worker.js"]);
  const text = readFileSync(join(out, "index.js"), "utf8");
  expect(text).not.toMatch(/\bfrom\s*["']|import\(/);
  expect(text).toMatch(/new URL\(["`]timer\.worker\.js["`], ?import\.meta\.url\)/);
  expect(gzipSync(text).length).toBeLessThan(15_000);
});

test("the module exports the public names, and can be imported without a page", async () => {
  const sdk = (await import(/* @vite-ignore */ pathToFileURL(join(out, "index.js")).href)) as object;
  expect(Object.keys(sdk).sort()).toEqual(["SignedOut", "deliverStored", "start"]);
});

test("a page that uses the declarations compiles, and they refer to nothing outside the package", () => {
  const declarations = readdirSync(join(out, "types"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".d.ts"))
    .map((path) => readFileSync(join(out, "types", path), "utf8"));
  expect(declarations.length).toBeGreaterThan(10);
  expect(declarations.join("\n")).not.toMatch(/@veritas\/|\.ts["']/);
  writeFileSync(join(out, "index.d.ts"), 'export * from "./types/proctor/src/index.js";\n');
  writeFileSync(join(out, "consumer.ts"), CONSUMER);
  const options = "--noEmit --strict --skipLibCheck false --module esnext --moduleResolution bundler --target es2022";
  const tsc = [join(WEB, "node_modules", "typescript", "bin", "tsc"), ...options.split(" "), "--types", ""];
  execFileSync(process.execPath, [...tsc, "--lib", "es2023,dom,dom.iterable", join(out, "consumer.ts")], {
    cwd: out,
    stdio: "pipe",
  });
});
