// LZF, the compression of long strings in RDB files. Output need not be the same bytes as another compressor's.
// Source: the RDB format: literals of 1 to 32 bytes, back references of 3 to 264 bytes within 8 KiB.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace slotwise {

// Compresses `bytes` and appends the result to `out` if it takes at most `limit` bytes; otherwise leaves `out` as it was
// and returns 0. Returns the compressed size. One pass, 64 KiB of table on the stack.
std::size_t LzfCompress(std::string_view bytes, std::size_t limit, std::string& out);
// Decompresses into exactly `size` bytes at `out`. False for anything that is not a stream of just that size: a reference
// before the start, a short input, bytes left over.
bool LzfDecompress(std::string_view bytes, char* out, std::size_t size);

}  // namespace slotwise
