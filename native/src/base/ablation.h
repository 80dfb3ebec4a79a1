// Switches that turn single performance tricks off, so that each can be measured: SLOTWISE_ABLATE=prefetch,hugepages.
// Read once at start; for benchmarks only.
#pragma once

namespace slotwise {

struct Ablation {
  bool prefetch = false;    // no prefetching of table, bucket and entry ahead of a batch
  bool hugepages = false;   // slabs on ordinary pages
  bool batching = false;    // every command executed as soon as it is parsed
};

const Ablation& Ablated();

}  // namespace slotwise
