/**
 * The scenario and peer files of benchmarks/, found by their place: benchmarks/<name>/scenario.ts and
 * benchmarks/peers/<name>.ts, compiled into dist/scenarios of this package. Adding one needs no change here.
 */
import { readdir } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Peer, Scenario } from './scenario.js'

/** The repository. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const COMPILED = fileURLToPath(new URL('./scenarios/', import.meta.url))

/** In the order of their names; those without goals after those with. @throws {Error} if nothing is compiled. */
export async function loadScenarios(): Promise<Scenario[]> {
  assertCompiled()
  const scenarios: Scenario[] = []
  for (const entry of (await readdir(COMPILED)).sort()) {
    const path = join(COMPILED, entry, 'scenario.js')
    if (!existsSync(path)) continue
    const { scenario } = await import(pathToFileURL(path).href) as { scenario: Scenario }
    if (scenario.name !== entry) throw new Error(`benchmarks/${entry}/scenario.ts calls itself '${scenario.name}'`)
    scenarios.push(scenario)
  }
  return scenarios.sort((a, b) => order(a) - order(b))
}

export async function loadPeers(): Promise<Map<string, { peer: Peer; path: string }>> {
  assertCompiled()
  const peers = new Map<string, { peer: Peer; path: string }>()
  const folder = join(COMPILED, 'peers')
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.js')).sort()) {
    const path = join(folder, file)
    const { peer } = await import(pathToFileURL(path).href) as { peer: Peer }
    peers.set(`${peer.kind}:${peer.name}`, { peer, path })
  }
  return peers
}

function order(scenario: Scenario): number {
  return scenario.pending !== undefined ? 2 : scenario.goals === undefined ? 1 : 0
}

function assertCompiled(): void {
  if (!existsSync(COMPILED)) throw new Error('benchmarks/ is not compiled: run `npm run build` first')
}
