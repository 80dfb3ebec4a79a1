/**
 * Environment: SLOTWISE_MAXMEMORY=1gb is `maxmemory 1gb`. Dashes of a name become underscores. What a directive with
 * several arguments takes is split as in a configuration file. Variables of that prefix which are no directive are
 * told, not refused: an environment is shared with others.
 */
import { findDirective } from './directive.js'
import { directives } from './directives.generated.js'
import { splitArgs } from './split-args.js'

export interface EnvironmentSetting {
  readonly variable: string
  readonly directive: string
  readonly args: readonly string[] | null
}

const prefix = 'SLOTWISE_'
const variableOf = (name: string): string => prefix + name.toUpperCase().replaceAll('-', '_')
const names = new Map(directives.flatMap((spec) =>
  [spec.name, ...(spec.alias === undefined ? [] : [spec.alias])].map((name) => [variableOf(name), name])))

/** @returns settings in alphabetical order of their variables (args null: unbalanced quotes), and unknown variables. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>):
{ settings: EnvironmentSetting[]; unknown: string[] } {
  const settings: EnvironmentSetting[] = []
  const unknown: string[] = []
  for (const variable of Object.keys(env).filter((name) => name.startsWith(prefix)).sort()) {
    const value = env[variable]
    if (value === undefined) continue
    const directive = names.get(variable)
    if (directive === undefined) {
      unknown.push(variable)
      continue
    }
    const split = findDirective(directive)?.multi === true && value !== ''
    settings.push({ variable, directive, args: split ? splitArgs(value) : [value] })
  }
  return { settings, unknown }
}
