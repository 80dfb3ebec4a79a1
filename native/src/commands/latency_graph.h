// LATENCY GRAPH and LATENCY DOCTOR: what was recorded of slow events, for people. Plain functions of the samples.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "engine/latency_monitor.h"

namespace slotwise {

// The samples as bars of text, with how long ago each was written below, top to bottom.
// Source: the picture that redis-server 7.0 draws.
std::string LatencyGraph(const LatencyMonitor::Event& event, std::int64_t now_seconds);

struct DoctorFacts {
  std::int64_t threshold_ms = 0;
  std::int64_t slowlog_us = 0;   // slowlog-log-slower-than
  bool fsync_always = false;
};
std::string LatencyReport(std::span<const LatencyMonitor::Event> events, const DoctorFacts& facts, std::int64_t now_seconds);

}  // namespace slotwise
