/** Links between the documents lead to files that there are, and to headings that those have. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, it } from 'vitest'
import { root } from './repository.mjs'
import { filesBelow } from './stamp.mjs'

const withoutCode = (text) => text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, '')
const anchorOf = (heading) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, '').trim().replaceAll(' ', '-')
const anchorsOf = (file) => {
  const text = readFileSync(file, 'utf8').replaceAll(/^```.*?^```$/gms, '')
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading))
}

it('the documents link to what there is', () => {
  const files = filesBelow(root, (file) => file.endsWith('.md'))
  expect(files.length).toBeGreaterThan(60)
  const dead = []
  let count = 0
  for (const file of files) {
    for (const [, link] of withoutCode(readFileSync(file, 'utf8')).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue
      count++
      const [path, anchor] = link.split('#')
      const target = path === '' ? file : join(dirname(file), path)
      const isThere = existsSync(target) && (anchor === undefined || anchorsOf(target).includes(anchor))
      if (!isThere) dead.push(`${relative(root, file)}: ${link}`)
    }
  }
  expect(dead).toEqual([])
  expect(count).toBeGreaterThan(60)
})
