// A modal dialog, in the middle of the page or at its side.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { texts } from "../../texts.ts";
import { Button } from "../controls/button.tsx";
import { layers } from "./announcements.ts";
import { Announcer } from "./announcer.tsx";

interface DialogProps {
  title: string;
  open: boolean;
  onClose: () => void;
  children: ComponentChildren;
  /** The buttons at the bottom. */
  actions?: ComponentChildren;
  /** A drawer at the side instead of a box in the middle. */
  side?: boolean;
}

/** The browser keeps the focus inside and returns it after closing; Escape closes the dialog. */
export function Dialog({ title, open, onClose, children, actions, side }: DialogProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const layer = useRef(0);
  /** Closings by the page whose event has not come yet: until it comes, the dialog can be open again. */
  const closings = useRef(0);
  useEffect(() => {
    if (!open) return;
    layer.current = layers.peek() + 1;
    layers.value += 1;
    return () => {
      layers.value -= 1;
    };
  }, [open]);
  useEffect(() => {
    const element = dialog.current;
    if (element === null) return;
    if (open && !element.open) element.showModal();
    if (!open && element.open) {
      closings.current += 1;
      element.close();
    }
  }, [open]);
  return (
    <dialog
      ref={dialog}
      class="v-dialog"
      aria-labelledby={id}
      data-side={side ? "" : undefined}
      onClose={() => {
        if (closings.current > 0) closings.current -= 1;
        else onClose();
      }}
      onMouseDown={(event) => {
        if (event.target === dialog.current) dialog.current?.close();
      }}
    >
      {open && (
        <>
          <div class="v-dialog-head">
            <h2 id={id} dir="auto">
              {title}
            </h2>
            <Button variant="quiet" icon="close" label={texts.close} onClick={() => dialog.current?.close()} />
          </div>
          <div class="v-dialog-body">{children}</div>
          {actions !== undefined && <div class="v-dialog-foot">{actions}</div>}
          <Announcer layer={layer} />
        </>
      )}
    </dialog>
  );
}
