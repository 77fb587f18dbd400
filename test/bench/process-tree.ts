/**
 * CPU time of processes and everything they started, from Linux's /proc. Owns the reading of `stat` files (proc(5)).
 */
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ: what user space is told whatever the kernel's own tick (proc(5), time(7)). */
const TICKS_PER_SECOND = 100;

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
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
  return { pid, parent: field(4), cpuTicks: field(14) + field(15) + field(16) + field(17) };
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

/** From now on: cores used by processes that neither this one nor any of its descendants is, on average. */
export function watchOthers(): () => number {
  const others = () => machineCpuSeconds() - cpuSeconds(new Set([process.pid]));
  const before = others();
  const beganMs = performance.now();
  return () => Math.max(0, ((others() - before) * 1000) / (performance.now() - beganMs));
}

/** CPU seconds, user and system, that `roots` and all their descendants have used since they began. */
export function cpuSeconds(roots: ReadonlySet<number>): number {
  const all = readAll();
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
  return (
    all.reduce((sum, { pid, cpuTicks }) => (inside.has(pid) ? sum + cpuTicks : sum), 0) / TICKS_PER_SECOND
  );
}
