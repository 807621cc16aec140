// Runs before each test file. The files of a worker share one DOM and its modules, because both are expensive to load.
// Each file must find the page as it is after it was opened.
import { vi } from "vitest";
import { announced, layers, toasts } from "@veritas/shared/ui/overlay/announcements.ts";

vi.useRealTimers();
vi.restoreAllMocks();
vi.unstubAllGlobals();

document.body.replaceChildren();
document.title = "";
localStorage.clear();
sessionStorage.clear();
history.replaceState(null, "", "/");
toasts.value = [];
announced.value = { polite: "", assertive: "" };
layers.value = 0;
