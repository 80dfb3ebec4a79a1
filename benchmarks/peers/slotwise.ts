/** Our own server as a user starts it: the executable of apps/server under this Node. */
import type { ServerPeer } from '../../apps/benchmark/src/scenario.js'

export const peer: ServerPeer = {
  kind: 'server',
  name: 'slotwise',
  command: ['{node}', '{root}/apps/server/bin/slotwise-server', '--port', '{port}', '--bind', '127.0.0.1', '--dir', '{dir}'],
  directives: 'flags',
  install: 'Run `npm run build` first.',
}
