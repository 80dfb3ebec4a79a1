/** @slotwise/election: who replaces a failed primary. See README.md. */
export { dataAgeMs, type ReplicationState, tooOld } from './data-age.js'
export { Election } from './election.js'
export { MANUAL_TIMEOUT_MS, ManualFailover, WRITE_PAUSE_MS } from './manual-failover.js'
export { electionDelayMs, rankOf } from './rank.js'
export { migrateIfNeeded, MIGRATION_DELAY_MS, noteOrphans } from './replica-migration.js'
export { receiveVoteRequest, type VoteFaults } from './vote.js'
