/**
 * What `npm start` adds to the directives it is given: the address, the data folder and the append-only file of a
 * newcomer's first server. What a flag or SLOTWISE_<DIRECTIVE> says wins; a configuration file says it all.
 */
const defaults = { bind: ['127.0.0.1'], port: ['6379'], dir: [], appendonly: ['yes'] }
const informational = new Set(['--help', '-h', '--version', '-v', '--check-config'])

/**
 * @param args  the arguments after `npm start --`
 * @param env  the environment
 * @param dataDir  the data folder to use when no `--dir` is given
 * @returns { args, usesDataDir }: the server's arguments, and whether `dataDir` has to exist
 */
export function startArguments(args, env, dataDir) {
  const first = args[0]
  const hasFile = first !== undefined && (first === '-' || !first.startsWith('-'))
  if (hasFile || args.some((arg) => informational.has(arg))) return { args: [...args], usesDataDir: false }
  const given = new Set(args.filter((arg) => arg.startsWith('--')).map((arg) => arg.slice(2).toLowerCase()))
  for (const name of Object.keys(defaults))
    if (env[`SLOTWISE_${name.toUpperCase()}`] !== undefined) given.add(name)
  const added = Object.entries({ ...defaults, dir: [dataDir] }).filter(([name]) => !given.has(name))
  return {
    args: [...added.flatMap(([name, values]) => [`--${name}`, ...values]), ...args],
    usesDataDir: !given.has('dir'),
  }
}
