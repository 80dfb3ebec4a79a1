/**
 * Partial JSON: what PARTIAL_UPDATE_ROWS carries in place of a document: REPLACE, INSERT and REMOVE at paths, to be
 * applied in order to the document of the before image.
 * Source: MySQL documentation, binlog_row_value_options; path syntax as in SQL.
 */
import type { Cursor } from '../bytes/cursor.js'
import { DecodeError } from '../errors.js'
import { readJson, type JsonNode } from './json-document.js'

export interface JsonDiff {
  readonly operation: 'replace' | 'insert' | 'remove'
  readonly path: readonly (string | number)[]
  /** null for remove. */
  readonly value: JsonNode | null
}

const OPERATIONS = ['replace', 'insert', 'remove'] as const

/** Diffs up to the cursor's end. @throws {DecodeError} */
export function readJsonDiffs(cursor: Cursor): JsonDiff[] {
  const diffs: JsonDiff[] = []
  while (cursor.left > 0) {
    const operation = OPERATIONS[cursor.u8()]
    if (operation === undefined) throw new DecodeError('an unknown operation on a JSON document')
    const path = parsePath(cursor.lenencText())
    let value: JsonNode | null = null
    if (operation !== 'remove') {
      const start = cursor.take(cursor.lenenc())
      value = readJson(cursor.buf, start, cursor.pos)
    }
    diffs.push({ operation, path, value })
  }
  return diffs
}

/** `$.a[1]."odd key"` as ['a', 1, 'odd key']. @throws {DecodeError} */
export function parsePath(text: string): (string | number)[] {
  if (!text.startsWith('$')) throw new DecodeError(`'${text}' is no JSON path`)
  const legs: (string | number)[] = []
  const leg = /\s*(?:\[\s*(\d{1,9})\s*\]|\.\s*(?:("(?:[^"\\]|\\.)*")|([^\s".[\]]+)))\s*/uy
  leg.lastIndex = 1
  while (leg.lastIndex < text.length) {
    const match = leg.exec(text)
    if (match === null) throw new DecodeError(`'${text}' is no JSON path`)
    const [, index, quoted, plain] = match
    if (index !== undefined) legs.push(Number(index))
    else if (quoted !== undefined) legs.push(unquoted(quoted))
    else legs.push(plain!)
  }
  return legs
}

function unquoted(text: string): string {
  try {
    return JSON.parse(text) as string
  } catch (cause) {
    throw new DecodeError(`${text} is no key of a JSON path`, { cause })
  }
}

/**
 * The document after the diffs; `document` is not changed.
 * @throws {DecodeError} if a path leads nowhere: the document is not the one that the source changed
 */
export function applyJsonDiffs(document: JsonNode, diffs: readonly JsonDiff[]): JsonNode {
  return diffs.reduce((node, diff) => applyAt(node, diff, 0), document)
}

function applyAt(node: JsonNode, diff: JsonDiff, depth: number): JsonNode {
  const { path, value, operation } = diff
  const leg = path[depth]
  if (leg === undefined) {
    if (operation !== 'replace' || value === null) throw missing(diff)
    return value
  }
  const last = depth === path.length - 1
  if (typeof leg === 'number') return applyToArray(node, leg, diff, depth, last)
  if (!(node instanceof Map)) throw missing(diff)
  const held = node.get(leg)
  const members = new Map(node)
  if (last && operation === 'insert' && value !== null && held === undefined) {
    members.set(leg, value)
    // The server keeps members by the length of their keys, then by their bytes, and prints them so.
    return new Map([...members].sort(([a], [b]) => compareKeys(a, b)))
  }
  if (held === undefined || (last && operation === 'insert')) throw missing(diff)
  if (last && operation === 'remove') members.delete(leg)
  else members.set(leg, applyAt(held, diff, depth + 1))
  return members
}

function applyToArray(node: JsonNode, index: number, diff: JsonDiff, depth: number, last: boolean): JsonNode {
  const { operation, value } = diff
  // `[0]` of what is no array is the value itself, as in SQL.
  if (!Array.isArray(node)) {
    if (index !== 0 || (last && operation !== 'replace')) throw missing(diff)
    return applyAt(node, diff, depth + 1)
  }
  const items = [...node]
  if (last && operation === 'insert' && value !== null) {
    items.splice(Math.min(index, items.length), 0, value)
    return items
  }
  const held = items[index]
  if (held === undefined) throw missing(diff)
  if (last && operation === 'remove') items.splice(index, 1)
  else items[index] = applyAt(held, diff, depth + 1)
  return items
}

function compareKeys(a: string, b: string): number {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length - right.length || Buffer.compare(left, right)
}

const missing = ({ operation, path }: JsonDiff): DecodeError =>
  new DecodeError(`${operation} at ${JSON.stringify(path)} of a JSON document that has no such place`)
