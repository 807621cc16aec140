/** Draws a text as a QR code, in this page: the text is sent nowhere. */

import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import qrcode from "qrcode-generator";

/** Empty modules around the code, which scanners need. */
const QUIET = 4;
const SIZE_PX = 208;

export function QrCode({ text, label }: { text: string; label: string }): JSX.Element {
  const { side, path } = useMemo(() => draw(text), [text]);
  return (
    <svg role="img" aria-label={label} width={SIZE_PX} height={SIZE_PX} viewBox={`0 0 ${side} ${side}`}>
      <rect width={side} height={side} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}

/** Return the side of the code in modules, and its dark modules as one path. */
export function draw(text: string): { side: number; path: string } {
  const code = qrcode(0, "M");
  code.addData(text);
  code.make();
  const count = code.getModuleCount();
  const squares: string[] = [];
  for (let row = 0; row < count; row += 1) {
    for (let column = 0; column < count; column += 1) {
      if (code.isDark(row, column)) squares.push(`M${column + QUIET} ${row + QUIET}h1v1h-1z`);
    }
  }
  return { side: count + 2 * QUIET, path: squares.join("") };
}
