/**
 * Return what an object has under a key that others chose. `constructor` is a legal name of a question and of an event,
 * and `object[key]` would find what every object inherits.
 */
export function own<T>(of: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(of, key) ? of[key] : undefined;
}
