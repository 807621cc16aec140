// Builds the package of the SDK: `node build.mjs [folder]` writes ES modules and type declarations to `dist` or the folder.
// Shared code is part of the bundle, so that the package has no dependencies. It must never write outside that folder.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const HERE = dirname(fileURLToPath(import.meta.url));
const TSC = join(HERE, "..", "node_modules", "typescript", "bin", "tsc");
const out = resolve(process.argv[2] ?? join(HERE, "dist"));
const types = join(out, "types");

async function buildModules() {
  await build({
    configFile: false,
    root: HERE,
    // Relative addresses: the worker is loaded from beside the module that starts it.
    base: "./",
    logLevel: "warn",
    publicDir: false,
    worker: { format: "es", rolldownOptions: { output: { entryFileNames: "timer.worker.js" } } },
    build: {
      outDir: out,
      emptyOutDir: true,
      target: "es2022",
      sourcemap: true,
      // Vite keeps the spaces of a library.
      rolldownOptions: { output: { minify: true } },
      lib: { entry: join(HERE, "src", "index.ts"), formats: ["es"], fileName: "index" },
    },
  });
}

function buildTypes() {
  execFileSync(process.execPath, [TSC, "-p", join(HERE, "tsconfig.build.json"), "--outDir", types], {
    stdio: "inherit",
  });
  for (const path of readdirSync(types, { recursive: true, encoding: "utf8" })) {
    if (path.endsWith(".d.ts")) rewriteImports(join(types, path));
  }
}

/** Make the imports of a declaration file relative, and point them at JavaScript names. */
function rewriteImports(path) {
  const shared = relative(dirname(path), join(types, "shared", "src"));
  const text = readFileSync(path, "utf8")
    .replaceAll(/(["'])@veritas\/shared\//g, `$1${shared}/`)
    .replaceAll(/(["'])(\.{1,2}\/[^"']+)\.ts\1/g, "$1$2.js$1");
  writeFileSync(path, text);
}

rmSync(out, { recursive: true, force: true });
await buildModules();
buildTypes();
