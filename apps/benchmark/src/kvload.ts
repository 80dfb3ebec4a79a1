/**
 * kvload and handover from TypeScript: built once from native/ when the source or a header is newer than the binary,
 * run as a process of its own on the load cores. A run with wrong replies is not a slow run but no run: it throws.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { HandoverResult, KvloadResult, LoadOptions, Sample } from './scenario.js'
import { adopt, pinTo } from './server-process.js'

const SOURCE_DIR = fileURLToPath(new URL('../native/', import.meta.url))
const BUILD_DIR = fileURLToPath(new URL('../build/', import.meta.url))

export type LoadProgram = 'kvload' | 'handover'

/** Path of the binary. Takes a few seconds the first time. @throws {Error} with the compiler's words. */
export function buildLoad(name: LoadProgram): string {
  const binary = join(BUILD_DIR, name)
  const source = join(SOURCE_DIR, `${name}.cc`)
  const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  const parts = [source, ...readdirSync(SOURCE_DIR).filter((file) => file.endsWith('.h')).map((file) => join(SOURCE_DIR, file))]
  if (modified(binary) > Math.max(...parts.map(modified))) return binary
  mkdirSync(BUILD_DIR, { recursive: true })
  const [compiler = 'g++', ...flags] = (process.env.CXX ?? 'g++').split(' ')
  // Built aside and renamed: two suites at once never run half a binary.
  const partial = `${binary}.${process.pid}`
  const result = spawnSync(compiler, [...flags, '-std=c++20', '-O3', '-Wall', '-Wextra', source, '-o', partial], { encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`${compiler} could not build ${name}: ${result.error?.message ?? result.stderr}`)
  renameSync(partial, binary)
  return binary
}

/** @returns the measurement. @throws {Error} if kvload fails or any reply was an error or another key's value. */
export async function runKvload(args: readonly string[], cores?: string): Promise<KvloadResult> {
  const [program, ...rest] = [...pinTo(cores), buildLoad('kvload'), ...args]
  const result = JSON.parse(await outputOf(program!, rest)) as KvloadResult
  if (result.errors > 0) throw new Error(`kvload: ${result.errors} error replies, the first: ${result.firstError ?? ''}`)
  if (result.mismatches > 0) throw new Error(`kvload: ${result.mismatches} replies held another value than was stored`)
  return result
}

/**
 * Percentiles of BLPOP hand-overs, in microseconds, of each `--port` in turn; see native/handover.cc.
 * @throws {Error} if it fails, or an element is lost.
 */
export async function runHandover(args: readonly string[], cores?: string): Promise<HandoverResult[]> {
  const [program, ...rest] = [...pinTo(cores), buildLoad('handover'), ...args]
  return JSON.parse(await outputOf(program!, rest)) as HandoverResult[]
}

/** Standard output of a process that must succeed. */
export function outputOf(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = adopt(spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] }))
    let output = ''
    let errors = ''
    child.stdout?.on('data', (chunk: Buffer) => { output += chunk.toString() })
    child.stderr?.on('data', (chunk: Buffer) => { errors += chunk.toString() })
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output)
      else reject(new Error(`${program} ended with ${String(code ?? signal)}: ${errors.trim() || output.trim()}`))
    })
  })
}

/** kvload's flags for a load. */
export function kvloadArgs(load: LoadOptions): string[] {
  const flags: [string, string | number | undefined][] = [
    ['workload', load.workload],
    ['get-percent', load.getPercent],
    ['keys', load.keys],
    ['value-bytes', load.valueBytes],
    ['connections', load.connections],
    ['idle-connections', load.idleConnections],
    ['pipeline', load.pipeline],
    ['distribution', load.distribution],
    ['rate', load.rate],
  ]
  return flags.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]))
}

/** The part of a result that reports compare. */
export function sampleOf(result: KvloadResult): Sample {
  return {
    ...(result.serverCpuUsPerOp === undefined ? {} : { cpuUsPerOp: result.serverCpuUsPerOp }),
    opsPerSecond: result.opsPerSecond,
    p50Us: result.latencyUs.p50,
    p99Us: result.latencyUs.p99,
    p999Us: result.latencyUs.p999,
    ...(result.serverRssBytes === undefined ? {} : { rssBytes: result.serverRssBytes }),
  }
}
