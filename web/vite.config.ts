// Builds every page into hub/pages/dist: hashed assets under /assets/, nothing inline, nothing from elsewhere.
import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "/",
  appType: "mpa",
  // What vite calls public is copied unhashed; every file of ours has a hash.
  publicDir: false,
  build: {
    outDir: "../hub/pages/dist",
    emptyOutDir: true,
    assetsDir: "assets",
    // A strict Content-Security-Policy: no data: fonts, no inline helpers.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    // Swagger UI is one file of 1.8 MB, loaded by its own page alone.
    chunkSizeWarningLimit: 2_000,
    rolldownOptions: {
      checks: { pluginTimings: false },
      input: ["exam/index.html", "console/index.html", "docs/index.html"],
    },
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "es" },
  // A busy machine is no fault: what waits, waits for an event, and says itself how long.
  test: { environment: "happy-dom", include: ["*/src/**/*.test.{ts,tsx}"], testTimeout: 20_000 },
});
