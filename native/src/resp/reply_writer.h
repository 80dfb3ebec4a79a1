// Writes replies in RESP2 or RESP3, into an OutBuffer. What RESP2 lacks is written as Redis writes it there: a map as a
// flat array, a set as an array, a double as a bulk string, a boolean as 0 or 1, a null as $-1 or *-1.
// Source: Redis protocol specification, RESP2 and RESP3.
#pragma once
#include <cstdint>
#include <string_view>

#include "resp/out_buffer.h"

namespace slotwise {

class ReplyWriter {
 public:
  ReplyWriter(OutBuffer& out, int protocol) : out_(out), protocol_(protocol) {}
  int protocol() const { return protocol_; }
  void set_protocol(int p) { protocol_ = p; }
  OutBuffer& buffer() { return out_; }

  void Ok() { out_.Append("+OK\r\n"); }
  void Simple(std::string_view text);
  // `message` begins with its code: "ERR syntax error", "WRONGTYPE ...". Line breaks become spaces, so that text which
  // came from a client cannot forge a second reply.
  void Error(std::string_view message);
  void Integer(std::int64_t v);
  void Bulk(std::string_view bytes);
  // As Bulk, by reference when that is cheaper than copying.
  void BulkBlob(Blob* blob);
  void Null();        // $-1 | _
  void NullArray();   // *-1 | _
  void Array(std::int64_t n) { Header('*', n); }
  void Map(std::int64_t pairs) { protocol_ == 3 ? Header('%', pairs) : Header('*', pairs * 2); }
  void Set(std::int64_t n) { Header(protocol_ == 3 ? '~' : '*', n); }
  void Push(std::int64_t n) { Header(protocol_ == 3 ? '>' : '*', n); }
  void Double(double v);
  void Bool(bool v);
  void Verbatim(std::string_view bytes, std::string_view extension = "txt");
  void BulkInteger(std::int64_t v);  // the integer as a bulk string
  // Something encoded already.
  void Raw(std::string_view resp) { out_.Append(resp); }

  bool failed() const { return errors_ > 0; }
  int errors() const { return errors_; }
  // The code of the last error ("ERR", "WRONGTYPE"), for error statistics.
  std::string_view last_error_code() const { return {code_, code_size_}; }

 private:
  void Header(char kind, std::int64_t n);
  OutBuffer& out_;
  int protocol_;
  int errors_ = 0;
  char code_[32];
  std::uint8_t code_size_ = 0;
};

}  // namespace slotwise
