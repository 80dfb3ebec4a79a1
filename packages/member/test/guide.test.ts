/** Runs the example of docs/member.md, each `// =>` as an expectation, and examples/three-members.mjs. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { freePortRun, tempDir } from '@slotwise/testing'

const root = join(import.meta.dirname, '..', '..', '..')
const run = (args: readonly string[], cwd: string): Promise<{ stdout: string; stderr: string }> =>
  promisify(execFile)(process.execPath, ['--no-warnings', ...args], { cwd })

it('the guide: two members, one that leaves', async () => {
  await using dir = tempDir()
  const [block] = /(?<=^```js\n).*?(?=^```$)/ms.exec(readFileSync(join(root, 'docs', 'member.md'), 'utf8'))!
  const one = await freePortRun([0, 1, 10_000, 10_001])
  const script = `import assert from 'node:assert/strict'\n${block}`
    .replaceAll(`'./data/`, `'${dir.path}/`).replaceAll('7000', String(one)).replaceAll('7001', String(one + 1))
    .replaceAll(/^(.*?\S) *\/\/ => (.*)$/gm, 'assert.deepEqual($1, $2)')
  expect(script.match(/assert\.deepEqual/g)!.length).toBeGreaterThan(5)
  await run(['--input-type=module', '-e', script], join(root, 'packages', 'member'))
}, 240_000)

it('the example: three services count pages together', async () => {
  const { stdout } = await run([join(root, 'examples', 'three-members.mjs'), String(await freePortRun([0, 1, 2, 100, 101, 102]))], root)
  const [visits, local] = stdout.trim().split('\n')
  expect(visits).toBe('visits: /page-0 6, /page-1 6, /page-2 6, /page-3 6, /page-4 6')
  expect(local).toMatch(/^in the process: \d+ of 30$/)
}, 240_000)
