/** slotwise-benchmark: the suite that runs benchmarks/. Scenario and peer files import these types. */
export type {
  Bench, Codec, EmbeddedPeer, EmbeddedSession, Goal, KvloadResult, LoadOptions, Metric, Peer, RunningServer, Sample,
  Scenario, ServerPeer, Servers, Side,
} from './scenario.js'
export { main } from './cli.js'
