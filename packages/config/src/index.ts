/** @slotwise/config: redis.conf, flags and environment into one validated object. See README.md. */
export { ConfigError } from './config-error.js'
export { type DirectiveSpec, type DirectiveType, findDirective } from './directive.js'
export { type DirectiveName, directives } from './directives.generated.js'
export { formatQuoted, splitArgs } from './split-args.js'
export { parseCommandLine, type CommandLine } from './command-line.js'
export { type ConfigFiles, nodeFiles } from './config-files.js'
export { loadConfig, type LoadOptions } from './load-config.js'
export { type Origin, type RenamedCommand, ServerConfig } from './server-config.js'
