/**
 * Config files: the little that reading a configuration asks of the disk, as an interface, so that tests need none.
 * Failures are values: the words C's strerror has for them, which is what redis-server prints.
 */
import { closeSync, constants, accessSync, openSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { getSystemErrorMap } from 'node:util'

export type Outcome<T> = { readonly value: T } | { readonly error: string }

export interface ConfigFiles {
  /** The text of the file at an absolute path. */
  read(path: string): Outcome<string>
  /** Standard input to its end. */
  readStdin(): Outcome<string>
  /** Absolute paths that match an absolute pattern with `*`, `?` or `[`, sorted; none is no error. */
  match(pattern: string): string[]
  /** The absolute path, without links, of a directory one may enter. */
  directory(path: string): Outcome<string>
  /** Whether lines can be appended to that file; makes it if there is none. */
  openLog(path: string): Outcome<null>
}

/** The usual ones in C's words; anything else in libuv's. */
const sentences: Record<string, string> = {
  ENOENT: 'No such file or directory',
  ENOTDIR: 'Not a directory',
  EISDIR: 'Is a directory',
  EACCES: 'Permission denied',
  ELOOP: 'Too many levels of symbolic links',
  ENAMETOOLONG: 'File name too long',
  EROFS: 'Read-only file system',
  ENOSPC: 'No space left on device',
}

function sentenceOf(error: unknown): string {
  const { code = '', errno = 0, message } = error as NodeJS.ErrnoException
  return sentences[code] ?? getSystemErrorMap().get(errno)?.[1] ?? message
}

function attempt<T>(action: () => T): Outcome<T> {
  try {
    return { value: action() }
  } catch (error) {
    return { error: sentenceOf(error) }
  }
}

/** The real disk. */
export const nodeFiles: ConfigFiles = {
  read: (path) => attempt(() => readFileSync(path, 'utf8')),
  readStdin: () => attempt(() => readFileSync(0, 'utf8')),
  match: (pattern) => matchPaths(pattern),
  directory(path) {
    if (path === '') return { error: sentences.ENOENT! }
    const resolved = attempt(() => realpathSync(path))
    if ('error' in resolved) return resolved
    if (!statSync(resolved.value).isDirectory()) return { error: sentences.ENOTDIR! }
    return attempt(() => {
      accessSync(resolved.value, constants.X_OK)
      return resolved.value
    })
  },
  openLog: (path) => attempt(() => {
    closeSync(openSync(path, 'a'))
    return null
  }),
}

/** glob(3) for absolute patterns: wildcards do not match a leading dot or a slash. */
function matchPaths(pattern: string): string[] {
  const name = pattern.slice(dirname(pattern).length).replace(/^\//, '')
  const parent = dirname(pattern)
  if (parent === pattern) return [pattern]
  const special = /[*?[]/
  const folders = special.test(parent) ? matchPaths(parent) : [parent]
  if (!special.test(name)) return folders.map((folder) => join(folder, name)).filter(exists)
  const shape = shapeOf(name)
  return folders.flatMap((folder) => {
    const entries = attempt(() => readdirSync(folder))
    if ('error' in entries) return []
    return entries.value.filter((entry) => shape.test(entry) && (!entry.startsWith('.') || name.startsWith('.')))
      .sort().map((entry) => join(folder, entry))
  })
}

const exists = (path: string): boolean => 'value' in attempt(() => statSync(path))

function shapeOf(name: string): RegExp {
  const source = name.replaceAll(/\[(!|\^)?(\]?[^\]]*)\]|[*?]|[\\^$.|+(){}[\]]/g, (token, negated?: string, set?: string) => {
    if (set !== undefined) return `[${negated === undefined ? '' : '^'}${set.replaceAll(/[\\[\]]/g, '\\$&')}]`
    return token === '*' ? '.*' : token === '?' ? '.' : `\\${token}`
  })
  return new RegExp(`^${source}$`, 's')
}
