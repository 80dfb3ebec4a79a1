import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { State } from './state.js'

let dir = ''
beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), 'slotwise-state-'))))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('what was put is there after it was opened again', async () => {
  const path = join(dir, 'a.mdb')
  const state = State.open(path)
  expect(state.get('cluster')).toBeUndefined()
  state.put('cluster', { epoch: 1, text: 'a\nb' })
  state.put('cluster', { epoch: 2, text: 'c' })
  expect(state.get('cluster')).toEqual({ epoch: 2, text: 'c' })
  await state.close()
  const again = State.open(path)
  expect(again.get('cluster')).toEqual({ epoch: 2, text: 'c' })
  await again.close()
})

test('a process that is killed has put what it said it had', async () => {
  const path = join(dir, 'b.mdb')
  const script = join(dir, 'writer.mjs')
  writeFileSync(script, `
    import { State } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)}
    const state = State.open(process.argv[2])
    for (let epoch = 1; ; epoch++) {
      state.put('cluster', { epoch, text: 'x'.repeat(epoch % 5000) })
      process.stdout.write(epoch + '\\n')
    }`)
  let told = 0
  for (let round = 0; round < 3; round++) {
    const writer = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    let lines = ''
    for await (const bytes of writer.stdout) {
      lines += String(bytes)
      if (lines.split('\n').length > 50) writer.kill('SIGKILL')
    }
    told = Number(lines.trimEnd().split('\n').at(-1))
    const state = State.open(path)
    const { epoch, text } = state.get('cluster') as { epoch: number; text: string }
    expect(epoch).toBeGreaterThanOrEqual(told)
    expect(text).toBe('x'.repeat(epoch % 5000))
    await state.close()
  }
  expect(told).toBeGreaterThan(0)
})

test('a directory that is not there, or cannot be, is an error', () => {
  expect(() => State.open('/proc/none/of/this.mdb')).toThrow('ENOENT')
  expect(() => State.open(join(dir, 'none', 'this.mdb'))).toThrow('ENOENT')
})
