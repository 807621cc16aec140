import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync("shared/src/tokens.css", "utf8");

function tokensOf(selector: string): Record<string, string> {
  const start = css.indexOf(`${selector} {`);
  const block = css.slice(start, css.indexOf("\n}", start));
  return Object.fromEntries([...block.matchAll(/(--[\w-]+): (#[0-9a-f]{6})/g)].map((found) => [found[1], found[2]]));
}

const light = tokensOf(":root");
const dark = { ...light, ...tokensOf(':root[data-theme="dark"]') };

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const c = parseInt(hex.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const GROUNDS = ["--bg", "--surface", "--sunken", "--neutral-soft"];
const TEXTS: [string, string][] = [
  ...GROUNDS.flatMap((ground): [string, string][] => ["--text", "--text-soft"].map((text) => [text, ground])),
  ...["--bg", "--surface"].flatMap((ground): [string, string][] =>
    ["--accent", "--accent-strong", "--good", "--warning", "--critical", "--info"].map((text) => [text, ground]),
  ),
  ...["good", "warning", "critical", "info"].flatMap((tone): [string, string][] => [
    [`--${tone}`, `--${tone}-soft`],
    ["--text", `--${tone}-soft`],
  ]),
  ["--accent-strong", "--accent-soft"],
  ["--on-accent", "--accent"],
  ["--on-accent", "--accent-strong"],
  ["--accent-strong", "--neutral-soft"],
];
const EDGES: [string, string][] = ["--line-strong", "--focus", "--accent"].flatMap((edge): [string, string][] =>
  ["--bg", "--surface"].map((ground) => [edge, ground]),
);

describe.each([
  ["light", light],
  ["dark", dark],
])("the %s theme", (_, tokens) => {
  it.each(TEXTS)("has text %s readable on %s", (text, ground) => {
    expect(contrast(tokens[text] as string, tokens[ground] as string)).toBeGreaterThanOrEqual(4.5);
  });
  it.each(EDGES)("has edges %s seen on %s", (edge, ground) => {
    expect(contrast(tokens[edge] as string, tokens[ground] as string)).toBeGreaterThanOrEqual(3);
  });
});
