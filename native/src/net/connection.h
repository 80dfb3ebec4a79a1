// One client connection: its socket, what has arrived and is not parsed, what has been answered and is not sent.
// Owned by one I/O thread; other threads reach it through its sink only.
#pragma once
#include <sys/epoll.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/client.h"
#include "keyspace/allocator.h"
#include "log/log_reader.h"
#include "resp/out_buffer.h"
#include "resp/parser.h"

namespace slotwise {

class IoThread;

class Connection {
 public:
  Connection(int fd, std::uint64_t id) : fd(fd) { client.id = id; client.fd = fd; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { DropInput(); }

  int fd;
  Client client;
  RespParser parser;
  OutBuffer out;

  // Unparsed input that outlived its turn: [begin, size) of `input`. Empty for an idle connection.
  std::unique_ptr<char[]> input;
  std::size_t input_begin = 0;
  std::size_t input_size = 0;
  std::size_t input_capacity = 0;
  // Takes the place of the buffer; its bytes count as used memory.
  void SetInput(std::unique_ptr<char[]> buffer, std::size_t capacity) {
    AccountMemory(static_cast<std::int64_t>(capacity) - static_cast<std::int64_t>(input_capacity));
    input = std::move(buffer);
    input_capacity = capacity;
  }
  void DropInput() {
    SetInput(nullptr, 0);
    input_begin = input_size = 0;
  }

  // Replies up to `position` may leave when the log's promise has reached `offset`; ascending in both.
  struct Gate {
    std::uint64_t position;
    std::uint64_t offset;
    std::uint32_t writes;     // how many writes these replies answer; counted while semi-sync is on
    std::int64_t since_us;    // MonotonicUs(), if there are any, or `role` is not 0
    std::uint64_t role = 0;   // they leave within a lease of this role only (IoThread::Role); 0: they need none
  };
  std::deque<Gate> gates;
  std::uint64_t released = 0;    // bytes of `out` that may leave
  std::uint32_t writes = 0;      // of this turn, as in Gate
  std::uint64_t role = 0;        // in which this turn's first write ran, on a node of a cluster; 0: there was none

  bool in_turn = false;          // has been read or answered in this turn
  bool in_gated = false;         // stands in the thread's list of gated connections
  bool wants_write = false;      // EPOLLOUT is armed
  std::uint32_t watched = EPOLLIN | EPOLLRDHUP;  // the events that epoll was asked for
  bool follows = false;          // stands in the thread's list of replicas
  std::unique_ptr<LogReader> stream;  // what a replica is sent; null before it streams
  bool closing = false;          // no more input; goes away when the output is sent
  // It is closed by the server while more input may be on its way: closing at once would reset the connection, and the
  // reset could overtake the last answer. Input is thrown away until the client closes, or lingers too long.
  bool lingers = false;
  std::int64_t linger_until_ms = 0;  // 0: the answer has not left yet
  std::size_t lingered_bytes = 0;
  bool dead = false;             // to be destroyed at the end of the turn
  bool paused = false;           // CLIENT PAUSE: not read from until the thread resumes it
  // An answer to AUTH is held back: nothing is sent or read until then. When its time has come, it is sent first, and
  // what came behind it is executed the turn after: that may be an AUTH again.
  enum class Holding : std::uint8_t { kNo, kAnswer, kInput } holding = Holding::kNo;
  std::deque<std::vector<std::string>> held;  // commands that came before it was noticed that the connection waits
  bool stalled() const { return paused || holding != Holding::kNo || client.waiter != nullptr; }
  std::int64_t soft_limit_since_ms = 0;
  std::uint64_t commands = 0;
};

}  // namespace slotwise
