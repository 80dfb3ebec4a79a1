/** @slotwise/testing: what tests need to meet real processes. See README.md. */
export { describePeer, peer, type Peer, type PeerName } from './peer.js'
export { describeMariadb, startMariadb, type MariadbOptions, type MariadbProcess } from './mariadb.js'
export { freePort } from './free-port.js'
export { RespClient, type RespClientOptions } from './resp-client.js'
export { encodeCommand, RespDecoder, RespError, RespPush, type RespReply } from './resp-decoder.js'
export { startRedis, startSlotwise, type ServerExit, type ServerOptions, type ServerProcess } from './server-process.js'
export { tempDir, type TempDir } from './temp-dir.js'
export { waitFor, type WaitOptions } from './wait-for.js'
