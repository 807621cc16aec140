// Checks the size limits of the pages: files of at most 500 lines, functions of at most 60, folders of at most 14 files.
// Generated files and the callbacks of `describe` in tests are exempt. It must never change a file.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync } from "vite";

const MAX_FILE_LINES = 500;
const MAX_FUNCTION_LINES = 60;
const MAX_FOLDER_FILES = 14;
const SOURCE = /\.(tsx?|mjs|css)$/;
const TEST = /\.test\.tsx?$/;
const GENERATED = join("shared", "src", "wire");
const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);

const problems = [];

/** Return the functions of a syntax tree that are longer than the limit, as [start line, lines, name]. */
function longFunctions(path, text) {
  const found = [];
  const lineOf = (offset) => text.slice(0, offset).split("\n").length;
  const visit = (node, name) => {
    if (node === null || typeof node !== "object") return;
    if (Array.isArray(node)) {
      for (const child of node) visit(child, name);
      return;
    }
    if (node.type === "CallExpression" && TEST.test(path) && /^describe/.test(text.slice(node.start, node.start + 8))) {
      for (const argument of node.arguments) visit(argument.body ?? argument, name);
      return;
    }
    const ownName = node.id?.name ?? node.key?.name ?? name;
    if (FUNCTIONS.has(node.type)) {
      const lines = lineOf(node.end) - lineOf(node.start) + 1;
      if (lines > MAX_FUNCTION_LINES) found.push([lineOf(node.start), lines, ownName ?? "function"]);
    }
    for (const [key, child] of Object.entries(node)) if (key !== "type") visit(child, ownName);
  };
  visit(parseSync(path, text).program, undefined);
  return found;
}

function checkFile(path) {
  const text = readFileSync(path, "utf8");
  const lines = text.split("\n").length - 1;
  if (lines > MAX_FILE_LINES) problems.push(`${path}: ${lines} lines, at most ${MAX_FILE_LINES} are allowed`);
  if (path.endsWith(".css")) return;
  for (const [line, length, name] of longFunctions(path, text))
    problems.push(`${path}:${line}: ${name} has ${length} lines, at most ${MAX_FUNCTION_LINES} are allowed`);
}

function checkFolder(folder) {
  if (folder === GENERATED) return;
  let files = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === "node_modules" || entry.name === "dist") continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) checkFolder(path);
    else if (SOURCE.test(entry.name)) {
      checkFile(path);
      files += 1;
    }
  }
  if (files > MAX_FOLDER_FILES) problems.push(`${folder}: ${files} files, at most ${MAX_FOLDER_FILES} are allowed`);
}

for (const folder of ["shared", "proctor", "exam", "console", "docs"]) checkFolder(folder);
for (const problem of problems) console.error(problem);
// `--report` lists the problems without failing.
if (problems.length > 0 && !process.argv.includes("--report")) process.exit(1);
