// The live regions for screen readers and the toasts.
import type { JSX } from "preact";
import { texts } from "../../texts.ts";
import { Button } from "../controls/button.tsx";
import { announced, closeToast, layers, toasts } from "./announcements.ts";

const BOTTOM = { current: 0 };

/** Once on every page and in every dialog. Only the uppermost one has content: what lies below a dialog is inert. */
export function Announcer({ layer = BOTTOM }: { layer?: { readonly current: number } }): JSX.Element {
  const isTop = layers.value === layer.current;
  return (
    <>
      <div class="v-hidden" aria-live="polite">
        {isTop && announced.value.polite}
      </div>
      <div class="v-hidden" aria-live="assertive">
        {isTop && announced.value.assertive}
      </div>
      <div
        class="v-toasts"
        {...(isTop && toasts.value.length > 0 ? { role: "region", "aria-label": texts.messages } : {})}
      >
        {(isTop ? toasts.value : []).map((toast) => (
          <div class="v-toast" data-tone={toast.tone} key={toast.id}>
            <div class="v-grow" dir="auto">
              {toast.text}
            </div>
            <Button
              variant="quiet"
              size="small"
              icon="close"
              label={texts.closeMessage}
              onClick={() => closeToast(toast.id)}
            />
          </div>
        ))}
      </div>
    </>
  );
}
