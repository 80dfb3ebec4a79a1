/** redis-server from the PATH (Debian: redis-server 7.0.15). Persistence off unless a scenario turns it on. */
import type { ServerPeer } from '../../apps/benchmark/src/scenario.js'

export const peer: ServerPeer = {
  kind: 'server',
  name: 'redis',
  command: ['redis-server', '--port', '{port}', '--bind', '127.0.0.1', '--dir', '{dir}', '--daemonize', 'no'],
  directives: 'flags',
  install: 'Install redis-server 7.0.15 (Debian: apt-get install redis-server).',
}
