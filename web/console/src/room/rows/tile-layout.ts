/** How many tiles fit beside each other, and how large they are. Pure. */

export const TILE_PX = 148;
export const GAP_PX = 12;
const TILE_MIN_PX = 248;

/** Larger tiles for wall screens, the largest first. */
const SCALES = [1.6, 1.45, 1.3, 1.15] as const;
const WALL_SCREEN_PX = 1_500;

export interface TileLayout {
  readonly columns: number;
  readonly scale: number;
}

function columnsAt(width: number, scale: number): number {
  return Math.max(1, Math.floor((width / scale + GAP_PX) / (TILE_MIN_PX + GAP_PX)));
}

/** Lay out tiles in a box. On a wall screen they grow as long as all of them stay visible. */
export function layOutTiles(width: number, height: number, tiles: number): TileLayout {
  const fits = (scale: number): boolean => {
    const lines = Math.ceil(tiles / columnsAt(width, scale));
    return lines * (TILE_PX + GAP_PX) * scale <= height;
  };
  const scale = width < WALL_SCREEN_PX ? 1 : (SCALES.find(fits) ?? 1);
  return { columns: columnsAt(width, scale), scale };
}
