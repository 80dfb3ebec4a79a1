/**
 * ServerConfig: every directive's value and where it came from. Values are kept as CONFIG GET prints them, which is one
 * argument that native/src/config takes back unchanged; typed readings are made when asked for. It does not change
 * after loading: what CONFIG SET changes lives in the engine.
 */
import { findDirective, type DirectiveSpec } from './directive.js'
import { type DirectiveName, directives } from './directives.generated.js'

/** The last place that set a value. `line` is 1-based within its own file. */
export type Origin =
  | { readonly source: 'default' }
  | { readonly source: 'file'; readonly file: string; readonly line: number }
  | { readonly source: 'stdin'; readonly line: number }
  | { readonly source: 'environment'; readonly variable: string }
  | { readonly source: 'commandLine' }

/** For people: '/etc/x.conf line 3', 'the command line', ... */
export function describeOrigin(origin: Origin): string {
  switch (origin.source) {
    case 'default': return 'the defaults'
    case 'file': return `${origin.file} line ${origin.line}`
    case 'stdin': return `standard input line ${origin.line}`
    case 'environment': return `the environment variable ${origin.variable}`
    case 'commandLine': return 'the command line'
  }
}

/** `rename-command FROM TO`; an empty `to` takes the command away. */
export interface RenamedCommand {
  readonly from: string
  readonly to: string
  readonly origin: Origin
}

/** `user NAME rules...`: what the rules mean is the engine's business, which refuses to start with bad ones. */
export interface DeclaredUser {
  readonly name: string
  readonly rules: readonly string[]
  readonly origin: Origin
}

export interface Setting {
  readonly value: string
  /** For the engine: as `value`, except where CONFIG GET does not print all of it. */
  readonly exact: string
  readonly origin: Origin
}

export class ServerConfig {
  /** The file the server was started with, absolute: what CONFIG REWRITE writes to. null if none. */
  readonly file: string | null
  readonly renamedCommands: readonly RenamedCommand[]
  /** In the order of their lines; no name twice. */
  readonly users: readonly DeclaredUser[]
  /** Sentences for the log: directives without effect, variables nobody knows. One for each directive. */
  readonly warnings: readonly string[]
  readonly #settings: ReadonlyMap<DirectiveName, Setting>

  /** @internal Made by `loadConfig`. */
  constructor(parts: {
    file: string | null
    settings: ReadonlyMap<DirectiveName, Setting>
    renamedCommands: readonly RenamedCommand[]
    users: readonly DeclaredUser[]
    warnings: readonly string[]
  }) {
    this.file = parts.file
    this.#settings = parts.settings
    this.renamedCommands = parts.renamedCommands
    this.users = parts.users
    this.warnings = parts.warnings
  }

  /** As CONFIG GET prints it. Aliases work. `dir` is absolute once set, '.' by default. */
  get(name: DirectiveName): string {
    const spec = specOf(name)
    return this.#settings.get(spec.name)?.value ?? spec.default
  }

  /** @throws {TypeError} if the directive is no yes-or-no */
  bool(name: DirectiveName): boolean {
    this.#mustBe(name, ['bool'])
    return this.get(name) === 'yes'
  }

  /**
   * A number or bytes; a file mode for octal ones.
   * @throws {TypeError} if the directive is no number
   * @throws {RangeError} if the value is a percentage or beyond 2^53
   */
  int(name: DirectiveName): number {
    const { type } = this.#mustBe(name, ['int', 'memory', 'memory-or-percent', 'octal'])
    const text = this.get(name)
    const number = type === 'octal' ? parseInt(text, 8) : Number(text)
    if (!Number.isSafeInteger(number)) throw new RangeError(`${name} is ${text}: not a whole number below 2^53`)
    return number
  }

  /** The words of a value: addresses of `bind`, points of `save`, flags of `shutdown-on-sigterm`. */
  words(name: DirectiveName): string[] {
    const text = this.get(name)
    return text === '' ? [] : text.split(' ')
  }

  origin(name: DirectiveName): Origin {
    return this.#settings.get(specOf(name).name)?.origin ?? { source: 'default' }
  }

  /** Name and exact value of all directives that were set, even to their default, in the order of the table. */
  entries(): [name: DirectiveName, value: string][] {
    return directives.flatMap(({ name }) => {
      const setting = this.#settings.get(name)
      return setting === undefined ? [] : [[name, setting.exact] as [DirectiveName, string]]
    })
  }

  #mustBe(name: DirectiveName, types: readonly DirectiveSpec['type'][]): DirectiveSpec {
    const spec = specOf(name)
    if (!types.includes(spec.type)) throw new TypeError(`${name} is of type ${spec.type}, not ${types.join(' or ')}`)
    return spec
  }
}

function specOf(name: DirectiveName): DirectiveSpec {
  const spec = findDirective(name)
  if (spec === null) throw new TypeError(`no directive is called ${name}`)
  return spec
}
