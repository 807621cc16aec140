/** Claims of a model as the hub stores them: a text, or a text with the events that it cites. Pure. */

export interface Claim {
  readonly text: string;
  /** Number of cited events. */
  readonly cited: number;
}

export function claimOf(value: unknown): Claim {
  if (value !== null && typeof value === "object") {
    const { text, cited } = value as { text?: unknown; cited?: unknown };
    if (typeof text === "string") return { text, cited: Array.isArray(cited) ? cited.length : 0 };
  }
  return { text: typeof value === "string" ? value : JSON.stringify(value), cited: 0 };
}
