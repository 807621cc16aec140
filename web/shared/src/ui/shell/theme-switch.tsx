// The button that switches between light, dark and the theme of the system.
import type { JSX } from "preact";
import { texts } from "../../texts.ts";
import { chooseTheme, type Theme, theme } from "../../theme.ts";
import { Button } from "../controls/button.tsx";

const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };

export function ThemeSwitch(): JSX.Element {
  const now = theme.value;
  return <Button variant="quiet" icon={now} label={texts.theme(now)} onClick={() => chooseTheme(NEXT[now])} />;
}
