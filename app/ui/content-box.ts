/**
 * Where the picture of a shared screen lies within its tile, after letterboxing, zoom and pan; and from points of the page
 * to points of the picture and back. Pure geometry: pixels are CSS pixels from the tile's top left corner, content is 0 to
 * 1 from the picture's. Knows no elements.
 */
import type { Box } from './grid-layout.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** How a picture is looked at: `x` and `y` are the content that lies in the middle of the tile. */
export interface View {
  /** 1 shows the whole picture. */
  readonly zoom: number;
  readonly x: number;
  readonly y: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

export const WHOLE: View = { zoom: 1, x: 0.5, y: 0.5 };
export const MAX_ZOOM = 8;

/** The content of a pixel; below 0 or above 1 beside the picture. */
export function toContent(point: Point, box: Box): Point {
  return { x: (point.x - box.x) / box.width, y: (point.y - box.y) / box.height };
}

/** The pixel of a content. */
export function fromContent(point: Point, box: Box): Point {
  return { x: box.x + point.x * box.width, y: box.y + point.y * box.height };
}

/** The place of the whole picture, width / height `aspect`: as large as the tile allows, and centred. */
export function fitBox(aspect: number, tile: Size): Box {
  const width = Math.min(tile.width, tile.height * aspect);
  const height = width / aspect;
  return { x: (tile.width - width) / 2, y: (tile.height - height) / 2, width, height };
}

/** The place of the picture under a view, which may reach beyond the tile. */
export function contentBox(aspect: number, tile: Size, view: View): Box {
  const fit = fitBox(aspect, tile);
  const width = fit.width * view.zoom;
  const height = fit.height * view.zoom;
  return { x: tile.width / 2 - view.x * width, y: tile.height / 2 - view.y * height, width, height };
}

/** The nearest view that wastes no room: nothing is shown beside a picture larger than the tile. */
export function bounded(view: View, aspect: number, tile: Size): View {
  const zoom = Math.min(MAX_ZOOM, Math.max(1, view.zoom));
  const fit = fitBox(aspect, tile);
  const middle = (at: number, length: number, room: number) => {
    const half = room / 2 / (length * zoom);
    return half >= 0.5 ? 0.5 : Math.min(1 - half, Math.max(half, at));
  };
  return {
    zoom,
    x: middle(view.x, fit.width, tile.width),
    y: middle(view.y, fit.height, tile.height),
  };
}

/** Zooms by `factor` with the content under `point` staying where it is, as far as the bounds allow. */
export function zoomAt(view: View, factor: number, point: Point, aspect: number, tile: Size): View {
  const zoom = Math.min(MAX_ZOOM, Math.max(1, view.zoom * factor));
  const held = toContent(point, contentBox(aspect, tile, view));
  const { width, height } = contentBox(aspect, tile, { ...view, zoom });
  const x = held.x - (point.x - tile.width / 2) / width;
  const y = held.y - (point.y - tile.height / 2) / height;
  return bounded({ zoom, x, y }, aspect, tile);
}

/** Moves the picture by `by` pixels. */
export function panBy(view: View, by: Point, aspect: number, tile: Size): View {
  const { width, height } = contentBox(aspect, tile, view);
  return bounded({ ...view, x: view.x - by.x / width, y: view.y - by.y / height }, aspect, tile);
}
