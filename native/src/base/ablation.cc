#include "base/ablation.h"

#include <cstdlib>
#include <string_view>

namespace slotwise {

const Ablation& Ablated() {
  static const Ablation ablation = [] {
    Ablation a;
    const char* text = std::getenv("SLOTWISE_ABLATE");
    std::string_view names = text == nullptr ? "" : text;
    a.prefetch = names.find("prefetch") != std::string_view::npos;
    a.turns = names.find("turns") != std::string_view::npos;
    a.hugepages = names.find("hugepages") != std::string_view::npos;
    a.hashbits = names.find("hashbits") != std::string_view::npos;
    a.wire = names.find("wire") != std::string_view::npos;
    a.journal = names.find("journal") != std::string_view::npos;
    a.crc64 = names.find("crc64") != std::string_view::npos;
    a.sizehint = names.find("sizehint") != std::string_view::npos;
    a.batching = names.find("batching") != std::string_view::npos;
    return a;
  }();
  return ablation;
}

}  // namespace slotwise
