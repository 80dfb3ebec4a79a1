/**
 * Load config: file, standard input, environment, command line, in this order; of a directive set twice the last one
 * counts, except that `save` points add up and `client-output-buffer-limit` classes are set one by one, as in Redis.
 * All is checked before anything starts: the first fault ends it with a ConfigError that names the line.
 * Relative paths count from the working directory, and from `dir` once a line has set it; the process stays put.
 */
import { isAbsolute, join, resolve } from 'node:path'
import { parseCommandLine } from './command-line.js'
import { ConfigError } from './config-error.js'
import { type ConfigFiles, nodeFiles } from './config-files.js'
import { parseDirective } from './directive-value.js'
import { type DirectiveSpec, findDirective, findFileWord, findIgnoredWord } from './directive.js'
import { readEnvironment } from './environment.js'
import { type DeclaredUser, describeOrigin, type Origin, type RenamedCommand, ServerConfig, type Setting } from './server-config.js'
import { splitArgs } from './split-args.js'
import type { DirectiveName } from './directives.generated.js'

export interface LoadOptions {
  /** What follows the program's name. @default [] */
  args?: readonly string[]
  /** @default {} */
  env?: Readonly<Record<string, string | undefined>>
  /** @default process.cwd() */
  cwd?: string
  /** @default the real disk */
  files?: ConfigFiles
  /** Names of all commands, to check rename-command against; without it any name is taken. */
  commands?: Iterable<string>
}

/** How deep files may include files: a file that includes itself must end somewhere. */
const includeDepthMax = 16

/**
 * @throws {ConfigError} for anything redis-server would refuse; `report()` is what to print
 * Cost: reads the files synchronously; microseconds a line.
 */
export function loadConfig(options: LoadOptions = {}): ServerConfig {
  return new Loader(options).load()
}

class Loader {
  readonly #options: LoadOptions
  readonly #files: ConfigFiles
  #cwd: string
  #dirSetting: string | null = null
  #saveWasSet = false
  readonly #settings = new Map<DirectiveName, Setting>()
  readonly #renamed: RenamedCommand[] = []
  readonly #users = new Map<string, DeclaredUser>()
  readonly #warnings = new Map<string, string>()
  readonly #commands: Set<string> | null

  constructor(options: LoadOptions) {
    this.#options = options
    this.#files = options.files ?? nodeFiles
    this.#cwd = options.cwd ?? process.cwd()
    this.#commands = options.commands === undefined ? null : new Set(options.commands)
  }

  load(): ServerConfig {
    const { file: given, readStdin, lines } = parseCommandLine(this.#options.args ?? [])
    const file = given === null ? null : resolve(this.#cwd, given)
    let lineCount = 0 // as Redis counts: standard input and flags are appended to the file
    if (file !== null) lineCount += this.#readFile(file, file, 0)
    if (readStdin) {
      const text = valueOr(this.#files.readStdin(), (error) => `Can't read the configuration from stdin: ${error}`)
      lineCount += this.#readText(text, lineCount, 'standard input', (line) => ({ source: 'stdin', line }), 0)
    }
    this.#readEnvironment()
    this.#readText(lines.join('\n'), lineCount + 1, 'the command line', () => ({ source: 'commandLine' }), 0)
    this.#checkWhole()
    this.#warnAboutEffectless()
    return new ServerConfig({
      file, settings: this.#settings, renamedCommands: this.#renamed, users: [...this.#users.values()],
      warnings: [...this.#warnings.values()],
    })
  }

  /** @returns how many line ends the file has */
  #readFile(path: string, shown: string, depth: number): number {
    const text = valueOr(this.#files.read(path), (error) => `Fatal error, can't open config file '${shown}': ${error}`)
    return this.#readText(text, 0, path, (line) => ({ source: 'file', file: path, line }), depth)
  }

  /** @param countedBefore  what Redis adds to the number of a line within `text` */
  #readText(
    text: string, countedBefore: number, where: string, originOf: (line: number) => Origin, depth: number,
  ): number {
    const lines = text.split('\n')
    for (const [index, raw] of lines.entries()) {
      const line = raw.replaceAll(/^[ \t\r\n]+|[ \t\r\n]+$/g, '')
      if (line === '' || line.startsWith('#')) continue
      const words = splitArgs(line)
      const place = { number: countedBefore + index + 1, text: line, where }
      if (words === null) throw new ConfigError('Unbalanced quotes in configuration line', place)
      const [name, ...args] = words
      if (name === undefined) continue
      const error = this.#line(name.toLowerCase(), args, originOf(index + 1), depth)
      if (error !== null) throw new ConfigError(error, place)
    }
    return lines.length - 1
  }

  #readEnvironment(): void {
    const { settings, unknown } = readEnvironment(this.#options.env ?? {})
    for (const { variable, directive, args } of settings) {
      const origin: Origin = { source: 'environment', variable }
      const error = args === null ? 'Unbalanced quotes in configuration line' : this.#line(directive, args, origin, 0)
      if (error !== null) throw new ConfigError(`${error} (${describeOrigin(origin)}, directive '${directive}')`)
    }
    for (const variable of unknown)
      this.#warnings.set(variable, `the environment variable ${variable} is ignored: no directive has that name`)
  }

  /** @returns what is wrong with the line, or null */
  #line(name: string, args: readonly string[], origin: Origin, depth: number): string | null {
    const spec = findDirective(name)
    if (spec !== null) return this.#set(spec, args, origin)
    const word = findIgnoredWord(name) ?? findFileWord(name)
    // Module directives have a dot; there are no modules.
    if (word === null && name.includes('.'))
      return args.length === 0 ? 'Module config specified without value'
        : 'Module Configuration detected without loadmodule directive or no ApplyConfig call: aborting'
    if (word === null || args.length < word.minArgs || args.length > (word.maxArgs ?? Infinity))
      return 'Bad directive or wrong number of arguments'
    switch (word.name) {
      case 'include': return this.#include(args[0]!, depth)
      case 'rename-command': return this.#rename(args[0]!, args[1]!, origin)
      case 'user': return this.#user(args[0]!, args.slice(1), origin)
      case 'sentinel': return 'sentinel directive while not in sentinel mode'
      default:
        this.#warnings.set(word.name, word.redis === undefined
          ? `'${word.name}' has no effect yet (${describeOrigin(origin)})`
          : `'${word.name}' is ignored: ${word.summary} (${describeOrigin(origin)})`)
        return null
    }
  }

  #set(spec: DirectiveSpec, given: readonly string[], origin: Origin): string | null {
    if (spec.multi !== true && given.length !== 1) return 'wrong number of arguments'
    // One argument of a list may hold all of it: --save "900 1".
    const split = spec.multi === true && given.length === 1 && given[0] !== ''
    const args = split ? splitArgs(given[0]!) ?? [] : given
    const current = this.#settings.get(spec.name)?.value ?? spec.default
    const parsed = parseDirective(spec, args, current, this.#saveWasSet)
    if ('error' in parsed) return parsed.error
    let { value } = parsed
    if (spec.type === 'dir') {
      // Resolving '' would give the present directory; chdir('') fails.
      const directory = this.#files.directory(value === '' ? '' : resolve(this.#cwd, value))
      if ('error' in directory) return directory.error
      value = this.#cwd = this.#dirSetting = directory.value
    }
    if (spec.type === 'save') this.#saveWasSet = true
    this.#settings.set(spec.name, { value, exact: parsed.exact ?? value, origin })
    return null
  }

  /** @returns never an error of the line: what is wrong is in the other file, and told as such */
  #include(path: string, depth: number): string | null {
    if (depth >= includeDepthMax) return `Too many nested includes (more than ${includeDepthMax})`
    const absolute = isAbsolute(path) ? path : join(this.#cwd, path)
    if (!/[*?[]/.test(path)) {
      this.#readFile(absolute, path, depth + 1)
      return null
    }
    for (const match of this.#files.match(absolute)) this.#readFile(match, match, depth + 1)
    return null
  }

  #rename(from: string, to: string, origin: Origin): string | null {
    const [lowerFrom, lowerTo] = [from.toLowerCase(), to.toLowerCase()]
    if (this.#commands !== null) {
      if (!this.#commands.delete(lowerFrom)) return 'No such command in rename-command'
      if (to !== '' && this.#commands.has(lowerTo)) return 'Target command name already exists'
      if (to !== '') this.#commands.add(lowerTo)
    }
    this.#renamed.push({ from: lowerFrom, to, origin })
    return null
  }

  #user(name: string, rules: readonly string[], origin: Origin): string | null {
    if (this.#users.has(name))
      return `Error in user declaration '${name}': Duplicate user found. A user can only be defined once in config files`
    this.#users.set(name, { name, rules, origin })
    return null
  }

  /** What no single line shows. */
  #checkWhole(): void {
    const valueOf = (name: DirectiveName): string => this.#settings.get(name)?.value ?? ''
    const logfile = valueOf('logfile')
    if (logfile !== '') {
      const opened = this.#files.openLog(resolve(this.#dirSetting ?? this.#cwd, logfile))
      if ('error' in opened) throw new ConfigError(`Can't open the log file: ${opened.error}`)
    }
    if (valueOf('cluster-enabled') === 'yes' && valueOf('replicaof') !== '')
      throw new ConfigError('replicaof directive not allowed in cluster mode')
  }

  #warnAboutEffectless(): void {
    for (const [name, { value, origin }] of this.#settings) {
      const spec = findDirective(name)
      if (spec?.status !== 'accepted') continue
      const quiet = [spec.default, spec.redisDefault, ...(spec.quietValues ?? [])]
      if (!quiet.includes(value)) this.#warnings.set(name, `'${name}' has no effect yet (${describeOrigin(origin)})`)
    }
  }
}

function valueOr(outcome: { value: string } | { error: string }, sentence: (error: string) => string): string {
  if ('error' in outcome) throw new ConfigError(sentence(outcome.error))
  return outcome.value
}
