/**
 * An example or more of every command, in an order in which they find data. Prefixes: `~` only the kind of the reply is
 * the same everywhere (times, identities, random choices), `?` a list in no order, `=` a number of seconds that pass.
 */
const lines = `
PING
PING hello
ECHO hello
SELECT 0
SET k v
SET k v2 EX 100 GET
GET k
GETEX k PERSIST
GETSET k 5
SETNX k 6
SETEX k 100 7
PSETEX k 100000 7
INCR k
INCRBY k 10
DECR k
DECRBY k 2
INCRBYFLOAT k 0.5
APPEND k x
STRLEN k
SETRANGE k 1 yy
GETRANGE k 0 2
SUBSTR k 0 1
MSET a ohmytext b mynewtext
MGET a b none
MSETNX a 1 c 2
LCS a b
LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN
GETDEL a
SETBIT bits 7 1
GETBIT bits 7
BITCOUNT bits
BITCOUNT bits 0 -1 BIT
BITPOS bits 1
BITOP NOT notbits bits
BITFIELD bits SET u8 0 255 GET u8 0 OVERFLOW FAIL INCRBY u8 0 1
BITFIELD_RO bits GET u8 0
HSET h f 1 g 2
HSETNX h f 3
HMSET h i x
HGET h f
HMGET h f none
HGETALL h
HKEYS h
HVALS h
HLEN h
HEXISTS h f
HSTRLEN h i
HINCRBY h f 5
HINCRBYFLOAT h f 0.25
HDEL h i
~HRANDFIELD h 2 WITHVALUES
~HRANDFIELD h
HSCAN h 0
RPUSH l a b c d
LPUSH l z
LPUSHX l y
RPUSHX l e
LLEN l
LRANGE l 0 -1
LINDEX l 0
LSET l 0 x
LINSERT l BEFORE b bb
LPOS l b
LPOS l b RANK -1 COUNT 0
LREM l 1 bb
LTRIM l 0 5
LPOP l
RPOP l 2
LMOVE l l2 LEFT RIGHT
RPOPLPUSH l l2
LMPOP 2 none l2 LEFT COUNT 1
BLPOP l2 1
RPUSH l a b c d e f g h
BRPOP l 1
BLMOVE l l2 LEFT RIGHT 1
BRPOPLPUSH l l2 1
BLMPOP 1 2 none l LEFT COUNT 2
BLPOP none 0.01
SADD s a b c
SADD s2 b c d
SCARD s
SISMEMBER s a
SMISMEMBER s a none
?SMEMBERS s
?SINTER s s2
?SUNION s s2
?SDIFF s s2
SINTERCARD 2 s s2 LIMIT 1
SINTERSTORE s3 s s2
SUNIONSTORE s3 s s2
SDIFFSTORE s3 s s2
SMOVE s2 s d
~SRANDMEMBER s 2
SREM s a
SADD one x
SPOP one
~SPOP s 1
SADD ints 1 2 3
SSCAN ints 0
ZADD z 1 a 2 b 3 c
ZADD z XX CH INCR 1.5 a
ZADD z2 10 b 20 c 30 d
ZCARD z
ZSCORE z a
ZMSCORE z a none
ZINCRBY z 0.5 a
ZRANK z b
ZREVRANK z b
ZCOUNT z -inf +inf
ZLEXCOUNT z - +
ZRANGE z 0 -1
ZRANGE z 0 -1 WITHSCORES
ZRANGE z (1 +inf BYSCORE LIMIT 0 2
ZREVRANGE z 0 -1 WITHSCORES
ZRANGEBYSCORE z -inf +inf WITHSCORES
ZREVRANGEBYSCORE z +inf -inf
ZRANGEBYLEX z - +
ZREVRANGEBYLEX z + -
ZRANGESTORE z3 z 0 1
ZUNION 2 z z2 WITHSCORES
ZINTER 2 z z2 WEIGHTS 2 1
ZDIFF 2 z z2
ZINTERCARD 2 z z2
ZUNIONSTORE z3 2 z z2 AGGREGATE MAX
ZINTERSTORE z3 2 z z2
ZDIFFSTORE z3 2 z z2
~ZRANDMEMBER z 2
ZSCAN z 0
ZPOPMIN z
ZPOPMAX z 1
ZMPOP 1 z MIN
ZADD z 1 a 2 b 3 c 4 d 5 e
BZPOPMIN z 1
BZPOPMAX z 1
BZMPOP 1 1 z MIN
BZPOPMIN none 0.01
ZREM z a
ZREMRANGEBYRANK z 0 0
ZREMRANGEBYSCORE z 100 200
ZREMRANGEBYLEX z [x [y
GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
GEODIST Sicily Palermo Catania km
GEOHASH Sicily Palermo
GEOPOS Sicily Palermo none
GEORADIUS Sicily 15 37 200 km WITHDIST ASC
GEORADIUS_RO Sicily 15 37 200 km ASC
GEORADIUSBYMEMBER Sicily Palermo 200 km ASC
GEORADIUSBYMEMBER_RO Sicily Palermo 200 km ASC
GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 200 km ASC
GEOSEARCHSTORE near Sicily FROMMEMBER Palermo BYBOX 400 400 km
RPUSH numbers 3 1 2
SORT numbers
SORT numbers DESC LIMIT 0 2
SORT_RO numbers ALPHA
SORT numbers STORE sorted
DEL sorted none
UNLINK numbers
EXISTS k k none
TYPE k
TOUCH k none
EXPIRE k 100
=TTL k
PEXPIRE k 100000 XX
~PTTL k
EXPIREAT k 4102444800
EXPIRETIME k
PEXPIREAT k 4102444800000
PEXPIRETIME k
PERSIST k
RENAME k k2
RENAMENX k2 k
COPY k k2
MOVE k2 9
OBJECT ENCODING k
OBJECT REFCOUNT k
~OBJECT IDLETIME k
~OBJECT FREQ k
~OBJECT HELP
?KEYS h*
~RANDOMKEY
SCAN 0 MATCH nothing* COUNT 1000
~MEMORY USAGE k
~MEMORY DOCTOR
~MEMORY STATS
~MEMORY MALLOC-STATS
MEMORY PURGE
~MEMORY HELP
DBSIZE
SWAPDB 7 8
WAIT 0 0
MULTI
SET t 1
INCR t
EXEC
MULTI
DISCARD
WATCH t
UNWATCH
PUBLISH news hello
SPUBLISH news hello
PUBSUB CHANNELS
PUBSUB NUMSUB news
PUBSUB NUMPAT
PUBSUB SHARDCHANNELS
PUBSUB SHARDNUMSUB news
~PUBSUB HELP
~TIME
~INFO server
~LASTSAVE
FAILOVER
ROLE
LOLWUT
CONFIG GET maxmemory-samples
CONFIG SET maxmemory-samples 6
CONFIG RESETSTAT
~CONFIG REWRITE
~CONFIG HELP
~COMMAND
~COMMAND COUNT
~COMMAND LIST
COMMAND INFO get
~COMMAND DOCS get
COMMAND GETKEYS SET a b
COMMAND GETKEYSANDFLAGS SET a b
~COMMAND HELP
~CLIENT ID
~CLIENT INFO
~CLIENT LIST
CLIENT GETNAME
CLIENT SETNAME tester
CLIENT GETREDIR
CLIENT NO-EVICT off
CLIENT TRACKING off
~CLIENT TRACKINGINFO
CLIENT UNBLOCK 999999
CLIENT UNPAUSE
CLIENT PAUSE 1 WRITE
CLIENT KILL ID 999999
CLIENT REPLY ON
~CLIENT CACHING YES
~CLIENT HELP
ACL WHOAMI
?ACL USERS
?ACL CAT
?ACL CAT hash
~ACL LIST
~ACL GETUSER default
~ACL GENPASS
ACL SETUSER guest on >secret ~g:* +get
ACL DRYRUN guest GET g:1
ACL DELUSER guest
ACL LOG RESET
~ACL LOG
~ACL LOAD
~ACL SAVE
~ACL HELP
SLOWLOG RESET
SLOWLOG LEN
SLOWLOG GET
~SLOWLOG HELP
LATENCY RESET
LATENCY LATEST
LATENCY HISTORY command
~LATENCY HISTOGRAM get
~LATENCY GRAPH command
~LATENCY DOCTOR
~LATENCY HELP
~DEBUG OBJECT k
~DEBUG HELP
~DEBUG SET-ACTIVE-EXPIRE 1
~ASKING
~READONLY
~READWRITE
~CLUSTER HELP
REPLICAOF NO ONE
SLAVEOF NO ONE
MODULE LIST
~MODULE HELP
FLUSHDB
FLUSHALL
PFADD hll a b c
PFCOUNT hll
PFMERGE hll2 hll
PFDEBUG ENCODING hll
PFSELFTEST
~DUMP k
MIGRATE 127.0.0.1 1 none 0 100
MIGRATE 127.0.0.1 1 none 0 100 COPY REPLACE AUTH2 a b
SAVE
~BGSAVE
ASKING
READONLY
READWRITE
CLUSTER HELP
CLUSTER INFO
CLUSTER MYID
CLUSTER NODES
CLUSTER SLOTS
CLUSTER SHARDS
CLUSTER LINKS
CLUSTER KEYSLOT k
CLUSTER COUNTKEYSINSLOT 1
CLUSTER GETKEYSINSLOT 1 1
CLUSTER REPLICAS x
CLUSTER SLAVES x
CLUSTER COUNT-FAILURE-REPORTS x
CLUSTER MEET 127.0.0.1 1
CLUSTER FORGET x
CLUSTER REPLICATE x
CLUSTER ADDSLOTS 1
CLUSTER ADDSLOTSRANGE 1 2
CLUSTER DELSLOTS 1
CLUSTER DELSLOTSRANGE 1 2
CLUSTER FLUSHSLOTS
CLUSTER SETSLOT 1 STABLE
CLUSTER SET-CONFIG-EPOCH 1
CLUSTER BUMPEPOCH
CLUSTER FAILOVER
CLUSTER RESET
CLUSTER SAVECONFIG
`

/** They change what the connection is, or end it or the server: clients.test.ts and the process tests are theirs. */
export const elsewhere = ['auth', 'hello', 'quit', 'reset', 'subscribe', 'psubscribe', 'ssubscribe', 'unsubscribe', 'punsubscribe', 'sunsubscribe', 'monitor', 'shutdown', 'restore', 'restore-asking', 'sync', 'psync', 'replconf', 'bgrewriteaof',
  // Ours: reads-from-replicas.test.ts.
  'slotwise.position', 'slotwise.staleness', 'slotwise.waitfor',
  // Ours: cluster-migrate.test.ts.
  'cluster|migrate', 'slotwise.apply', 'slotwise.export', 'slotwise.import',
  // Ours: binlog.test.ts.
  'binlog', 'binlog|ack', 'binlog|consumers', 'binlog|events', 'binlog|files', 'binlog|forget', 'binlog|help', 'binlog|purge', 'binlog|read',
  'binlog|retain', 'binlog|status', 'follow', 'follower', 'stop',
  // Ours: mysql-source.test.ts.
  'mysqlsource']

export interface Example {
  /** The line, for a failure. */
  readonly text: string
  readonly args: readonly [string, ...string[]]
  readonly compare: 'exact' | 'kind' | 'unordered' | 'seconds'
}

const comparisons: Partial<Record<string, Example['compare']>> = { '~': 'kind', '?': 'unordered', '=': 'seconds' }

export const examples: readonly Example[] = lines.trim().split('\n').map((line) => {
  const compare = comparisons[line[0]!]
  const text = compare === undefined ? line : line.slice(1)
  return { text, args: text.split(' ') as [string, ...string[]], compare: compare ?? 'exact' }
})
