/** Runs the programs of docs/start.md: a store twice, two services that are a cluster, and a program beside them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePortRun, tempDir, waitFor } from '@slotwise/testing'
import { expect, it } from 'vitest'

const guide = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'start.md'), 'utf8')
const [store, far, service] = [...guide.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code) as [string, string, string]

interface Program {
  said(line: string): Promise<void>
  ended(): Promise<{ code: number | null; output: string }>
  stop(): Promise<number | null>
}

/** In the package's folder, where all that it imports is found; its data is below `dir`. */
function run(code: string, dir: string, args: readonly string[] = []): Program {
  const script = code.replaceAll('./data/', `${dir}/`).replace('process.argv.slice(2)', JSON.stringify(args))
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', script], {
    cwd: join(import.meta.dirname, '..'), stdio: ['ignore', 'pipe', 'pipe'],
  })
  process.once('exit', () => child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => { output += text.toString() })
  const ended = once(child, 'close').then(([exitCode]) => exitCode as number | null)
  return {
    async said(line) {
      await waitFor(() => output.includes(`${line}\n`) || child.exitCode !== null, { timeoutMs: 90_000, what: `'${line}'` })
      if (!output.includes(`${line}\n`)) throw new Error(`it ended with ${child.exitCode}: ${output}`)
    },
    ended: async () => ({ code: await ended, output }),
    stop() {
      child.kill('SIGTERM')
      return ended
    },
  }
}

it('a store goes on where it was', async () => {
  await using dir = tempDir()
  for (const visits of [1, 2]) {
    expect(await run(store, dir.path).ended()).toEqual({ code: 0, output: `${visits}\n{ name: 'Ada' }\n` })
  }
}, 120_000)

it('services are a cluster, a program beside them uses it, and one that was stopped comes back with its data', async () => {
  await using dir = tempDir()
  const port = await freePortRun([0, 1, 1000, 1001, 10_000, 10_001])
  const begin = async (index: number): Promise<Program> => {
    const seeds = index === 0 ? [] : [`127.0.0.1:${port}`]
    const program = run(service, dir.path, [String(port + index), ...seeds])
    await program.said('ready')
    return program
  }
  /** Asked again where the answer was that it takes too long: such a request may have been counted. */
  const ask = async (index: number): Promise<{ visits: number; where: string }> => {
    let text = ''
    await waitFor(async () => {
      const response = await fetch(`http://127.0.0.1:${port + 1000 + index}/page`)
      text = await response.text()
      return response.ok
    }, { timeoutMs: 60_000, what: `an answer of service ${index}` })
    const [, visits, where] = /^\/page: (\d+), (here|elsewhere)\n$/.exec(text)!
    return { visits: Number(visits), where: where! }
  }
  const services = [await begin(0), await begin(1)]
  const [one, other] = [await ask(0), await ask(1)]
  expect(one.visits).toBeGreaterThanOrEqual(1)
  expect(other.visits).toBeGreaterThan(one.visits)
  expect([one.where, other.where].sort()).toEqual(['elsewhere', 'here'])

  expect(guide).toContain('redis://127.0.0.1:7000')
  expect(await run(far.replace('7000', String(port)), dir.path).ended()).toEqual({ code: 0, output: '{ name: \'Ada\' }\n' })

  expect(await services[1]!.stop()).toBe(0)
  services[1] = await begin(1)
  expect((await ask(1)).visits).toBeGreaterThan(other.visits)
  for (const program of services) expect(await program.stop()).toBe(0)
}, 240_000)
