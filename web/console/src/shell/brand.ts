/** The product's name and home page, as the bar of every page shows them. */

import { COMMON } from "../texts/shell.ts";

export const BRAND = { href: "/console", name: COMMON.product } as const;
