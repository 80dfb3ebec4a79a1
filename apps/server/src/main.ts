/**
 * What bin/slotwise-server loads: starts on import, with the process's own arguments. The control thread imports what
 * it needs while this thread reads the configuration: a start waits for the slower of the two, not for both.
 */
import { beginControlThread } from '@slotwise/node/control-thread'

const thread = beginControlThread()
const { serve } = await import('./serve.js')
void serve(process.argv.slice(2), thread)
