// The 16384 tables of one database, in memory that is mapped and not touched: a table of zero bytes is an empty table, so
// databases that nobody uses take no memory (16 databases took 12 MiB). Aligned to and asking for a huge page: a lookup
// reads a table's line at random, and with small pages pays for the page walk as well.
#pragma once
#include <cstddef>

#include "keyspace/slot_table.h"
#include "slots/hash_slot.h"

namespace slotwise {

class SlotTables {
 public:
  SlotTables();
  // The tables must be empty.
  ~SlotTables();
  SlotTables(const SlotTables&) = delete;
  SlotTables& operator=(const SlotTables&) = delete;

  SlotTable& operator[](int slot) { return tables_[slot]; }
  const SlotTable& operator[](int slot) const { return tables_[slot]; }

 private:
  SlotTable* tables_;
};

}  // namespace slotwise
