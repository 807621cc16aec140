// Reads a number that the student types, in the digits and separators of any language, as `judgement/numbers.py` does;
// `tests/golden/numbers.json` has the cases of both. Pure. It must never guess silently: a separator that may mean two
// things gives both numbers.

/** What a text means: the number, and the other number that it may mean. */
export interface Reading {
  value: number;
  other: number | null;
}

const INVISIBLE = /[\u200e\u200f\u061c]/g;
const SIGNS: Readonly<Record<string, string>> = {
  "\u2212": "-",
  "\ufe63": "-",
  "\uff0d": "-",
  "\u2013": "-",
  "\uff0b": "+",
  "\uff0e": ".",
  "\uff0c": ",",
  "\u2019": "'",
  "\uff45": "e",
  "\uff25": "e",
  "\u00a0": " ",
  "\u2009": " ",
  "\u202f": " ",
};
const ARABIC_DECIMAL = "\u066b";
const NUMBER_CHARS = 64;

const DIGIT = /\p{Nd}/u;
const NUMBER = /^([+-]?) ?([0-9., '\u066b\u066c]*[0-9][.,\u066b]?)(e[+-]?[0-9]{1,3})?$/i;
const SEPARATOR = /[., '\u066b\u066c]/g;
const GROUPS = /^(?:[0-9]{1,3}(?:g[0-9]{3})+|[0-9]{1,2}(?:g[0-9]{2})+g[0-9]{3})$/;
const MAY_GROUP = /^[1-9][0-9]{0,2}[.,][0-9]{3}$/;

/** Read a number; null for an empty text, undefined for any other text. */
export function readNumber(text: string): Reading | null | undefined {
  const plain = toPlain(text);
  if (plain === "") return null;
  const found = plain.length > NUMBER_CHARS ? null : NUMBER.exec(plain);
  if (found === null) return undefined;
  const [, sign = "", digits = "", exponent = ""] = found;
  const parts = split(digits);
  if (parts === null) return undefined;
  const { whole, fraction } = parts;
  const value = Number(`${sign}${whole || "0"}.${fraction || "0"}${exponent}`);
  if (!Number.isFinite(value)) return undefined;
  const isAmbiguous = exponent === "" && MAY_GROUP.test(digits);
  return { value: noMinusZero(value), other: isAmbiguous ? Number(`${sign}${whole}${fraction}`) : null };
}

/** Return the text with ASCII digits, signs and separators. */
function toPlain(text: string): string {
  return Array.from(text.trim().replace(INVISIBLE, ""), (char) => SIGNS[char] ?? toDigit(char)).join("");
}

/** Every script has its ten digits in one run from zero to nine; some scripts have several runs beside each other. */
function toDigit(char: string): string {
  if (!DIGIT.test(char)) return char;
  const point = char.codePointAt(0) as number;
  let before = 0;
  while (DIGIT.test(String.fromCodePoint(point - before - 1))) before += 1;
  return String(before % 10);
}

/** Return the digits before and after the decimal mark; null if they are not grouped as digits can be. */
function split(digits: string): { whole: string; fraction: string } | null {
  const mark = decimalMark(digits);
  const at = mark === null ? digits.length : digits.indexOf(mark);
  const [whole, fraction] = [digits.slice(0, at), digits.slice(at + 1)];
  if (!/^[0-9]*$/.test(fraction)) return null;
  const separators = new Set(whole.match(SEPARATOR));
  if (separators.size === 0) return { whole, fraction };
  if (separators.size > 1 || !GROUPS.test(whole.replace(SEPARATOR, "g"))) return null;
  return { whole: whole.replace(SEPARATOR, ""), fraction };
}

/** Return the decimal mark of these digits; null if all separators group. */
function decimalMark(digits: string): string | null {
  if (digits.includes(ARABIC_DECIMAL)) return ARABIC_DECIMAL;
  const marks = digits.match(/[.,]/g) ?? [];
  if (marks.length > 1 && new Set(marks).size === 1) return null;
  return marks.at(-1) ?? null;
}

const noMinusZero = (value: number): number => (value === 0 ? 0 : value);

/** The largest whole number that the server stores as a number. */
const MAX_WHOLE = 2 ** 63;

/** Return a number as it is sent: a whole number that is too large for the server's integers is sent as its text. */
export function toAnswer(value: number): number | string {
  return Number.isInteger(value) && Math.abs(value) >= MAX_WHOLE && Math.abs(value) < 1e21 ? String(value) : value;
}
