/** What bin/slotwise-server loads: starts on import, with the process's own arguments. */
import { serve } from './serve.js'

void serve(process.argv.slice(2))
