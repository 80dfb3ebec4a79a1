import { describe, expect, it } from 'vitest'
import { DecodeError } from '../errors.js'
import { applyJsonDiffs, type JsonDiff, parsePath } from './json-diff.js'
import { doubleText, type JsonNode, jsonText } from './json-document.js'

describe('JSON paths', () => {
  it.each([
    ['$', []], ['$.a', ['a']], ['$[3]', [3]], ['$.c[1]."odd key".é', ['c', 1, 'odd key', 'é']], ['$."a\\"b"', ['a"b']],
  ])('%s', (text, legs) => expect(parsePath(text)).toEqual(legs))

  it.each(['', 'a', '$.', '$[x]', '$."a', '$.a b', '$[1'])('%s is none', (text) => {
    expect(() => parsePath(text)).toThrow(DecodeError)
  })
})

describe('changes to a document', () => {
  const document = (): JsonNode => new Map<string, JsonNode>([['a', '1'], ['c', ['1', '2']]])
  const after = (...diffs: JsonDiff[]): string => jsonText(applyJsonDiffs(document(), diffs))

  it('insert members where the server would keep them', () => {
    expect(after({ operation: 'insert', path: ['b'], value: '2' })).toBe('{"a": 1, "b": 2, "c": [1, 2]}')
    expect(after({ operation: 'insert', path: ['bb'], value: '2' })).toBe('{"a": 1, "c": [1, 2], "bb": 2}')
  })

  it('insert before an index, or at the end', () => {
    expect(after({ operation: 'insert', path: ['c', 0], value: '0' })).toBe('{"a": 1, "c": [0, 1, 2]}')
    expect(after({ operation: 'insert', path: ['c', 9], value: '9' })).toBe('{"a": 1, "c": [1, 2, 9]}')
  })

  it('replace the whole, and remove', () => {
    expect(after({ operation: 'replace', path: [], value: '"x"' })).toBe('"x"')
    expect(after({ operation: 'remove', path: ['c', 0], value: null }, { operation: 'remove', path: ['a'], value: null })).toBe('{"c": [2]}')
  })

  it.each<JsonDiff>([
    { operation: 'replace', path: ['x'], value: '1' }, { operation: 'remove', path: ['c', 5], value: null },
    { operation: 'insert', path: ['a'], value: '1' }, { operation: 'replace', path: ['a', 'b'], value: '1' },
    { operation: 'remove', path: [], value: null },
  ])('at a place that is not there are refused: $operation $path', (diff) => {
    expect(() => after(diff)).toThrow(DecodeError)
  })

  it('leave the document before as it was', () => {
    const before = document()
    applyJsonDiffs(before, [{ operation: 'replace', path: ['c', 0], value: '7' }])
    expect(jsonText(before)).toBe('{"a": 1, "c": [1, 2]}')
  })
})

describe('doubles in JSON', () => {
  it.each([[1, '1.0'], [-0, '-0.0'], [1.5, '1.5'], [1e300, '1e300'], [1e-7, '1e-7']])('%d', (value, text) => expect(doubleText(value)).toBe(text))
})
