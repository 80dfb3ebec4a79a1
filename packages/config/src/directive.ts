/**
 * Directive: how the table of directives (generated from native/tables/directives.json, as is the C++ one) is read.
 * Names are found in any case; an alias (`slave-priority`) leads to its directive (`replica-priority`).
 */
import { type DirectiveName, directives, fileWords, ignoredWords } from './directives.generated.js'

export type DirectiveType =
  | 'bool' | 'int' | 'memory' | 'memory-or-percent' | 'octal' | 'string' | 'enum'
  | 'addresses' | 'save' | 'output-limits' | 'oom-values' | 'event-classes' | 'primary' | 'percentiles' | 'dir'

export type DirectiveCheck =
  | 'no-defrag' | 'file-name' | 'nonempty-file-name' | 'shutdown-flags' | 'host-name' | 'title-template'

export interface DirectiveSpec {
  readonly name: DirectiveName
  readonly alias?: DirectiveName
  readonly type: DirectiveType
  /** As CONFIG GET prints it. */
  readonly default: string
  /** What Redis has instead, where the difference is deliberate, and the reason. */
  readonly redisDefault?: string
  readonly why?: string
  /** Inclusive bounds in decimal; unsigned 64-bit if `unsigned`, else signed. */
  readonly min?: string
  readonly max?: string
  readonly unsigned?: boolean
  /** Accepted values outside are moved to the nearer bound. */
  readonly clamp?: readonly number[]
  readonly values?: Readonly<Record<string, number>>
  readonly check?: DirectiveCheck
  readonly immutable?: boolean
  readonly multi?: boolean
  readonly hidden?: boolean
  readonly protected?: boolean
  readonly sensitive?: boolean
  readonly denyWhileLoading?: boolean
  readonly emptyIsUnset?: boolean
  readonly binary?: boolean
  readonly alwaysApply?: boolean
  /** Only TypeScript acts on it: the engine does not know it, nor do its clients. */
  readonly outsideEngine?: boolean
  /** `accepted`: known, stored and shown, but nothing acts on it yet. */
  readonly status: 'supported' | 'accepted'
  /** Values an `accepted` directive may have without a warning, beside its default. */
  readonly quietValues?: readonly string[]
  readonly summary: string
}

/** A word of configuration files that is no directive. */
export interface FileWordSpec {
  readonly name: string
  readonly minArgs: number
  readonly maxArgs?: number
  readonly status?: 'supported' | 'accepted'
  /** The last Redis version that knew it. */
  readonly redis?: string
  readonly summary: string
}

const specs = new Map<string, DirectiveSpec>()
for (const spec of directives) {
  specs.set(spec.name, spec)
  if (spec.alias !== undefined) specs.set(spec.alias, spec)
}
const words = new Map(fileWords.map((word) => [word.name, word]))
const ignored = new Map(ignoredWords.map((word) => [word.name, word]))

/** The directive of that name or alias, in any case; null if there is none. */
export const findDirective = (name: string): DirectiveSpec | null => specs.get(name.toLowerCase()) ?? null

/** `include`, `rename-command`, ...: null if `name` is none of these. */
export const findFileWord = (name: string): FileWordSpec | null => words.get(name.toLowerCase()) ?? null

/** A word that an older Redis knew and that means nothing now; null otherwise. */
export const findIgnoredWord = (name: string): FileWordSpec | null => ignored.get(name.toLowerCase()) ?? null
