// Generated from native/tables/directives.json by `node native/tables/generate.mjs --ts`. Do not edit.
/* eslint-disable */
import type { DirectiveSpec, FileWordSpec } from './directive.js'

/** Every directive, aliases included. */
export type DirectiveName =
  | 'acl-pubsub-default'
  | 'aclfile'
  | 'acllog-max-len'
  | 'active-defrag-cycle-max'
  | 'active-defrag-cycle-min'
  | 'active-defrag-ignore-bytes'
  | 'active-defrag-max-scan-fields'
  | 'active-defrag-threshold-lower'
  | 'active-defrag-threshold-upper'
  | 'active-expire-effort'
  | 'activedefrag'
  | 'activerehashing'
  | 'always-show-logo'
  | 'aof-archive-dir'
  | 'aof-disable-auto-gc'
  | 'aof-load-truncated'
  | 'aof-rewrite-incremental-fsync'
  | 'aof-timestamp-enabled'
  | 'aof-use-rdb-preamble'
  | 'aof_rewrite_cpulist'
  | 'appenddirname'
  | 'appendfilename'
  | 'appendfsync'
  | 'appendonly'
  | 'auto-aof-rewrite-min-size'
  | 'auto-aof-rewrite-percentage'
  | 'bgsave_cpulist'
  | 'bind'
  | 'bind-source-addr'
  | 'binlog-retention-bytes'
  | 'binlog-retention-seconds'
  | 'bio_cpulist'
  | 'busy-reply-threshold'
  | 'client-output-buffer-limit'
  | 'client-query-buffer-limit'
  | 'cluster-allow-pubsubshard-when-down'
  | 'cluster-allow-reads-when-down'
  | 'cluster-allow-replica-migration'
  | 'cluster-announce-bus-port'
  | 'cluster-announce-hostname'
  | 'cluster-announce-ip'
  | 'cluster-announce-port'
  | 'cluster-announce-tls-port'
  | 'cluster-config-file'
  | 'cluster-enabled'
  | 'cluster-link-sendbuf-limit'
  | 'cluster-migration-barrier'
  | 'cluster-node-timeout'
  | 'cluster-port'
  | 'cluster-preferred-endpoint-type'
  | 'cluster-replica-no-failover'
  | 'cluster-replica-validity-factor'
  | 'cluster-require-full-coverage'
  | 'cluster-slave-no-failover'
  | 'cluster-slave-validity-factor'
  | 'crash-log-enabled'
  | 'crash-memcheck-enabled'
  | 'daemonize'
  | 'databases'
  | 'dbfilename'
  | 'dir'
  | 'disable-thp'
  | 'dynamic-hz'
  | 'enable-debug-command'
  | 'enable-module-command'
  | 'enable-protected-configs'
  | 'hash-max-listpack-entries'
  | 'hash-max-listpack-value'
  | 'hash-max-ziplist-entries'
  | 'hash-max-ziplist-value'
  | 'hll-sparse-max-bytes'
  | 'http-bind'
  | 'http-headers-timeout'
  | 'http-keepalive-timeout'
  | 'http-max-body-bytes'
  | 'http-max-connections'
  | 'http-max-reply-bytes'
  | 'http-max-streams'
  | 'http-port'
  | 'http-request-timeout'
  | 'http-token'
  | 'http-token-file'
  | 'hz'
  | 'ignore-warnings'
  | 'io-threads'
  | 'io-threads-do-reads'
  | 'jemalloc-bg-thread'
  | 'key-load-delay'
  | 'latency-monitor-threshold'
  | 'latency-tracking'
  | 'latency-tracking-info-percentiles'
  | 'lazyfree-lazy-eviction'
  | 'lazyfree-lazy-expire'
  | 'lazyfree-lazy-server-del'
  | 'lazyfree-lazy-user-del'
  | 'lazyfree-lazy-user-flush'
  | 'lfu-decay-time'
  | 'lfu-log-factor'
  | 'list-compress-depth'
  | 'list-max-listpack-size'
  | 'list-max-ziplist-size'
  | 'loading-process-events-interval-bytes'
  | 'logfile'
  | 'loglevel'
  | 'lua-time-limit'
  | 'masterauth'
  | 'masteruser'
  | 'maxclients'
  | 'maxmemory'
  | 'maxmemory-clients'
  | 'maxmemory-eviction-tenacity'
  | 'maxmemory-policy'
  | 'maxmemory-samples'
  | 'min-replicas-max-lag'
  | 'min-replicas-to-write'
  | 'min-slaves-max-lag'
  | 'min-slaves-to-write'
  | 'mysql-source'
  | 'no-appendfsync-on-rewrite'
  | 'notify-keyspace-events'
  | 'oom-score-adj'
  | 'oom-score-adj-values'
  | 'pidfile'
  | 'port'
  | 'proc-title-template'
  | 'propagation-error-behavior'
  | 'protected-mode'
  | 'proto-inline-max-size'
  | 'proto-max-bulk-len'
  | 'proto-max-multibulk-len'
  | 'rdb-del-sync-files'
  | 'rdb-key-save-delay'
  | 'rdb-save-incremental-fsync'
  | 'rdbchecksum'
  | 'rdbcompression'
  | 'repl-ack'
  | 'repl-backlog-size'
  | 'repl-backlog-ttl'
  | 'repl-disable-tcp-nodelay'
  | 'repl-diskless-load'
  | 'repl-diskless-sync'
  | 'repl-diskless-sync-delay'
  | 'repl-diskless-sync-max-replicas'
  | 'repl-ping-replica-period'
  | 'repl-ping-slave-period'
  | 'repl-semi-sync'
  | 'repl-semi-sync-ack-on'
  | 'repl-semi-sync-acks'
  | 'repl-semi-sync-dual-channel'
  | 'repl-semi-sync-relay-max-size'
  | 'repl-semi-sync-strict'
  | 'repl-semi-sync-timeout'
  | 'repl-timeout'
  | 'replica-announce-ip'
  | 'replica-announce-port'
  | 'replica-announced'
  | 'replica-ignore-disk-write-errors'
  | 'replica-ignore-maxmemory'
  | 'replica-lazy-flush'
  | 'replica-priority'
  | 'replica-read-only'
  | 'replica-serve-stale-data'
  | 'replicaof'
  | 'requirepass'
  | 'sanitize-dump-payload'
  | 'save'
  | 'server_cpulist'
  | 'set-max-intset-entries'
  | 'set-proc-title'
  | 'shutdown-on-sigint'
  | 'shutdown-on-sigterm'
  | 'shutdown-timeout'
  | 'slave-announce-ip'
  | 'slave-announce-port'
  | 'slave-ignore-maxmemory'
  | 'slave-lazy-flush'
  | 'slave-priority'
  | 'slave-read-only'
  | 'slave-serve-stale-data'
  | 'slaveof'
  | 'slotwise-glob-max-steps'
  | 'slotwise-multi-queue-limit'
  | 'slotwise-subscriptions-max'
  | 'slotwise-watched-keys-max'
  | 'slowlog-log-slower-than'
  | 'slowlog-max-len'
  | 'socket-mark-id'
  | 'standby'
  | 'stop-writes-on-bgsave-error'
  | 'stream-node-max-bytes'
  | 'stream-node-max-entries'
  | 'supervised'
  | 'syslog-enabled'
  | 'syslog-facility'
  | 'syslog-ident'
  | 'tcp-backlog'
  | 'tcp-keepalive'
  | 'timeout'
  | 'tls-auth-clients'
  | 'tls-ca-cert-dir'
  | 'tls-ca-cert-file'
  | 'tls-cert-file'
  | 'tls-ciphers'
  | 'tls-ciphersuites'
  | 'tls-client-cert-file'
  | 'tls-client-key-file'
  | 'tls-client-key-file-pass'
  | 'tls-cluster'
  | 'tls-dh-params-file'
  | 'tls-key-file'
  | 'tls-key-file-pass'
  | 'tls-port'
  | 'tls-prefer-server-ciphers'
  | 'tls-protocols'
  | 'tls-replication'
  | 'tls-session-cache-size'
  | 'tls-session-cache-timeout'
  | 'tls-session-caching'
  | 'tracking-table-max-keys'
  | 'unixsocket'
  | 'unixsocketperm'
  | 'use-exit-on-panic'
  | 'watchdog-period'
  | 'zset-max-listpack-entries'
  | 'zset-max-listpack-value'
  | 'zset-max-ziplist-entries'
  | 'zset-max-ziplist-value'

export const directives: readonly DirectiveSpec[] = [
  { name: 'acl-pubsub-default', type: 'enum', default: 'resetchannels', values: { allchannels: 0, resetchannels: 1 }, status: 'supported', summary: 'Channels a new ACL user may use.' },
  { name: 'aclfile', type: 'string', default: '', immutable: true, status: 'supported', summary: 'File with ACL users, one `user` line each; relative to dir.' },
  { name: 'acllog-max-len', type: 'int', default: '128', min: '0', max: '9223372036854775807', status: 'supported', summary: 'Entries the ACL log keeps.' },
  { name: 'active-defrag-cycle-max', type: 'int', default: '25', min: '1', max: '99', status: 'accepted', summary: 'Most CPU percentage for defragmentation.' },
  { name: 'active-defrag-cycle-min', type: 'int', default: '1', min: '1', max: '99', status: 'accepted', summary: 'Least CPU percentage for defragmentation.' },
  { name: 'active-defrag-ignore-bytes', type: 'memory', default: '104857600', min: '1', max: '9223372036854775807', unsigned: true, status: 'accepted', summary: 'Fragmented bytes below which nothing is moved.' },
  { name: 'active-defrag-max-scan-fields', type: 'int', default: '1000', min: '1', max: '9223372036854775807', status: 'accepted', summary: 'Fields of a collection defragmented in one step.' },
  { name: 'active-defrag-threshold-lower', type: 'int', default: '10', min: '0', max: '1000', status: 'accepted', summary: 'Fragmentation percentage where defragmentation starts.' },
  { name: 'active-defrag-threshold-upper', type: 'int', default: '100', min: '0', max: '1000', status: 'accepted', summary: 'Fragmentation percentage of full effort.' },
  { name: 'active-expire-effort', type: 'int', default: '1', min: '1', max: '10', status: 'supported', summary: 'Effort of the expiry cycle, 1 to 10.' },
  { name: 'activedefrag', type: 'bool', default: 'no', check: 'no-defrag', status: 'accepted', summary: 'Move values to reduce fragmentation.' },
  { name: 'activerehashing', type: 'bool', default: 'yes', status: 'accepted', summary: 'Spend idle time on growing hash tables; here tables grow step by step anyway.' },
  { name: 'always-show-logo', type: 'bool', default: 'no', immutable: true, status: 'supported', summary: 'Print the start-up banner even when output is not a terminal.' },
  { name: 'aof-archive-dir', type: 'string', default: '', emptyIsUnset: true, immutable: true, hidden: true, status: 'supported', summary: 'Keep AOF segments here that a rewrite replaces, for restoring to a point in time; on the same file system as dir.' },
  { name: 'aof-disable-auto-gc', type: 'bool', default: 'no', status: 'supported', summary: 'Keep AOF files that a rewrite has made obsolete (tests).' },
  { name: 'aof-load-truncated', type: 'bool', default: 'yes', status: 'supported', summary: 'Start with an AOF whose last record is cut off, dropping that record.' },
  { name: 'aof-rewrite-incremental-fsync', type: 'bool', default: 'yes', status: 'accepted', summary: 'Sync a rewritten AOF in steps while it is written.' },
  { name: 'aof-timestamp-enabled', type: 'bool', default: 'no', status: 'supported', summary: 'Write time annotations into the AOF.' },
  { name: 'aof-use-rdb-preamble', type: 'bool', default: 'yes', status: 'supported', summary: 'Write AOF base files in RDB format.' },
  { name: 'aof_rewrite_cpulist', type: 'string', default: '', emptyIsUnset: true, immutable: true, status: 'accepted', summary: 'CPUs of an AOF rewrite.' },
  { name: 'appenddirname', type: 'string', default: 'appendonlydir', check: 'nonempty-file-name', immutable: true, status: 'supported', summary: 'Directory of the AOF files, inside dir.' },
  { name: 'appendfilename', type: 'string', default: 'appendonly.aof', check: 'nonempty-file-name', immutable: true, status: 'supported', summary: 'Prefix of the AOF files\' names.' },
  { name: 'appendfsync', type: 'enum', default: 'everysec', values: { everysec: 0, always: 1, no: 2 }, status: 'supported', summary: 'When the AOF is forced to disk.' },
  { name: 'appendonly', type: 'bool', default: 'no', denyWhileLoading: true, status: 'supported', summary: 'Write every change to the append-only file.' },
  { name: 'auto-aof-rewrite-min-size', type: 'memory', default: '67108864', min: '0', max: '9223372036854775807', status: 'supported', summary: 'Size below which the AOF is not rewritten by itself.' },
  { name: 'auto-aof-rewrite-percentage', type: 'int', default: '100', min: '0', max: '2147483647', status: 'supported', summary: 'Rewrite the AOF when it grew by this much since the last rewrite; 0 for never.' },
  { name: 'bgsave_cpulist', type: 'string', default: '', emptyIsUnset: true, immutable: true, status: 'accepted', summary: 'CPUs of a snapshot.' },
  { name: 'bind', type: 'addresses', default: '* -::*', multi: true, alwaysApply: true, status: 'supported', summary: 'Addresses to listen on; a leading dash makes one optional.' },
  { name: 'bind-source-addr', type: 'string', default: '', emptyIsUnset: true, status: 'accepted', summary: 'Local address of outgoing connections.' },
  { name: 'binlog-retention-bytes', type: 'memory', default: '0', min: '0', max: '9223372036854775807', immutable: true, hidden: true, status: 'supported', summary: 'Remove the oldest segments from aof-archive-dir while those held take more, at the start and after a rewrite; 0: keep all.', outsideEngine: true },
  { name: 'binlog-retention-seconds', type: 'int', default: '0', min: '0', max: '9223372036854775807', immutable: true, hidden: true, status: 'supported', summary: 'Remove segments from aof-archive-dir whose last write is older, at the start and after a rewrite; 0: keep all.', outsideEngine: true },
  { name: 'bio_cpulist', type: 'string', default: '', emptyIsUnset: true, immutable: true, status: 'accepted', summary: 'CPUs of the background threads.' },
  { name: 'busy-reply-threshold', alias: 'lua-time-limit', type: 'int', default: '5000', min: '0', max: '9223372036854775807', status: 'accepted', summary: 'Milliseconds after which a running script makes others get BUSY.' },
  { name: 'client-output-buffer-limit', type: 'output-limits', default: 'normal 1073741824 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60', multi: true, redisDefault: 'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60', why: 'A client that never reads may not take all memory; one reply of the longest value (512 MB) still fits twice.', status: 'supported', summary: 'Unread output at which a client of a class is closed: hard, soft, soft seconds.' },
  { name: 'client-query-buffer-limit', type: 'memory', default: '1073741824', min: '1048576', max: '9223372036854775807', unsigned: true, status: 'supported', summary: 'Most unexecuted input of one client.' },
  { name: 'cluster-allow-pubsubshard-when-down', type: 'bool', default: 'yes', status: 'supported', summary: 'Allow sharded pub/sub while the cluster is down.' },
  { name: 'cluster-allow-reads-when-down', type: 'bool', default: 'no', status: 'supported', summary: 'Answer reads while the cluster is down.' },
  { name: 'cluster-allow-replica-migration', type: 'bool', default: 'yes', status: 'supported', summary: 'Let replicas move to a shard that has none.' },
  { name: 'cluster-announce-bus-port', type: 'int', default: '0', min: '0', max: '65535', status: 'supported', summary: 'Bus port other cluster nodes are told.' },
  { name: 'cluster-announce-hostname', type: 'string', default: '', emptyIsUnset: true, check: 'host-name', status: 'supported', summary: 'Host name other cluster nodes are told.' },
  { name: 'cluster-announce-ip', type: 'string', default: '', emptyIsUnset: true, status: 'supported', summary: 'Address other cluster nodes are told.' },
  { name: 'cluster-announce-port', type: 'int', default: '0', min: '0', max: '65535', status: 'supported', summary: 'Port other cluster nodes are told.' },
  { name: 'cluster-announce-tls-port', type: 'int', default: '0', min: '0', max: '65535', status: 'accepted', summary: 'TLS port other cluster nodes are told.' },
  { name: 'cluster-config-file', type: 'string', default: 'nodes.conf', immutable: true, status: 'supported', summary: 'File with the cluster state.' },
  { name: 'cluster-enabled', type: 'bool', default: 'no', immutable: true, status: 'supported', summary: 'Run as a cluster node.' },
  { name: 'cluster-link-sendbuf-limit', type: 'memory', default: '0', min: '0', max: '18446744073709551615', unsigned: true, status: 'supported', summary: 'Send buffer of a cluster link; 0 for no limit.' },
  { name: 'cluster-migration-barrier', type: 'int', default: '1', min: '0', max: '2147483647', status: 'supported', summary: 'Replicas a primary keeps before one may migrate away.' },
  { name: 'cluster-node-timeout', type: 'int', default: '15000', min: '0', max: '9223372036854775807', status: 'supported', summary: 'Milliseconds of silence before a node is suspected.' },
  { name: 'cluster-port', type: 'int', default: '0', min: '0', max: '65535', immutable: true, status: 'supported', summary: 'Port of the cluster bus; 0 for port + 10000.' },
  { name: 'cluster-preferred-endpoint-type', type: 'enum', default: 'ip', values: { ip: 0, hostname: 1, 'unknown-endpoint': 2 }, status: 'supported', summary: 'What redirects name: address, host name or nothing.' },
  { name: 'cluster-replica-no-failover', alias: 'cluster-slave-no-failover', type: 'bool', default: 'no', status: 'supported', summary: 'Never let this replica start a failover of its own.' },
  { name: 'cluster-replica-validity-factor', alias: 'cluster-slave-validity-factor', type: 'int', default: '10', min: '0', max: '2147483647', status: 'supported', summary: 'Age limit of a replica\'s data for a failover, in node timeouts; 0 for none.' },
  { name: 'cluster-require-full-coverage', type: 'bool', default: 'yes', status: 'supported', summary: 'Serve only while every slot has an owner.' },
  { name: 'crash-log-enabled', type: 'bool', default: 'yes', status: 'accepted', summary: 'Print a report when the process crashes.' },
  { name: 'crash-memcheck-enabled', type: 'bool', default: 'yes', status: 'accepted', summary: 'Test memory after a crash.' },
  { name: 'daemonize', type: 'bool', default: 'no', immutable: true, status: 'supported', summary: 'Detach from the terminal and run in the background.' },
  { name: 'databases', type: 'int', default: '16', min: '1', max: '2147483647', immutable: true, status: 'supported', summary: 'Number of databases, 0 to databases - 1.' },
  { name: 'dbfilename', type: 'string', default: 'dump.rdb', check: 'file-name', protected: true, status: 'supported', summary: 'Name of the RDB file inside dir.' },
  { name: 'dir', type: 'dir', default: '.', protected: true, denyWhileLoading: true, status: 'supported', summary: 'Working directory: data files and relative paths live here.' },
  { name: 'disable-thp', type: 'bool', default: 'yes', immutable: true, status: 'accepted', summary: 'Turn transparent huge pages off for the process.' },
  { name: 'dynamic-hz', type: 'bool', default: 'yes', status: 'supported', summary: 'Raise the timer frequency with the number of clients.' },
  { name: 'enable-debug-command', type: 'enum', default: 'no', values: { no: 0, yes: 1, local: 2 }, immutable: true, status: 'supported', summary: 'Who may use DEBUG.' },
  { name: 'enable-module-command', type: 'enum', default: 'no', values: { no: 0, yes: 1, local: 2 }, immutable: true, status: 'accepted', summary: 'Who may use MODULE.' },
  { name: 'enable-protected-configs', type: 'enum', default: 'no', values: { no: 0, yes: 1, local: 2 }, immutable: true, status: 'supported', summary: 'Who may change protected directives with CONFIG SET.' },
  { name: 'hash-max-listpack-entries', alias: 'hash-max-ziplist-entries', type: 'int', default: '512', min: '0', max: '9223372036854775807', unsigned: true, status: 'supported', summary: 'Fields up to which a hash is one packed allocation.' },
  { name: 'hash-max-listpack-value', alias: 'hash-max-ziplist-value', type: 'memory', default: '64', min: '0', max: '9223372036854775807', unsigned: true, status: 'supported', summary: 'Longest field or value of a packed hash.' },
  { name: 'hll-sparse-max-bytes', type: 'memory', default: '3000', min: '0', max: '9223372036854775807', unsigned: true, status: 'supported', summary: 'Bytes up to which a HyperLogLog stays sparse.' },
  { name: 'http-bind', type: 'addresses', default: '127.0.0.1 -::1', multi: true, immutable: true, hidden: true, status: 'supported', summary: 'Addresses of the HTTP gateway; a leading dash makes one optional.', outsideEngine: true },
  { name: 'http-headers-timeout', type: 'int', default: '10000', min: '1', max: '3600000', immutable: true, hidden: true, status: 'supported', summary: 'Milliseconds from the first byte of a request to the end of its headers.', outsideEngine: true },
  { name: 'http-keepalive-timeout', type: 'int', default: '65000', min: '1', max: '3600000', immutable: true, hidden: true, status: 'supported', summary: 'Milliseconds that a connection may be silent between two requests.', outsideEngine: true },
  { name: 'http-max-body-bytes', type: 'memory', default: '16777216', min: '1024', max: '536870912', immutable: true, hidden: true, status: 'supported', summary: 'Longest body of a request; a longer one is refused before it is read.', outsideEngine: true },
  { name: 'http-max-connections', type: 'int', default: '10000', min: '1', max: '1000000', immutable: true, hidden: true, status: 'supported', summary: 'Connections to an address of the gateway; more are closed at once.', outsideEngine: true },
  { name: 'http-max-reply-bytes', type: 'memory', default: '134217728', min: '1024', max: '268435456', immutable: true, hidden: true, status: 'supported', summary: 'Bytes of replies that one request may ask for.', outsideEngine: true },
  { name: 'http-max-streams', type: 'int', default: '1000', min: '1', max: '1000000', immutable: true, hidden: true, status: 'supported', summary: 'Event streams, and as many WebSockets; more are refused.', outsideEngine: true },
  { name: 'http-port', type: 'int', default: '0', min: '0', max: '65535', immutable: true, hidden: true, status: 'supported', summary: 'TCP port of the HTTP gateway; 0 for no gateway.', outsideEngine: true },
  { name: 'http-request-timeout', type: 'int', default: '30000', min: '1', max: '3600000', immutable: true, hidden: true, status: 'supported', summary: 'Milliseconds from the first byte of a request to the end of its body.', outsideEngine: true },
  { name: 'http-token', type: 'string', default: '', emptyIsUnset: true, immutable: true, hidden: true, sensitive: true, status: 'supported', summary: 'A token that may do everything but administer, of 16 characters or more, or sha256: and its hash.', outsideEngine: true },
  { name: 'http-token-file', type: 'string', default: '', emptyIsUnset: true, immutable: true, hidden: true, status: 'supported', summary: 'File with tokens and what they may do, one a line; relative to dir. Without tokens only programs of this machine are answered.', outsideEngine: true },
  { name: 'hz', type: 'int', default: '10', min: '0', max: '2147483647', clamp: [1, 500], status: 'supported', summary: 'Timer ticks per second.' },
  { name: 'ignore-warnings', type: 'string', default: '', status: 'supported', summary: 'Start-up warnings that shall not stop the server.' },
  { name: 'io-threads', type: 'int', default: '1', min: '1', max: '128', immutable: true, status: 'supported', summary: 'Threads that read, execute and reply.' },
  { name: 'io-threads-do-reads', type: 'bool', default: 'no', immutable: true, status: 'accepted', summary: 'Let I/O threads read and parse, not only write; here they always do.' },
  { name: 'jemalloc-bg-thread', type: 'bool', default: 'yes', status: 'accepted', summary: 'Let the allocator return memory from a thread of its own.' },
  { name: 'key-load-delay', type: 'int', default: '0', min: '-2147483648', max: '2147483647', hidden: true, status: 'accepted', summary: 'Microseconds to sleep per loaded key (tests).' },
  { name: 'latency-monitor-threshold', type: 'int', default: '0', min: '0', max: '9223372036854775807', status: 'supported', summary: 'Milliseconds from which latency events are recorded; 0 for none.' },
  { name: 'latency-tracking', type: 'bool', default: 'yes', status: 'supported', summary: 'Record a latency histogram per command.' },
  { name: 'latency-tracking-info-percentiles', type: 'percentiles', default: '50 99 99.9', multi: true, status: 'supported', summary: 'Percentiles that INFO latencystats shows.' },
  { name: 'lazyfree-lazy-eviction', type: 'bool', default: 'no', status: 'supported', summary: 'Free evicted values in the background.' },
  { name: 'lazyfree-lazy-expire', type: 'bool', default: 'no', status: 'supported', summary: 'Free expired values in the background.' },
  { name: 'lazyfree-lazy-server-del', type: 'bool', default: 'no', status: 'supported', summary: 'Free values that a command overwrites in the background.' },
  { name: 'lazyfree-lazy-user-del', type: 'bool', default: 'no', status: 'supported', summary: 'Let DEL behave as UNLINK.' },
  { name: 'lazyfree-lazy-user-flush', type: 'bool', default: 'no', status: 'supported', summary: 'Let FLUSHDB and FLUSHALL be asynchronous unless told otherwise.' },
  { name: 'lfu-decay-time', type: 'int', default: '1', min: '0', max: '2147483647', status: 'supported', summary: 'Minutes after which an LFU counter is decremented.' },
  { name: 'lfu-log-factor', type: 'int', default: '10', min: '0', max: '2147483647', status: 'supported', summary: 'How slowly LFU counters saturate.' },
  { name: 'list-compress-depth', type: 'int', default: '0', min: '0', max: '2147483647', status: 'accepted', summary: 'List nodes at each end that stay uncompressed; 0 for no compression. Nodes are never compressed here.' },
  { name: 'list-max-listpack-size', alias: 'list-max-ziplist-size', type: 'int', default: '-2', min: '-2147483648', max: '2147483647', status: 'supported', summary: 'Size of a list node: entries if positive, -1 to -5 for 4 kB to 64 kB.' },
  { name: 'loading-process-events-interval-bytes', type: 'int', default: '2097152', min: '1024', max: '2147483647', hidden: true, status: 'accepted', summary: 'Bytes loaded between two looks at the clients.' },
  { name: 'logfile', type: 'string', default: '', immutable: true, status: 'supported', summary: 'File for log lines; empty for standard output.' },
  { name: 'loglevel', type: 'enum', default: 'notice', values: { debug: 0, verbose: 1, notice: 2, warning: 3 }, status: 'supported', summary: 'Least important level that is logged.' },
  { name: 'masterauth', type: 'string', default: '', binary: true, emptyIsUnset: true, sensitive: true, status: 'supported', summary: 'Password a replica authenticates with.' },
  { name: 'masteruser', type: 'string', default: '', emptyIsUnset: true, sensitive: true, status: 'supported', summary: 'User name a replica authenticates with.' },
  { name: 'maxclients', type: 'int', default: '10000', min: '1', max: '4294967295', unsigned: true, status: 'supported', summary: 'Most connected clients.' },
  { name: 'maxmemory', type: 'memory', default: '0', min: '0', max: '18446744073709551615', unsigned: true, status: 'supported', summary: 'Memory limit; 0 for none.' },
  { name: 'maxmemory-clients', type: 'memory-or-percent', default: '0', min: '-100', max: '9223372036854775807', status: 'supported', summary: 'Memory all clients together may use; bytes or a percentage of maxmemory, 0 for no limit.' },
  { name: 'maxmemory-eviction-tenacity', type: 'int', default: '10', min: '0', max: '100', status: 'supported', summary: 'How long one eviction round may take, 0 to 100.' },
  { name: 'maxmemory-policy', type: 'enum', default: 'noeviction', values: { 'volatile-lru': 0, 'volatile-lfu': 1, 'volatile-random': 2, 'volatile-ttl': 3, 'allkeys-lru': 4, 'allkeys-lfu': 5, 'allkeys-random': 6, noeviction: 7 }, status: 'supported', summary: 'Which keys go when maxmemory is reached.' },
  { name: 'maxmemory-samples', type: 'int', default: '5', min: '1', max: '2147483647', status: 'supported', summary: 'Keys sampled for one eviction.' },
  { name: 'min-replicas-max-lag', alias: 'min-slaves-max-lag', type: 'int', default: '10', min: '0', max: '2147483647', status: 'supported', summary: 'Seconds of lag up to which a replica counts.' },
  { name: 'min-replicas-to-write', alias: 'min-slaves-to-write', type: 'int', default: '0', min: '0', max: '2147483647', status: 'supported', summary: 'Connected replicas below which writes are refused; 0 for no limit.' },
  { name: 'mysql-source', type: 'string', default: '', emptyIsUnset: true, immutable: true, hidden: true, status: 'supported', summary: 'File with a MySQL or MariaDB to follow and the mapping of its tables to keys; relative to dir.', outsideEngine: true },
  { name: 'no-appendfsync-on-rewrite', type: 'bool', default: 'no', status: 'accepted', summary: 'Do not fsync the AOF while a rewrite runs.' },
  { name: 'notify-keyspace-events', type: 'event-classes', default: '', status: 'supported', summary: 'Classes of keyspace events to publish; empty for none.' },
  { name: 'oom-score-adj', type: 'enum', default: 'no', values: { no: 0, yes: 1, relative: 1, absolute: 2 }, status: 'accepted', summary: 'Adjust the kernel\'s out-of-memory score of the process.' },
  { name: 'oom-score-adj-values', type: 'oom-values', default: '0 200 800', multi: true, status: 'accepted', summary: 'Score of a primary, a replica and a background child.' },
  { name: 'pidfile', type: 'string', default: '', emptyIsUnset: true, immutable: true, status: 'supported', summary: 'File that holds the process id while the server runs.' },
  { name: 'port', type: 'int', default: '6379', min: '0', max: '65535', status: 'supported', summary: 'TCP port; 0 for none.' },
  { name: 'proc-title-template', type: 'string', default: '{title} {listen-addr} {server-mode}', check: 'title-template', status: 'supported', summary: 'Process title, with variables in braces.' },
  { name: 'propagation-error-behavior', type: 'enum', default: 'ignore', values: { ignore: 0, panic: 1, 'panic-on-replicas': 2 }, status: 'accepted', summary: 'What to do when a replicated command fails.' },
  { name: 'protected-mode', type: 'bool', default: 'yes', status: 'supported', summary: 'Without password and explicit bind, answer loopback clients only.' },
  { name: 'proto-inline-max-size', type: 'memory', default: '65536', min: '1024', max: '1073741824', hidden: true, status: 'supported', summary: 'Longest inline request, and longest header line of a request.' },
  { name: 'proto-max-bulk-len', type: 'memory', default: '536870912', min: '1048576', max: '9223372036854775807', status: 'supported', summary: 'Longest string in a request, and longest value.' },
  { name: 'proto-max-multibulk-len', type: 'int', default: '1048576', min: '1024', max: '2147483647', status: 'supported', summary: 'Most arguments of one request. Redis has no such directive and takes 2147483647.' },
  { name: 'rdb-del-sync-files', type: 'bool', default: 'no', status: 'accepted', summary: 'Delete RDB files made only for a full resync once they are used.' },
  { name: 'rdb-key-save-delay', type: 'int', default: '0', min: '-2147483648', max: '2147483647', hidden: true, status: 'supported', summary: 'Microseconds to sleep per saved key (tests).' },
  { name: 'rdb-save-incremental-fsync', type: 'bool', default: 'yes', status: 'accepted', summary: 'Sync an RDB file in steps while it is written.' },
  { name: 'rdbchecksum', type: 'bool', default: 'yes', immutable: true, status: 'supported', summary: 'Append and verify a CRC64 at the end of RDB files.' },
  { name: 'rdbcompression', type: 'bool', default: 'yes', status: 'supported', summary: 'Compress strings in RDB files with LZF.' },
  { name: 'repl-ack', type: 'enum', default: 'async', values: { async: 0, semisync: 1, quorum: 2 }, status: 'supported', summary: 'What the reply to a write promises about replicas: nothing, that repl-semi-sync-acks of them have it, or, in a cluster, that a majority of the shard\'s copies has fsynced it and every later primary has it.' },
  { name: 'repl-backlog-size', type: 'memory', default: '1048576', min: '1', max: '9223372036854775807', status: 'supported', summary: 'Bytes of the replication backlog.' },
  { name: 'repl-backlog-ttl', type: 'int', default: '3600', min: '0', max: '9223372036854775807', status: 'supported', summary: 'Seconds the backlog outlives the last replica; 0 for ever.' },
  { name: 'repl-disable-tcp-nodelay', type: 'bool', default: 'no', status: 'accepted', summary: 'Let the kernel batch small packets to replicas.' },
  { name: 'repl-diskless-load', type: 'enum', default: 'disabled', values: { disabled: 0, 'on-empty-db': 1, swapdb: 2 }, denyWhileLoading: true, status: 'accepted', summary: 'Load a full resync straight from the socket; here it always is, into databases that take the place of the old ones when all is there.' },
  { name: 'repl-diskless-sync', type: 'bool', default: 'yes', status: 'supported', summary: 'Send the full-resync snapshot straight to the socket.' },
  { name: 'repl-diskless-sync-delay', type: 'int', default: '5', min: '0', max: '2147483647', status: 'supported', summary: 'Seconds to wait for more replicas before a diskless resync.' },
  { name: 'repl-diskless-sync-max-replicas', type: 'int', default: '0', min: '0', max: '2147483647', status: 'supported', summary: 'Replicas that start a diskless resync at once; 0 for waiting out the delay.' },
  { name: 'repl-ping-replica-period', alias: 'repl-ping-slave-period', type: 'int', default: '10', min: '1', max: '2147483647', status: 'supported', summary: 'Seconds between pings to replicas.' },
  { name: 'repl-semi-sync', type: 'bool', default: 'no', status: 'supported', summary: 'MySQL\'s word for the same: yes means repl-ack semisync.' },
  { name: 'repl-semi-sync-ack-on', type: 'enum', default: 'received', values: { received: 0, durable: 1 }, status: 'supported', summary: 'Whether an acknowledgement means that a replica has applied the write, or that it has fsynced it; only replicas that say so count for durable.' },
  { name: 'repl-semi-sync-acks', type: 'int', default: '1', min: '1', max: '65535', status: 'supported', summary: 'How many replicas must acknowledge a write before its reply leaves.' },
  { name: 'repl-semi-sync-dual-channel', type: 'bool', default: 'yes', status: 'supported', summary: 'While a replica of ours lags, send it new writes by a second connection; it acknowledges them from a relay on its disk before it has caught up. Read by both sides when they connect; not with repl-semi-sync-strict.' },
  { name: 'repl-semi-sync-relay-max-size', type: 'memory', default: '4294967296', min: '1048576', max: '9223372036854775807', status: 'supported', summary: 'Bytes of relays that a replica keeps on its disk; beyond it new writes wait for it to catch up.' },
  { name: 'repl-semi-sync-strict', type: 'bool', default: 'no', status: 'supported', summary: 'Never answer without the acknowledgements: without enough replicas writes are refused.' },
  { name: 'repl-semi-sync-timeout', type: 'int', default: '10000', min: '1', max: '4294967295', status: 'supported', summary: 'Milliseconds after which a waiting write makes replication asynchronous until replicas have caught up; not with repl-semi-sync-strict.' },
  { name: 'repl-timeout', type: 'int', default: '60', min: '1', max: '2147483647', status: 'supported', summary: 'Seconds of silence after which a replication link is cut.' },
  { name: 'replica-announce-ip', alias: 'slave-announce-ip', type: 'string', default: '', emptyIsUnset: true, status: 'supported', summary: 'Address a replica reports to its primary.' },
  { name: 'replica-announce-port', alias: 'slave-announce-port', type: 'int', default: '0', min: '0', max: '65535', status: 'supported', summary: 'Port a replica reports to its primary.' },
  { name: 'replica-announced', type: 'bool', default: 'yes', status: 'supported', summary: 'Show this replica to Sentinel.' },
  { name: 'replica-ignore-disk-write-errors', type: 'bool', default: 'no', status: 'accepted', summary: 'Keep a replica running when it cannot write to disk.' },
  { name: 'replica-ignore-maxmemory', alias: 'slave-ignore-maxmemory', type: 'bool', default: 'yes', status: 'supported', summary: 'Leave eviction to the primary.' },
  { name: 'replica-lazy-flush', alias: 'slave-lazy-flush', type: 'bool', default: 'no', status: 'accepted', summary: 'Drop the old data set of a resyncing replica in the background; here it always is.' },
  { name: 'replica-priority', alias: 'slave-priority', type: 'int', default: '100', min: '0', max: '2147483647', status: 'supported', summary: 'Preference of this replica in a Sentinel failover; 0 for never.' },
  { name: 'replica-read-only', alias: 'slave-read-only', type: 'bool', default: 'yes', status: 'supported', summary: 'Refuse writes from clients of a replica.' },
  { name: 'replica-serve-stale-data', alias: 'slave-serve-stale-data', type: 'bool', default: 'yes', status: 'supported', summary: 'Answer reads while the link to the primary is down.' },
  { name: 'replicaof', alias: 'slaveof', type: 'primary', default: '', immutable: true, multi: true, status: 'supported', summary: 'Primary to replicate from: host and port.' },
  { name: 'requirepass', type: 'string', default: '', binary: true, emptyIsUnset: true, sensitive: true, status: 'supported', summary: 'Password of the default user; empty for none.' },
  { name: 'sanitize-dump-payload', type: 'enum', default: 'no', values: { no: 0, yes: 1, clients: 2 }, status: 'accepted', summary: 'Check RDB and RESTORE payloads in depth.' },
  { name: 'save', type: 'save', default: '3600 1 300 100 60 10000', multi: true, status: 'supported', quietValues: [''], summary: 'Take a snapshot after so many seconds with so many changes; empty for never.' },
  { name: 'server_cpulist', type: 'string', default: '', emptyIsUnset: true, immutable: true, status: 'accepted', summary: 'CPUs of the threads that serve clients.' },
  { name: 'set-max-intset-entries', type: 'int', default: '512', min: '0', max: '9223372036854775807', unsigned: true, status: 'supported', summary: 'Members up to which a set of integers is packed.' },
  { name: 'set-proc-title', type: 'bool', default: 'yes', immutable: true, status: 'supported', summary: 'Set the process title from proc-title-template.' },
  { name: 'shutdown-on-sigint', type: 'enum', default: 'default', values: { default: 0, save: 1, nosave: 2, now: 4, force: 8 }, check: 'shutdown-flags', multi: true, status: 'supported', summary: 'How SIGINT ends the server.' },
  { name: 'shutdown-on-sigterm', type: 'enum', default: 'default', values: { default: 0, save: 1, nosave: 2, now: 4, force: 8 }, check: 'shutdown-flags', multi: true, status: 'supported', summary: 'How SIGTERM ends the server.' },
  { name: 'shutdown-timeout', type: 'int', default: '10', min: '0', max: '2147483647', status: 'accepted', summary: 'Seconds a shutdown waits for replicas.' },
  { name: 'slotwise-glob-max-steps', type: 'int', default: '1000000', min: '1000', max: '2147483647', status: 'supported', summary: 'Comparisons one pattern match may cost before it counts as no match.' },
  { name: 'slotwise-multi-queue-limit', type: 'memory', default: '67108864', min: '1024', max: '9223372036854775807', status: 'supported', summary: 'Bytes one client may queue between MULTI and EXEC.' },
  { name: 'slotwise-subscriptions-max', type: 'int', default: '10000', min: '1', max: '2147483647', status: 'supported', summary: 'Channels and patterns one client may subscribe to.' },
  { name: 'slotwise-watched-keys-max', type: 'int', default: '10000', min: '1', max: '2147483647', status: 'supported', summary: 'Keys one client may WATCH.' },
  { name: 'slowlog-log-slower-than', type: 'int', default: '10000', min: '-1', max: '9223372036854775807', status: 'supported', summary: 'Microseconds from which a command is slow; negative for none.' },
  { name: 'slowlog-max-len', type: 'int', default: '128', min: '0', max: '9223372036854775807', status: 'supported', summary: 'Entries the slow log keeps.' },
  { name: 'socket-mark-id', type: 'int', default: '0', min: '0', max: '4294967295', unsigned: true, immutable: true, status: 'accepted', summary: 'Mark on listening sockets, for packet filters.' },
  { name: 'standby', type: 'enum', default: 'no', values: { no: 0, yes: 1, force: 2 }, immutable: true, hidden: true, status: 'supported', summary: 'With appendonly, while another process has the data directory: refuse to start, wait until it lets go or dies, or take the directory from it.' },
  { name: 'stop-writes-on-bgsave-error', type: 'bool', default: 'yes', status: 'supported', summary: 'Refuse writes while the last snapshot failed.' },
  { name: 'stream-node-max-bytes', type: 'memory', default: '4096', min: '0', max: '9223372036854775807', unsigned: true, status: 'accepted', summary: 'Bytes of a stream node; 0 for no limit.' },
  { name: 'stream-node-max-entries', type: 'int', default: '100', min: '0', max: '9223372036854775807', status: 'accepted', summary: 'Entries of a stream node; 0 for no limit.' },
  { name: 'supervised', type: 'enum', default: 'no', values: { upstart: 0, systemd: 1, auto: 2, no: 3 }, immutable: true, status: 'supported', summary: 'Report readiness to a supervisor.' },
  { name: 'syslog-enabled', type: 'bool', default: 'no', immutable: true, status: 'accepted', summary: 'Send log lines to syslog.' },
  { name: 'syslog-facility', type: 'enum', default: 'local0', values: { user: 0, 'local0': 1, 'local1': 2, 'local2': 3, 'local3': 4, 'local4': 5, 'local5': 6, 'local6': 7, 'local7': 8 }, immutable: true, status: 'accepted', summary: 'Syslog facility.' },
  { name: 'syslog-ident', type: 'string', default: 'redis', immutable: true, status: 'accepted', summary: 'Name in syslog lines.' },
  { name: 'tcp-backlog', type: 'int', default: '511', min: '0', max: '2147483647', immutable: true, status: 'supported', summary: 'Length of the listen queue.' },
  { name: 'tcp-keepalive', type: 'int', default: '300', min: '0', max: '2147483647', status: 'supported', summary: 'Seconds between TCP keepalive probes; 0 for none.' },
  { name: 'timeout', type: 'int', default: '0', min: '0', max: '2147483647', status: 'supported', summary: 'Close a client idle for this many seconds; 0 for never.' },
  { name: 'tls-auth-clients', type: 'enum', default: 'yes', values: { no: 0, yes: 1, optional: 2 }, status: 'accepted', summary: 'Whether TLS clients need a certificate.' },
  { name: 'tls-ca-cert-dir', type: 'string', default: '', emptyIsUnset: true, alwaysApply: true, status: 'accepted', summary: 'Directory of trusted certificates.' },
  { name: 'tls-ca-cert-file', type: 'string', default: '', emptyIsUnset: true, alwaysApply: true, status: 'accepted', summary: 'Bundle of trusted certificates.' },
  { name: 'tls-cert-file', type: 'string', default: '', emptyIsUnset: true, alwaysApply: true, status: 'accepted', summary: 'Server certificate.' },
  { name: 'tls-ciphers', type: 'string', default: '', emptyIsUnset: true, status: 'accepted', summary: 'Allowed ciphers up to TLS 1.2.' },
  { name: 'tls-ciphersuites', type: 'string', default: '', emptyIsUnset: true, status: 'accepted', summary: 'Allowed ciphers of TLS 1.3.' },
  { name: 'tls-client-cert-file', type: 'string', default: '', emptyIsUnset: true, alwaysApply: true, status: 'accepted', summary: 'Certificate for outgoing connections.' },
  { name: 'tls-client-key-file', type: 'string', default: '', emptyIsUnset: true, alwaysApply: true, status: 'accepted', summary: 'Key for outgoing connections.' },
  { name: 'tls-client-key-file-pass', type: 'string', default: '', emptyIsUnset: true, status: 'accepted', summary: 'Passphrase of the key for outgoing connections.' },
  { name: 'tls-cluster', type: 'bool', default: 'no', status: 'accepted', summary: 'Use TLS on the cluster bus.' },
  { name: 'tls-dh-params-file', type: 'string', default: '', emptyIsUnset: true, alwaysApply: true, status: 'accepted', summary: 'Diffie-Hellman parameters.' },
  { name: 'tls-key-file', type: 'string', default: '', emptyIsUnset: true, alwaysApply: true, status: 'accepted', summary: 'Key of the server certificate.' },
  { name: 'tls-key-file-pass', type: 'string', default: '', emptyIsUnset: true, status: 'accepted', summary: 'Passphrase of the server key.' },
  { name: 'tls-port', type: 'int', default: '0', min: '0', max: '65535', status: 'accepted', summary: 'TCP port for TLS; 0 for none.' },
  { name: 'tls-prefer-server-ciphers', type: 'bool', default: 'no', status: 'accepted', summary: 'Let the server choose the cipher.' },
  { name: 'tls-protocols', type: 'string', default: '', emptyIsUnset: true, status: 'accepted', summary: 'Allowed TLS versions.' },
  { name: 'tls-replication', type: 'bool', default: 'no', status: 'accepted', summary: 'Use TLS to the primary.' },
  { name: 'tls-session-cache-size', type: 'int', default: '20480', min: '0', max: '2147483647', status: 'accepted', summary: 'TLS sessions kept for resumption.' },
  { name: 'tls-session-cache-timeout', type: 'int', default: '300', min: '0', max: '2147483647', status: 'accepted', summary: 'Seconds a TLS session may be resumed.' },
  { name: 'tls-session-caching', type: 'bool', default: 'yes', status: 'accepted', summary: 'Allow TLS session resumption.' },
  { name: 'tracking-table-max-keys', type: 'int', default: '1000000', min: '0', max: '9223372036854775807', unsigned: true, status: 'accepted', summary: 'Keys remembered for client-side caching; 0 for no limit.' },
  { name: 'unixsocket', type: 'string', default: '', emptyIsUnset: true, immutable: true, status: 'supported', summary: 'Path of the Unix socket to listen on; empty for none.' },
  { name: 'unixsocketperm', type: 'octal', default: '0', min: '0', max: '511', unsigned: true, immutable: true, status: 'supported', summary: 'Permission bits of the Unix socket, octal; 0 leaves the umask\'s.' },
  { name: 'use-exit-on-panic', type: 'bool', default: 'no', hidden: true, status: 'accepted', summary: 'Exit instead of aborting on a panic (tests).' },
  { name: 'watchdog-period', type: 'int', default: '0', min: '0', max: '2147483647', hidden: true, status: 'accepted', summary: 'Milliseconds of the software watchdog (debugging).' },
  { name: 'zset-max-listpack-entries', alias: 'zset-max-ziplist-entries', type: 'int', default: '128', min: '0', max: '9223372036854775807', unsigned: true, status: 'supported', summary: 'Members up to which a sorted set is one packed allocation.' },
  { name: 'zset-max-listpack-value', alias: 'zset-max-ziplist-value', type: 'memory', default: '64', min: '0', max: '9223372036854775807', unsigned: true, status: 'supported', summary: 'Longest member of a packed sorted set.' },
]

/** Words of configuration files that CONFIG GET and SET do not know. */
export const fileWords: readonly FileWordSpec[] = [
  { name: 'include', minArgs: 1, maxArgs: 1, status: 'supported', summary: 'Read another file here; a glob that matches nothing is skipped.' },
  { name: 'loadmodule', minArgs: 1, status: 'accepted', summary: 'Load a Redis module; there is no module API here.' },
  { name: 'rename-command', minArgs: 2, maxArgs: 2, status: 'supported', summary: 'Give a command another name, or with an empty name take it away.' },
  { name: 'sentinel', minArgs: 0, status: 'accepted', summary: 'Sentinel mode only: refused outside it.' },
  { name: 'user', minArgs: 1, status: 'supported', summary: 'Declare an ACL user: its name and rules, as in ACL SETUSER. Not together with aclfile.' },
]

/** Words of older versions: read and dropped. */
export const ignoredWords: readonly FileWordSpec[] = [
  { name: 'gopher-enabled', minArgs: 1, maxArgs: 1, redis: '6.2', summary: 'Gopher protocol, gone since 7.0.' },
  { name: 'list-max-ziplist-entries', minArgs: 1, maxArgs: 1, redis: '7.0', summary: 'Replaced by list-max-listpack-size.' },
  { name: 'list-max-ziplist-value', minArgs: 1, maxArgs: 1, redis: '7.0', summary: 'Replaced by list-max-listpack-size.' },
  { name: 'lua-replicate-commands', minArgs: 1, maxArgs: 1, redis: '7.0', summary: 'Scripts always replicate their effects.' },
]
