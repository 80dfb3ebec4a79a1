/** Name, version and usage: what the server says of itself. */
import { readFileSync } from 'node:fs'

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

export const version = manifest.version
export const product = `Slotwise ${version}`
export const versionLine = `Slotwise server v=${version} redis=7.0.15 bits=64 node=${process.versions.node}`

export const usage = `Usage: slotwise-server [/path/to/redis.conf] [--directive value ...] [-]
       slotwise-server -                 read the configuration from standard input
       slotwise-server --check-config    with any of the above: check, do not start
       slotwise-server -v | --version
       slotwise-server -h | --help

Every directive of redis.conf is a flag, and SLOTWISE_<DIRECTIVE> in the environment sets it too.
Flags count most, then the environment, then standard input, then the file.

Examples:
       slotwise-server                                    in memory only, port 6379
       slotwise-server --appendonly yes --dir /var/lib/slotwise
       slotwise-server /etc/redis/redis.conf --port 7000
       echo 'maxmemory 128mb' | slotwise-server -
       SLOTWISE_PORT=7000 slotwise-server
`
