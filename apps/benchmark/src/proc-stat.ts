/**
 * CPU time and memory of a process from /proc. utime + stime in /proc/<pid>/stat cover all threads of the process,
 * those that have ended included, so nothing a server does in the background escapes the bill.
 * The command name stands in parentheses and may itself hold spaces and parentheses: fields count from the last ')'.
 * Source: proc(5).
 */
import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'

export interface ProcStat {
  userUs: number
  systemUs: number
  threadCount: number
}

/** @param ticksPerSecond  sysconf(_SC_CLK_TCK). @throws {SyntaxError} if `text` is not a stat line. */
export function parseProcStat(text: string, ticksPerSecond: number): ProcStat {
  const close = text.lastIndexOf(')')
  const fields = close < 0 ? [] : text.slice(close + 1).trim().split(/\s+/)
  // Field 3 (state) is fields[0]; utime is field 14, stime 15, num_threads 20.
  const numbers = [fields[11], fields[12], fields[17]].map(Number)
  if (fields.length < 18 || !numbers.every(Number.isSafeInteger)) {
    throw new SyntaxError(`expected a line of /proc/<pid>/stat, found '${text.slice(0, 80)}'`)
  }
  const [utime, stime, threadCount] = numbers as [number, number, number]
  return { userUs: (utime * 1e6) / ticksPerSecond, systemUs: (stime * 1e6) / ticksPerSecond, threadCount }
}

/** Bytes of a `kB` line of /proc/<pid>/status, for example VmRSS; undefined if the line is not there. */
export function parseStatusBytes(text: string, field: string): number | undefined {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)
  return match === null ? undefined : Number(match[1]) * 1024
}

let ticks: number | undefined
function ticksPerSecond(): number {
  return (ticks ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' })))
}

/** utime + stime in microseconds; the kernel counts in ticks of 10 ms. @throws if the process is gone. */
export async function cpuUsOf(pid: number): Promise<number> {
  const stat = parseProcStat(await readFile(`/proc/${pid}/stat`, 'utf8'), ticksPerSecond())
  return stat.userUs + stat.systemUs
}

/** Resident bytes. @throws if the process is gone. */
export async function rssBytesOf(pid: number): Promise<number> {
  const bytes = parseStatusBytes(await readFile(`/proc/${pid}/status`, 'utf8'), 'VmRSS')
  if (bytes === undefined) throw new Error(`process ${pid} has no VmRSS: it is ending`)
  return bytes
}
