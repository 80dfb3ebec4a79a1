// The RESP and inline parser: input cut at arbitrary places gives the same commands and the same error as the whole, no
// argument lies outside of the input, and nothing is allocated on a length's word.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "resp/parser.h"

namespace {

struct Outcome {
  std::vector<std::vector<std::string>> commands;
  std::string error;
  std::size_t consumed = 0;
};

Outcome Run(std::string_view input, std::uint64_t cuts, const slotwise::ParserLimits& limits) {
  slotwise::RespParser parser;
  Outcome o;
  std::vector<std::string_view> args;
  std::size_t at = 0;
  std::size_t end = cuts == 0 ? input.size() : 0;
  for (;;) {
    if (cuts != 0) {
      cuts = cuts * 6364136223846793005ull + 1442695040888963407ull;
      end += 1 + (cuts >> 33) % 9;
      if (end > input.size()) end = input.size();
    }
    while (at < end && o.error.empty()) {
      std::size_t taken = 0;
      // A fresh copy each time, so that a view kept from an earlier call is a use after free.
      std::vector<char> copy(input.begin() + static_cast<std::ptrdiff_t>(at), input.begin() + static_cast<std::ptrdiff_t>(end));
      args.clear();
      auto result = parser.Next({copy.data(), copy.size()}, limits, args, &taken);
      if (result == slotwise::RespParser::Result::kIncomplete) break;
      if (result == slotwise::RespParser::Result::kError) {
        o.error = parser.error();
        break;
      }
      if (taken == 0 || taken > copy.size()) std::abort();
      if (!args.empty()) o.commands.emplace_back(args.begin(), args.end());
      parser.Recycle();
      at += taken;
    }
    if (!o.error.empty() || end == input.size()) break;
  }
  o.consumed = at;
  return o;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  slotwise::ParserLimits limits;
  limits.authenticated = data[0] & 1;
  limits.max_inline = data[0] & 2 ? 64 : 64 * 1024;
  std::uint64_t cuts = data[1] + 1;
  std::string_view input(reinterpret_cast<const char*>(data + 2), size - 2);
  Outcome whole = Run(input, 0, limits);
  Outcome cut = Run(input, cuts, limits);
  // An over-long line may be refused before its end is seen: the commands before it must be the same.
  if (whole.error == cut.error || cut.error.find("too big") == std::string::npos) {
    if (whole.error != cut.error || whole.consumed != cut.consumed) std::abort();
  }
  if (whole.commands != cut.commands) std::abort();
  return 0;
}
