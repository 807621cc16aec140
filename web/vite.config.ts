// Builds every page into hub/pages/dist: hashed assets under /assets/, nothing inline, nothing from another server.
import { defaultClientConditions, defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";

/** Pages and tests use the source of the SDK, not its built package. */
const SOURCE = "@veritas/source";

export default defineConfig({
  base: "/",
  appType: "mpa",
  // Vite copies public files without a hash; every file of the pages has one.
  publicDir: false,
  build: {
    outDir: "../hub/pages/dist",
    emptyOutDir: true,
    assetsDir: "assets",
    // A strict Content-Security-Policy: no data: fonts, no inline helpers.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    // Swagger UI is one file of 1.8 MB, loaded by the API page only.
    chunkSizeWarningLimit: 2_000,
    rolldownOptions: {
      checks: { pluginTimings: false },
      input: ["exam/index.html", "console/index.html", "docs/index.html"],
    },
  },
  resolve: { conditions: [SOURCE, ...defaultClientConditions] },
  ssr: { resolve: { conditions: [SOURCE, ...defaultServerConditions] } },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "es" },
  test: {
    environment: "happy-dom",
    // A busy machine must not fail a test: tests wait for an event, with their own timeout.
    testTimeout: 20_000,
    pool: "threads",
    projects: [
      {
        extends: true,
        test: {
          name: "shared DOM",
          include: ["{console,docs,proctor,shared}/src/**/*.test.{ts,tsx}"],
          exclude: ["proctor/src/build.test.ts"],
          // Starting a DOM takes most of the time: the files of a worker share it, and its modules.
          isolate: false,
          setupFiles: "./test-setup.ts",
        },
      },
      {
        extends: true,
        test: {
          name: "isolated",
          // Tests of the exam page replace modules (`vi.mock`), and the built SDK is imported without a DOM.
          include: ["exam/src/**/*.test.{ts,tsx}", "proctor/src/build.test.ts"],
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
