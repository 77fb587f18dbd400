/**
 * CPU time of processes and everything they started, from Linux's /proc. Owns the reading of `stat` files (proc(5)).
 */
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ: what user space is told whatever the kernel's own tick (proc(5), time(7)). */
const TICKS_PER_SECOND = 100;

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly ownTicks: number;
  /** With what its children had used when they ended. */
  readonly cpuTicks: number;
}

function readStat(pid: number): ProcessStat | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The name, in parentheses, may hold anything; fields are counted from behind it. State is field 3.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  // 14 and 15 are the process's own time; 16 and 17 that of its children that ended and were waited for.
  const ownTicks = field(14) + field(15);
  return { pid, parent: field(4), ownTicks, cpuTicks: ownTicks + field(16) + field(17) };
}

function readAll(): ProcessStat[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readStat(Number(name)) ?? []) : []));
}

/** Pids of the processes that this one has started itself and that still run. */
export function ownChildren(): Set<number> {
  return new Set(readAll().flatMap(({ pid, parent }) => (parent === process.pid ? [pid] : [])));
}

/** CPU seconds that all processes of the machine have used since it began, and what a hypervisor took from it. */
function machineCpuSeconds(): number {
  // proc(5): user, nice, system, idle, iowait, irq, softirq, steal; what follows is contained in these.
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
    .replace(/^cpu +/, '')
    .split(' ')
    .map(Number);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND;
}

/** How often `watchOthers` looks: what ends between two looks is taken for somebody else's since the last. */
const LOOK_MS = 500;

/**
 * From now on: cores used, on average, by processes that are neither this one nor started by it. To be called once.
 */
export function watchOthers(): () => number {
  const roots = new Set([process.pid]);
  let seen = new Map<number, number>();
  let machine = machineCpuSeconds();
  let othersSeconds = 0;
  const look = () => {
    const now = new Map(descendants(readAll(), roots).map(({ pid, ownTicks }) => [pid, ownTicks]));
    const machineNow = machineCpuSeconds();
    let ownTicks = 0;
    for (const [pid, ticks] of now) ownTicks += ticks - (seen.get(pid) ?? 0);
    othersSeconds += machineNow - machine - ownTicks / TICKS_PER_SECOND;
    seen = now;
    machine = machineNow;
  };
  look();
  othersSeconds = 0;
  const beganMs = performance.now();
  const timer = setInterval(look, LOOK_MS);
  return () => {
    clearInterval(timer);
    look();
    return Math.max(0, (othersSeconds * 1000) / (performance.now() - beganMs));
  };
}

function descendants(all: readonly ProcessStat[], roots: ReadonlySet<number>): ProcessStat[] {
  const inside = new Set(roots);
  for (let grown = true; grown; ) {
    grown = false;
    for (const { pid, parent } of all) {
      if (inside.has(parent) && !inside.has(pid)) {
        inside.add(pid);
        grown = true;
      }
    }
  }
  return all.filter(({ pid }) => inside.has(pid));
}

/** CPU seconds, user and system, that `roots` and all their descendants have used since they began. */
export function cpuSeconds(roots: ReadonlySet<number>): number {
  const ticks = descendants(readAll(), roots).reduce((sum, { cpuTicks }) => sum + cpuTicks, 0);
  return ticks / TICKS_PER_SECOND;
}
