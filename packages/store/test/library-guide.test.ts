/** Runs the examples of docs/library.md: each `js` block by itself, each `// =>` as an expectation. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempDir } from '@slotwise/testing'
import { entry, run } from './child.js'

const guide = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'library.md'), 'utf8')
const blocks = [...guide.matchAll(/^## (.*?)$|^```js\n(.*?)^```$/gms)]
  .reduce<{ title: string; found: { title: string; code: string }[] }>(({ title, found }, match) => {
    if (match[2] !== undefined) found.push({ title, code: match[2] })
    return { title: match[1] ?? title, found }
  }, { title: '', found: [] }).found

/** `expression  // => value` becomes a check of that value. */
function withChecks(code: string, dir: string): string {
  const imports = `import assert from 'node:assert/strict'\n${code.includes('import { open }') ? '' : `import { open } from 'slotwise'\n`}`
  return imports + code
    .replaceAll(`'./data'`, JSON.stringify(dir))
    .replaceAll(`import('slotwise')`, `import('${entry}')`)
    .replaceAll('{ eval: true }', '{ eval: true, execArgv: [] }')
    .replaceAll(/^(.*?\S) *\/\/ => (.*)$/gm, 'assert.deepEqual($1, $2)')
}

describe('the guide', () => {
  it('has examples with expectations', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(8)
    expect(guide.match(/\/\/ => /g)?.length).toBeGreaterThanOrEqual(20)
  })

  it.each(blocks)('$title', async ({ code }) => {
    await using dir = tempDir()
    expect(await run(withChecks(code, dir.path)).ended).toMatchObject({ code: 0, signal: null, errors: '' })
  })
})
