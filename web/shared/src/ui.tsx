// The shared components: small, accessible, styled by base.css alone. None of them fetches or decides anything.
import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Icon, type IconName } from "./icons.tsx";

export type Tone = "neutral" | "good" | "info" | "accent" | "warning" | "critical";

interface ButtonProps {
  children?: ComponentChildren;
  variant?: "primary" | "secondary" | "danger" | "quiet";
  size?: "medium" | "small";
  type?: "button" | "submit";
  icon?: IconName;
  /** Names a button that shows only its icon. */
  label?: string;
  /** At work: stays focusable, answers no click. */
  busy?: boolean;
  disabled?: boolean;
  onClick?: (event: MouseEvent) => void;
  [attribute: `aria-${string}`]: string | boolean | undefined;
  [attribute: `data-${string}`]: string | undefined;
  id?: string;
  title?: string;
}

export function Button(props: ButtonProps): JSX.Element {
  const {
    children,
    variant = "secondary",
    size = "medium",
    type = "button",
    icon,
    label,
    busy,
    onClick,
    ...rest
  } = props;
  return (
    <button
      {...rest}
      class="v-button"
      type={type}
      data-variant={variant}
      data-size={size}
      data-icon={children === undefined ? "" : undefined}
      aria-label={label ?? (rest["aria-label"] as string | undefined)}
      title={rest.title ?? (children === undefined ? label : undefined)}
      aria-busy={busy ? "true" : undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {busy ? <span class="v-spinner" aria-hidden="true" /> : icon !== undefined && <Icon name={icon} />}
      {children}
    </button>
  );
}

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  error?: string | null | undefined;
  /** Draw the control with these: they tie it to its label, hint and error. */
  children: (control: {
    id: string;
    class: string;
    "aria-describedby": string | undefined;
    "aria-invalid": "true" | undefined;
  }) => ComponentChildren;
}

/** A labelled control: <Field label="Name">{(c) => <input {...c} />}</Field> */
export function Field({ label, hint, error, children }: FieldProps): JSX.Element {
  const id = useId();
  const described = [hint !== undefined && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div class="v-field">
      <label for={id}>{label}</label>
      {children({
        id,
        class: "v-input",
        "aria-describedby": described === "" ? undefined : described,
        "aria-invalid": error ? "true" : undefined,
      })}
      {hint !== undefined && (
        <div class="v-hint" id={`${id}-hint`}>
          {hint}
        </div>
      )}
      {error && (
        <div class="v-error" id={`${id}-error`}>
          <Icon name="critical" size={14} /> {error}
        </div>
      )}
    </div>
  );
}

interface CheckProps {
  children: ComponentChildren;
  checked: boolean;
  onChange: (checked: boolean) => void;
  type?: "checkbox" | "radio";
  name?: string;
  disabled?: boolean;
  hint?: ComponentChildren;
}

export function Check({
  children,
  checked,
  onChange,
  type = "checkbox",
  name,
  disabled,
  hint,
}: CheckProps): JSX.Element {
  return (
    <label class="v-check">
      <input
        type={type}
        {...(name === undefined ? {} : { name })}
        checked={checked}
        disabled={disabled ?? false}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <span>
        {children}
        {hint !== undefined && <span class="v-hint"> {hint}</span>}
      </span>
    </label>
  );
}

interface DialogProps {
  title: string;
  open: boolean;
  onClose: () => void;
  children: ComponentChildren;
  /** The row of buttons at the end. */
  actions?: ComponentChildren;
  /** A drawer at the side instead of a box in the middle. */
  side?: boolean;
}

/** How many dialogs lie over the page. What is under the uppermost is inert: it is neither seen well nor read out. */
const layers = signal(0);
const BOTTOM = { current: 0 };

/** A modal dialog: the browser keeps the focus inside and gives it back; Escape closes it. */
export function Dialog({ title, open, onClose, children, actions, side }: DialogProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const layer = useRef(0);
  useEffect(() => {
    if (!open) return;
    layer.current = layers.peek() + 1;
    layers.value += 1;
    return () => {
      layers.value -= 1;
    };
  }, [open]);
  useEffect(() => {
    const it = dialog.current;
    if (it === null) return;
    if (open && !it.open) it.showModal();
    if (!open && it.open) it.close();
  }, [open]);
  return (
    <dialog
      ref={dialog}
      class="v-dialog"
      aria-labelledby={id}
      data-side={side ? "" : undefined}
      onClose={onClose}
      onMouseDown={(event) => {
        if (event.target === dialog.current) dialog.current?.close();
      }}
    >
      {open && (
        <>
          <div class="v-dialog-head">
            <h2 id={id}>{title}</h2>
            <Button variant="quiet" icon="close" label="Close" onClick={() => dialog.current?.close()} />
          </div>
          <div class="v-dialog-body">{children}</div>
          {actions !== undefined && <div class="v-dialog-foot">{actions}</div>}
          <Announcer layer={layer} />
        </>
      )}
    </dialog>
  );
}

export function Badge({
  children,
  tone = "neutral",
  icon,
}: {
  children: ComponentChildren;
  tone?: Tone;
  icon?: IconName;
}): JSX.Element {
  return (
    <span class="v-badge" data-tone={tone}>
      {icon !== undefined && <Icon name={icon} size={14} />}
      {children}
    </span>
  );
}

const SEVERITIES = {
  critical: { tone: "critical", word: "Critical", many: "critical" },
  warning: { tone: "warning", word: "Warning", many: "warnings" },
  normal: { tone: "neutral", word: "Note", many: "notes" },
} as const;

/** A severity by shape (octagon, triangle, dot) and word. */
export function Severity({ of, count }: { of: string; count?: number }): JSX.Element {
  const name = of === "critical" || of === "warning" ? of : "normal";
  const { tone, word, many } = SEVERITIES[name];
  return (
    <Badge tone={tone} icon={name}>
      {count === undefined ? word : `${count} ${count === 1 ? word.toLowerCase() : many}`}
    </Badge>
  );
}

export function Notice({
  children,
  tone = "info",
  role,
}: {
  children: ComponentChildren;
  tone?: Tone;
  role?: "alert" | "status";
}): JSX.Element {
  const icon: IconName = tone === "critical" || tone === "warning" ? tone : tone === "good" ? "check" : "info";
  return (
    <div class="v-notice" data-tone={tone} {...(role === undefined ? {} : { role })}>
      <Icon name={icon} />
      <div class="v-grow">{children}</div>
    </div>
  );
}

interface MeterProps {
  /** 0..1, or null where there is nothing to show. */
  value: number | null;
  label: string;
  tone?: Tone;
  /** What to write beside the bar; a percentage unless given. */
  text?: string;
}

export function Meter({ value, label, tone = "accent", text }: MeterProps): JSX.Element {
  if (value === null) return <span class="v-soft">{text ?? "not enough seen"}</span>;
  const share = Math.min(1, Math.max(0, value));
  const said = text ?? `${Math.round(share * 100)} %`;
  return (
    <span
      class="v-meter"
      data-tone={tone}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(share * 100)}
      aria-valuetext={said}
    >
      <span class="v-meter-track">
        <span class="v-meter-fill" style={{ width: `${share * 100}%` }} />
      </span>
      <span class="v-number v-small v-strong">{said}</span>
    </span>
  );
}

/** A table in its own scroll box. Write rows as plain <tr>; numbers take data-align="end". */
export function Table({
  caption,
  head,
  children,
  hideCaption = false,
}: {
  caption: string;
  head: ComponentChildren;
  children: ComponentChildren;
  hideCaption?: boolean;
}): JSX.Element {
  return (
    <div class="v-table-box" role="region" aria-label={caption} tabIndex={0}>
      <table class="v-table">
        <caption class={hideCaption ? "v-hidden" : undefined}>{caption}</caption>
        <thead>{head}</thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

interface TabsProps<K extends string> {
  label: string;
  tabs: readonly { key: K; title: ComponentChildren }[];
  selected: K;
  onSelect: (key: K) => void;
  children: ComponentChildren;
}

/** Tabs with one panel; arrow keys, Home and End move between them. */
export function Tabs<K extends string>({ label, tabs, selected, onSelect, children }: TabsProps<K>): JSX.Element {
  const id = useId();
  const move = (event: KeyboardEvent): void => {
    const at = tabs.findIndex((tab) => tab.key === selected);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs[(to + tabs.length) % tabs.length];
    if (next === undefined) return;
    onSelect(next.key);
    document.getElementById(`${id}-${next.key}`)?.focus();
  };
  return (
    <div class="v-stack">
      <div class="v-tabs" role="tablist" aria-label={label} onKeyDown={move}>
        {tabs.map((tab) => (
          <button
            key={tab.key}
            type="button"
            class="v-tab"
            role="tab"
            id={`${id}-${tab.key}`}
            aria-selected={tab.key === selected}
            aria-controls={`${id}-panel`}
            tabIndex={tab.key === selected ? 0 : -1}
            onClick={() => onSelect(tab.key)}
          >
            {tab.title}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${selected}`} tabIndex={0}>
        {children}
      </div>
    </div>
  );
}

export function Spinner({ label }: { label: string }): JSX.Element {
  return (
    <div class="v-row-s v-soft" role="status">
      <span class="v-spinner" aria-hidden="true" /> {label}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="v-empty">
      <p class="v-strong">{title}</p>
      {children}
    </div>
  );
}

/** One number of a dashboard with its name. */
export function Tile({
  label,
  value,
  note,
}: {
  label: string;
  value: ComponentChildren;
  note?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="v-card v-tile">
      <span class="v-soft v-small">{label}</span>
      <span class="v-tile-value">{value}</span>
      {note !== undefined && <span class="v-soft v-small">{note}</span>}
    </div>
  );
}

interface Toast {
  id: number;
  text: string;
  tone: Tone;
}

const TOAST_MS = 6000;
/** A dialog that closes with what it says must be gone before it is said. */
const SETTLE_MS = 100;
const toasts = signal<Toast[]>([]);
const announced = signal({ polite: "", assertive: "" });
let lastToast = 0;

/** Have a screen reader say something; nothing is shown. */
export function announce(text: string, how: "polite" | "assertive" = "polite"): void {
  setTimeout(() => {
    // The same words twice are said twice only when they differ to the browser.
    announced.value = { ...announced.value, [how]: announced.value[how] === text ? `${text}\u00a0` : text };
  }, SETTLE_MS);
}

/** Show and say something for a few seconds; critical ones stay until they are closed. */
export function toast(text: string, tone: Tone = "info"): void {
  const id = ++lastToast;
  toasts.value = [...toasts.value.slice(-3), { id, text, tone }];
  announce(text, tone === "critical" ? "assertive" : "polite");
  if (tone !== "critical") setTimeout(() => closeToast(id), TOAST_MS);
}

const closeToast = (id: number): void => {
  toasts.value = toasts.value.filter((one) => one.id !== id);
};

/** Once on every page, and by itself in every dialog: the live regions and the toasts, filled in on the uppermost. */
export function Announcer({ layer = BOTTOM }: { layer?: { readonly current: number } }): JSX.Element {
  const isUpper = layers.value === layer.current;
  return (
    <>
      <div class="v-hidden" aria-live="polite">
        {isUpper && announced.value.polite}
      </div>
      <div class="v-hidden" aria-live="assertive">
        {isUpper && announced.value.assertive}
      </div>
      <div
        class="v-toasts"
        {...(isUpper && toasts.value.length > 0 ? { role: "region", "aria-label": "Messages" } : {})}
      >
        {(isUpper ? toasts.value : []).map((one) => (
          <div class="v-toast" data-tone={one.tone} key={one.id}>
            <div class="v-grow">{one.text}</div>
            <Button
              variant="quiet"
              size="small"
              icon="close"
              label="Close this message"
              onClick={() => closeToast(one.id)}
            />
          </div>
        ))}
      </div>
    </>
  );
}
