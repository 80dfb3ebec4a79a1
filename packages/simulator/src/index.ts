/** @slotwise/simulator: deterministic clusters. See README.md. */
export { disagreement } from './convergence.js'
export { EventQueue } from './event-queue.js'
export { Invariants, Violation } from './invariants.js'
export { type LargeOptions, type LargeResult, runLarge } from './large.js'
export { convergenceBoundMs, runSchedule, type ScheduleOptions, type ScheduleResult } from './schedule.js'
export { ipOf, SimulatedNode, type World } from './simulated-node.js'
export { calm, type NetworkFaults, VirtualNetwork } from './virtual-network.js'
