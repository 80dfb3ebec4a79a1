// Searching places: GEOSEARCH, GEOSEARCHSTORE and the commands they replaced, GEORADIUS and GEORADIUSBYMEMBER with their
// read-only forms.
// Source: Redis 7.0 command reference.
#include <algorithm>
#include <iterator>
#include <memory_resource>
#include <optional>
#include <string>
#include <vector>

#include "commands/command_table.h"
#include "commands/geo_access.h"
#include "values/member_source.h"

namespace slotwise {
namespace {

using Place = CommandContext::Place;

struct Found {
  GeoPoint point;
  double distance;  // in metres
  ScoredMember member;
};

enum class Form : std::uint8_t { kRadius, kRadiusReadOnly, kRadiusByMember, kRadiusByMemberReadOnly, kSearch, kSearchStore };

class Search {
 public:
  Search(CommandContext& ctx, Form form) : ctx_(ctx), form_(form) {}

  void Run() {
    Place place = ctx_.FindForRead(ctx_.Key(form_ == Form::kSearchStore ? 2 : 1));
    if (!ctx_.Expect(place, Type::kZSet)) return;
    if (place) set_.emplace(place.entry());
    std::size_t next;
    if (!ParseFixed(&next) || !ParseOptions(next) || !Check()) return;
    if (set_) {
      std::ignore = source_.Open(place.entry());
      Collect();
    }
    if (store_ != 0) return Store();
    Reply();
  }

 private:
  bool searches() const { return form_ == Form::kSearch || form_ == Form::kSearchStore; }
  bool by_member() const { return form_ == Form::kRadiusByMember || form_ == Form::kRadiusByMemberReadOnly; }
  bool may_store() const { return form_ == Form::kRadius || form_ == Form::kRadiusByMember; }
  bool Fail(const std::string& error) {
    ctx_.Error(error);
    return false;
  }

  // What stands at a fixed place; *next: where options begin.
  bool ParseFixed(std::size_t* next) {
    if (searches()) {
      *next = form_ == Form::kSearchStore ? 3 : 2;
      if (form_ == Form::kSearchStore) store_ = 1;
      return true;
    }
    *next = by_member() ? 5 : 6;
    if (by_member() && !set_) return true;  // only what the options ask for matters
    if (by_member() ? !CenterOnMember(2) : !GeoPointArgs(ctx_, 2, &shape_.center)) return false;
    return RadiusArgs(*next - 2);
  }

  bool CenterOnMember(std::size_t i) {
    std::optional<double> score = set_->Score(ctx_.arg(i));
    if (!score) return Fail("ERR could not decode requested zset member");
    shape_.center = GeoPointOf(*score);
    return true;
  }

  bool RadiusArgs(std::size_t i) {
    if (!ctx_.DoubleArg(i, &shape_.radius, "ERR need numeric radius")) return false;
    if (shape_.radius < 0) return Fail("ERR radius cannot be negative");
    return GeoUnitArg(ctx_, i + 1, &shape_.unit);
  }

  bool BoxArgs(std::size_t i) {
    if (!ctx_.DoubleArg(i, &shape_.width, "ERR need numeric width") || !ctx_.DoubleArg(i + 1, &shape_.height, "ERR need numeric height")) {
      return false;
    }
    if (shape_.height < 0 || shape_.width < 0) return Fail("ERR height or width cannot be negative");
    return GeoUnitArg(ctx_, i + 2, &shape_.unit);
  }

  bool ParseOptions(std::size_t i) {
    for (; i < ctx_.argc(); ++i) {
      std::size_t more = ctx_.argc() - i - 1;
      if (ctx_.ArgIs(i, "withdist")) {
        with_distance_ = true;
      } else if (ctx_.ArgIs(i, "withhash")) {
        with_hash_ = true;
      } else if (ctx_.ArgIs(i, "withcoord")) {
        with_point_ = true;
      } else if (ctx_.ArgIs(i, "any")) {
        any_ = true;
      } else if (ctx_.ArgIs(i, "asc")) {
        order_ = 1;
      } else if (ctx_.ArgIs(i, "desc")) {
        order_ = -1;
      } else if (ctx_.ArgIs(i, "count") && more >= 1) {
        if (!ctx_.IntegerArg(++i, &count_)) return false;
        if (count_ <= 0) return Fail("ERR COUNT must be > 0");
      } else if (may_store() && more >= 1 && (ctx_.ArgIs(i, "store") || ctx_.ArgIs(i, "storedist"))) {
        store_distance_ = ctx_.ArgIs(i, "storedist");
        store_ = ++i;
      } else if (form_ == Form::kSearchStore && ctx_.ArgIs(i, "storedist")) {
        store_distance_ = true;
      } else if (searches() && !from_point_ && more >= 1 && ctx_.ArgIs(i, "frommember")) {
        if (++i; set_ && !CenterOnMember(i)) return false;
        from_member_ = true;
      } else if (searches() && !from_member_ && more >= 2 && ctx_.ArgIs(i, "fromlonlat")) {
        if (!GeoPointArgs(ctx_, i + 1, &shape_.center)) return false;
        from_point_ = true;
        i += 2;
      } else if (searches() && !by_box_ && more >= 2 && ctx_.ArgIs(i, "byradius")) {
        if (!RadiusArgs(i + 1)) return false;
        by_radius_ = true;
        i += 2;
      } else if (searches() && !by_radius_ && more >= 3 && ctx_.ArgIs(i, "bybox")) {
        if (!BoxArgs(i + 1)) return false;
        by_box_ = shape_.box = true;
        i += 3;
      } else {
        return Fail(errors::kSyntax);
      }
    }
    return true;
  }

  bool Check() {
    std::string name(ctx_.arg(0));
    if (store_ != 0 && (with_distance_ || with_hash_ || with_point_)) {
      return Fail(std::string(form_ == Form::kSearchStore ? "ERR GEOSEARCHSTORE" : "ERR STORE option in GEORADIUS") +
                  " is not compatible with WITHDIST, WITHHASH and WITHCOORD options");
    }
    if (searches() && !from_member_ && !from_point_) return Fail("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for " + name);
    if (searches() && !by_radius_ && !by_box_) return Fail("ERR exactly one of BYRADIUS and BYBOX can be specified for " + name);
    if (any_ && count_ == 0) return Fail("ERR the ANY argument requires COUNT argument");
    // So many of them means the nearest ones; with ANY whichever come first.
    if (count_ != 0 && order_ == 0 && !any_) order_ = 1;
    return true;
  }

  void Collect() {
    std::array<GeoCell, 9> cells = shape_.Cover();
    std::size_t last = 0;
    std::size_t most = any_ ? static_cast<std::size_t>(count_) : SIZE_MAX;
    for (std::size_t i = 0; i < cells.size() && found_.size() < most; ++i) {
      if (cells[i].step == 0) continue;
      // In a search around half the globe neighbours coincide.
      if (last != 0 && cells[i] == cells[last]) continue;
      last = i;
      RankRange ranks = set_->Find(cells[i].scores());
      set_->Visit(ranks.first, ranks.size(), false, true, [&](std::string_view member, double score) {
        GeoPoint point = GeoPointOf(score);
        double distance;
        if (shape_.Contains(point, &distance)) found_.push_back({point, distance, {score, source_.Keep(member, bytes_)}});
        return found_.size() < most;
      });
    }
    auto nearer = [](const Found& a, const Found& b) { return a.distance < b.distance; };
    auto farther = [](const Found& a, const Found& b) { return a.distance > b.distance; };
    if (order_ > 0) std::stable_sort(found_.begin(), found_.end(), nearer);
    else if (order_ < 0) std::stable_sort(found_.begin(), found_.end(), farther);
    if (count_ != 0 && found_.size() > static_cast<std::size_t>(count_)) found_.resize(static_cast<std::size_t>(count_));
  }

  void Store() {
    std::vector<ScoredMember> members;
    members.reserve(found_.size());
    for (const Found& f : found_) members.push_back({store_distance_ ? f.distance / shape_.unit : f.member.score, f.member.member});
    std::sort(members.begin(), members.end());
    // Cells that coincide show a member twice, with the same score.
    auto same = [](const ScoredMember& a, const ScoredMember& b) { return a.score == b.score && a.member == b.member; };
    members.erase(std::unique(members.begin(), members.end(), same), members.end());
    StoreSortedSet(ctx_, ctx_.Key(store_), members, searches() ? "geosearchstore" : "georadiusstore");
    if (!members.empty()) ctx_.MarkDirty(static_cast<std::int64_t>(members.size()) - 1);
  }

  void Reply() {
    ReplyWriter& reply = ctx_.reply;
    std::int64_t extras = with_distance_ + with_hash_ + with_point_;
    reply.Array(static_cast<std::int64_t>(found_.size()));
    for (const Found& f : found_) {
      if (extras > 0) reply.Array(extras + 1);
      reply.Bulk(f.member.member);
      if (with_distance_) ReplyGeoDistance(reply, f.distance / shape_.unit);
      if (with_hash_) reply.Integer(static_cast<std::int64_t>(f.member.score));
      if (with_point_) ReplyGeoPoint(reply, f.point);
    }
  }

  CommandContext& ctx_;
  Form form_;
  std::optional<SortedSet> set_;
  MemberSource source_;
  GeoShape shape_;
  bool with_distance_ = false, with_hash_ = false, with_point_ = false;
  bool from_member_ = false, from_point_ = false, by_radius_ = false, by_box_ = false;
  bool any_ = false;
  int order_ = 0;            // 1: nearest first, -1: farthest first
  std::int64_t count_ = 0;   // 0: all
  std::size_t store_ = 0;    // index of the key to store under; 0: reply instead
  bool store_distance_ = false;
  std::pmr::monotonic_buffer_resource bytes_;
  std::vector<Found> found_;
};

template <Form form>
void Handle(CommandContext& ctx) { Search(ctx, form).Run(); }

SLOTWISE_COMMANDS(geo_search, {"georadius", Handle<Form::kRadius>}, {"georadius_ro", Handle<Form::kRadiusReadOnly>},
                  {"georadiusbymember", Handle<Form::kRadiusByMember>}, {"georadiusbymember_ro", Handle<Form::kRadiusByMemberReadOnly>},
                  {"geosearch", Handle<Form::kSearch>}, {"geosearchstore", Handle<Form::kSearchStore>});

}  // namespace
}  // namespace slotwise
