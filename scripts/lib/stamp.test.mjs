import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { filesBelow, readStamp, stampOf, writeStamp } from './stamp.mjs'

let base
const stamp = (...also) => stampOf(base, filesBelow(base), ...also)

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'stamp-'))
  mkdirSync(join(base, 'src'))
  writeFileSync(join(base, 'src', 'a.cc'), 'int a;')
  writeFileSync(join(base, 'b.cc'), 'int b;')
})
afterEach(() => rmSync(base, { recursive: true }))

describe('stampOf', () => {
  it('is the same for the same contents, wherever they lie', () => {
    const before = stamp()
    const copy = mkdtempSync(join(tmpdir(), 'stamp-'))
    cpSync(base, copy, { recursive: true })
    expect(stampOf(copy, filesBelow(copy))).toBe(before)
    rmSync(copy, { recursive: true })
  })

  it.each([
    ['a changed byte', () => writeFileSync(join(base, 'b.cc'), 'int c;')],
    ['a new file', () => writeFileSync(join(base, 'src', 'c.cc'), '')],
    ['a removed file', () => rmSync(join(base, 'b.cc'))],
    ['a renamed file', () => renameSync(join(base, 'b.cc'), join(base, 'c.cc'))],
    ['a byte that moved to the next file', () => {
      writeFileSync(join(base, 'b.cc'), 'int b')
      writeFileSync(join(base, 'src', 'a.cc'), ';int a;')
    }],
  ])('changes with %s', (_what, change) => {
    const before = stamp()
    change()
    expect(stamp()).not.toBe(before)
  })

  it('changes with what else the result depends on', () => {
    expect(stamp('v20')).not.toBe(stamp('v22'))
  })

  it('leaves outputs out', () => {
    const before = stamp()
    for (const folder of ['build', 'dist', 'node_modules']) {
      mkdirSync(join(base, folder))
      writeFileSync(join(base, folder, 'x.cc'), 'x')
    }
    expect(stamp()).toBe(before)
  })
})

describe('a stamp file', () => {
  it('is null until written', () => {
    const file = join(base, 'deep', 'stamp')
    expect(readStamp(file)).toBeNull()
    writeStamp(file, 's')
    expect(readStamp(file)).toBe('s')
  })
})
