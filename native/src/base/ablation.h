// Switches that turn single performance tricks off, so that each can be measured: SLOTWISE_ABLATE=prefetch,hugepages.
// Read once at start; for benchmarks only.
#pragma once

namespace slotwise {

struct Ablation {
  bool prefetch = false;    // no prefetching of table, bucket and entry ahead of a batch
  bool hugepages = false;   // slabs on ordinary pages
  bool batching = false;    // every command executed as soon as it is parsed
  bool hashbits = false;    // a table's split hashes the keys again instead of using the bits kept in the bucket
  bool journal = false;     // `always` syncs the segment and its index with each commit
  bool crc64 = false;       // checksums of snapshots by tables, not by carry-less products
  bool sizehint = false;    // a snapshot's number of keys does not size the tables
  bool turns = false;       // I/O threads ask the kernel for no shorter turns than others
  bool wire = false;        // effects are encoded anew, also where the client's own bytes would do
};

const Ablation& Ablated();

}  // namespace slotwise
