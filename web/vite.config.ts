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
  // A busy machine must not fail a test: tests wait for an event, with their own timeout.
  test: { environment: "happy-dom", include: ["*/src/**/*.test.{ts,tsx}"], testTimeout: 20_000 },
});
