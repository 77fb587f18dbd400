/**
 * Arrows and lines over one picture of a shared screen, in whatever window it is drawn. Owns its elements and its frames;
 * every position is written as a transform before the display's next frame, and no frame is asked for while nothing moves.
 * Knows no channel; who points is told to it.
 */
import type { PointerMove } from '../state/pointer-model.ts';
import { fromContent } from './content-box.ts';
import type { Box } from './grid-layout.ts';

export interface PointerLayer {
  /** `from` names who points; `move` is null when the pointer is gone. */
  show(from: string | null, move: PointerMove | null): void;
  /** The picture has another place now. */
  moved(): void;
  close(): void;
}

export interface PointerLook {
  /** Rendered as text. */
  name(from: string | null): string;
  /** A CSS colour; another one when people came or went. */
  colour(from: string | null): string;
}

/** What is drawn at one time; whoever comes past it is not. */
const MAX_ARROWS = 16;
/** Of one person: the oldest go first. */
const MAX_POINTS = 512;
/** A line stays for so long after its end, or its part after it was drawn, and is gone after fading for so long. */
const STAYS_MS = 2_500;
const FADES_MS = 700;
const LINE_REM = 0.25;
const HALO_REM = 0.125;
const HALO = 'rgb(255 255 255 / 85%)';
/** More pixels than these for one of CSS only cost. */
const MAX_RATIO = 2;
const SVG = 'http://www.w3.org/2000/svg';
/** The tip is at the origin. */
const ARROW = 'M0 0 L5.5 20 L9.6 12.4 L18 10 Z';

interface LinePoint {
  readonly x: number;
  readonly y: number;
  readonly atMs: number;
}

interface Line {
  readonly number: number;
  readonly points: LinePoint[];
}

interface Arrow {
  readonly element: HTMLElement;
  /** Oldest first; the last may go on. */
  readonly lines: Line[];
  /** null while it is gone: its lines outlive it. */
  at: PointerMove | null;
  colour: string;
}

/** `root` is filled by the layer and emptied by `close`; `box` is the place of the whole picture in it. */
export function createPointerLayer(root: HTMLElement, box: () => Box, look: PointerLook): PointerLayer {
  const page = root.ownerDocument;
  const view = page.defaultView ?? window;
  const arrows = new Map<string | null, Arrow>();
  const gone = new AbortController();
  let canvas: HTMLCanvasElement | null = null;
  let frame: number | null = null;

  function ask(): void {
    if (frame === null && !gone.signal.aborted) frame = view.requestAnimationFrame(draw);
  }

  function arrowOf(from: string | null): Arrow | null {
    const known = arrows.get(from);
    if (known) return known;
    if (arrows.size >= MAX_ARROWS) return null;
    const element = drawArrow(page, look.name(from));
    root.append(element);
    const arrow: Arrow = { element, lines: [], at: null, colour: '' };
    arrows.set(from, arrow);
    return arrow;
  }

  function extend({ lines }: Arrow, { x, y, stroke }: PointerMove): void {
    if (stroke === null) return;
    let line = lines.at(-1);
    if (line?.number !== stroke) {
      line = { number: stroke, points: [] };
      lines.push(line);
    }
    line.points.push({ x, y, atMs: performance.now() });
    let points = lines.reduce((sum, { points }) => sum + points.length, 0);
    while (points > MAX_POINTS) {
      lines[0]?.points.shift();
      if (lines[0]?.points.length === 0) lines.shift();
      points -= 1;
    }
  }

  function draw(): void {
    frame = null;
    const place = box();
    const now = performance.now();
    for (const [from, arrow] of arrows) {
      const { element, at } = arrow;
      element.hidden = at === null;
      const colour = look.colour(from);
      if (colour !== arrow.colour) element.style.setProperty('--pointer', colour);
      arrow.colour = colour;
      if (at) {
        const { x, y } = fromContent(at, place);
        element.style.transform = `translate(${x}px, ${y}px)`;
      }
      trim(arrow.lines, now);
      if (at === null && arrow.lines.length === 0) {
        element.remove();
        arrows.delete(from);
      }
    }
    drawLines(place, now);
  }

  function drawLines(place: Box, now: number): void {
    const drawn = [...arrows.values()].filter(({ lines }) => lines.length > 0);
    if (drawn.length === 0) {
      canvas?.remove();
      canvas = null;
      return;
    }
    if (!canvas) {
      canvas = page.createElement('canvas');
      // Below the arrows.
      root.prepend(canvas);
    }
    const context = canvas.getContext('2d');
    if (!context) return;
    const ratio = Math.min(MAX_RATIO, view.devicePixelRatio);
    const { clientWidth, clientHeight } = root;
    const [width, height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const remPx = Number.parseFloat(view.getComputedStyle(page.documentElement).fontSize);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, clientWidth, clientHeight);
    context.lineCap = 'round';
    context.lineJoin = 'round';
    for (const { element, lines } of drawn) {
      // What the variable stands for.
      const colour = view.getComputedStyle(element).getPropertyValue('--pointer');
      for (const { points } of lines) {
        const age = now - (points.at(-1)?.atMs ?? 0);
        context.globalAlpha = Math.min(1, 1 - (age - STAYS_MS) / FADES_MS);
        trace(context, points, place);
        context.lineWidth = (LINE_REM + 2 * HALO_REM) * remPx;
        context.strokeStyle = HALO;
        context.stroke();
        context.lineWidth = LINE_REM * remPx;
        context.strokeStyle = colour;
        context.stroke();
      }
    }
    // Lines age by themselves.
    ask();
  }

  return {
    show(from, move) {
      const arrow = move ? arrowOf(from) : arrows.get(from);
      if (!arrow) return;
      arrow.at = move;
      if (move) extend(arrow, move);
      ask();
    },
    moved() {
      if (arrows.size > 0) ask();
    },
    close() {
      gone.abort();
      if (frame !== null) view.cancelAnimationFrame(frame);
      frame = null;
      root.replaceChildren();
      arrows.clear();
    },
  };
}

/** Forgets what has faded: whole lines, and of a line that goes on its beginning. */
function trim(lines: Line[], now: number): void {
  for (let at = lines.length - 1; at >= 0; at -= 1) {
    const points = lines[at]?.points ?? [];
    if (now - (points.at(-1)?.atMs ?? 0) >= STAYS_MS + FADES_MS) lines.splice(at, 1);
    else while (points.length > 1 && now - (points[0]?.atMs ?? 0) >= STAYS_MS + FADES_MS) points.shift();
  }
}

/** A smooth path: through the middles of the points, bent towards each. */
function trace(context: CanvasRenderingContext2D, points: readonly LinePoint[], place: Box): void {
  context.beginPath();
  let before: { x: number; y: number } | null = null;
  for (const point of points) {
    const next = fromContent(point, place);
    if (before)
      context.quadraticCurveTo(before.x, before.y, (before.x + next.x) / 2, (before.y + next.y) / 2);
    else context.moveTo(next.x, next.y);
    before = next;
  }
  if (before) context.lineTo(before.x, before.y);
}

function drawArrow(page: Document, name: string): HTMLElement {
  const element = page.createElement('div');
  element.className = 'pointer-arrow';
  const svg = page.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '-2 -2 22 24');
  const path = page.createElementNS(SVG, 'path');
  path.setAttribute('d', ARROW);
  svg.append(path);
  const label = page.createElement('bdi');
  label.textContent = name;
  element.append(svg, label);
  return element;
}
