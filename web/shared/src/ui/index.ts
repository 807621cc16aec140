// The shared components: small, accessible, styled by base.css alone. None of them fetches data or makes a decision.

export { Button } from "./controls/button.tsx";
export { Check } from "./controls/check.tsx";
export { Field } from "./controls/field.tsx";
export { Tabs } from "./controls/tabs.tsx";
export { Badge, type Tone } from "./display/badge.tsx";
export { Empty } from "./display/empty.tsx";
export { Icon, type IconName } from "./display/icon.tsx";
export { Meter } from "./display/meter.tsx";
export { Notice } from "./display/notice.tsx";
export { Severity } from "./display/severity.tsx";
export { Spinner } from "./display/spinner.tsx";
export { Table } from "./display/table.tsx";
export { Tile } from "./display/tile.tsx";
export { announce, toast } from "./overlay/announcements.ts";
export { Dialog } from "./overlay/dialog.tsx";
export { Shell } from "./shell/shell.tsx";
export { SignedInAs } from "./shell/signed-in-as.tsx";
