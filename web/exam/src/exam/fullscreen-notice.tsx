// Offers fullscreen while the page is not in fullscreen.
import { Button } from "@veritas/shared/ui/index.ts";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { examTexts as texts } from "../texts.ts";

export function FullscreenNotice(): JSX.Element | null {
  const isFull = useSignal(document.fullscreenElement !== null);
  useEffect(() => {
    const update = () => (isFull.value = document.fullscreenElement !== null);
    document.addEventListener("fullscreenchange", update);
    return () => document.removeEventListener("fullscreenchange", update);
  }, []);
  if (isFull.value || !document.fullscreenEnabled) return null;
  return (
    <div class="x-fullscreen v-spread">
      <span>{texts.fullscreenHelp}</span>
      <Button size="small" onClick={() => void document.documentElement.requestFullscreen().catch(() => undefined)}>
        {texts.enterFullscreen}
      </Button>
    </div>
  );
}
