/** @slotwise/state: facts that survive. See README.md. */
export { State } from './state.js'
