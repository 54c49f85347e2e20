#include "experiments/plans/resolve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <set>
#include <unordered_set>

namespace violet::plans {
namespace {

using Point = std::map<std::string, SettingValue, std::less<>>;  // Full key -> value, of one cell.

bool value_matches(std::string_view pattern, std::string_view text) {
  if (pattern.ends_with('*')) return text.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == text;
}

std::string text_at(const Point& point, std::string_view key) {
  const auto at = point.find(key);
  return at == point.end() ? std::string() : to_text(at->second);
}

class Matrix {
 public:
  Matrix(const Schema& schema, const Vocabulary& vocabulary, const Assignments& assignments,
         Plan& plan, Problems& problems)
      : schema_(schema),
        vocabulary_(vocabulary),
        assignments_(assignments),
        plan_(plan),
        problems_(problems),
        exclude_hits_(assignments.excludes.size()) {}

  void expand() {
    for (const Key& key : schema_.keys()) {
      if (key.may_list) dimensions_.push_back(&key);
    }
    if (certainly_too_many()) {
      report_too_many();
      return;
    }
    descend(0);
    if (overflowed_) return;
    if (plan_.cells.empty() && problems_.empty()) {
      problems_.push_back({assignments_.excludes.front().where,
                           "key 'exclude': expected to leave a cell, found that none is left"});
    }
    report_unused_excludes();
    find_varying();
    name_cells();
  }

 private:
  // A key of another strategy (workload, ...) than the cell's is no part of the cell.
  bool applies(const Key& key) const {
    if (!key.owner_axis.empty()) {
      return value_matches(key.owner_value, text_at(point_, key.owner_axis));
    }
    return key.spec.name != "axes.pace_scale" || text_at(point_, "axes.pace") == "paced";
  }

  // What an exit costs is no axis of cells that have none: they would be measured once for each.
  bool acts_never(const Key& key) const {
    const bool of_exits = key.spec.name == "costs.exit_ns" || key.spec.name == "costs.entry_ns" ||
                          key.spec.name == "costs.exit_pollution_kib";
    return of_exits && text_at(point_, "axes.placement") == "sidecore";
  }

  // What the plan does not mention is no setting of the cell where there used to be no such key: cells and plans keep the
  // ids that they always had, and runs of then and now are comparable.
  bool unsaid(const Key& key) const {
    constexpr std::array<std::string_view, 3> kAlwaysSaid = {"costs.exit_ns", "costs.wake_ns",
                                                             "costs.iotlb_miss_ns"};
    const bool newer =
        key.spec.name == "workload.nvme-4k.service_ns" || key.spec.name == "axes.timers" ||
        (key.spec.name.starts_with("costs.") &&
         std::find(kAlwaysSaid.begin(), kAlwaysSaid.end(), key.spec.name) == kAlwaysSaid.end());
    return newer && !assignments_.by_key.contains(key.spec.name);
  }

  void descend(std::size_t depth) {
    if (overflowed_) return;
    if (depth == dimensions_.size()) {
      finish_point();
      return;
    }
    const Key& key = *dimensions_[depth];
    if (!applies(key)) {
      descend(depth + 1);
      return;
    }
    const auto given = assignments_.by_key.find(key.spec.name);
    const std::vector<SettingValue> initial{key.spec.initial};
    const auto& values = given == assignments_.by_key.end() ? initial : given->second.values;
    for (const SettingValue& value : values) {
      point_[key.spec.name] = as_described(key.spec, value);
      descend(depth + 1);
      if (acts_never(key)) break;
    }
    point_.erase(key.spec.name);
  }

  void finish_point() {
    if (++visited_ > kMostVisited) {
      overflowed_ = true;
      report_too_many();
      return;
    }
    if (excluded() || !possible()) return;
    Cell cell;
    for (const Key* key : dimensions_) {
      const auto at = point_.find(key->spec.name);
      if (at == point_.end() || unsaid(*key)) continue;
      cell.settings.emplace_back(short_key(key->spec.name), at->second);
    }
    if (!seen_.insert(canonical_text(cell.settings)).second) return;
    fill(cell);
    if (feasible(cell)) plan_.cells.push_back(std::move(cell));
  }

  // What the kinds of things that are chosen know themselves.
  bool feasible(const Cell& cell) {
    if (!vocabulary_.cell_problem) return true;
    const auto problem = vocabulary_.cell_problem(cell, plan_.limits);
    if (!problem) return true;
    const std::string message = fmt::format("key '{}': {}", problem->key, problem->message);
    if (reported_.insert(message).second) problems_.push_back({where_of(problem->key), message});
    return false;
  }

  // Counts only keys that every cell has, so that an absurd plan is refused before any work.
  bool certainly_too_many() const {
    std::size_t cells = 1;
    for (const Key* key : dimensions_) {
      const auto given = assignments_.by_key.find(key->spec.name);
      const bool everywhere = key->owner_axis.empty() && key->spec.name != "axes.pace_scale";
      if (given == assignments_.by_key.end() || !everywhere) continue;
      cells *= given->second.values.size();
      if (cells > kMostVisited) return true;
    }
    return false;
  }

  // Blames the longest list.
  void report_too_many() {
    const Assignment* longest = nullptr;
    for (const auto& [key, assignment] : assignments_.by_key) {
      const bool longer = longest == nullptr || assignment.values.size() > longest->values.size();
      if (assignment.is_list && longer) longest = &assignment;
    }
    if (longest == nullptr) return;
    problems_.push_back(
        {longest->where, fmt::format("key '{}': expected at most {} cells in the matrix, "
                                     "found more",
                                     longest->key, kMostVisited)});
  }

  bool excluded() {
    bool any = false;
    for (std::size_t i = 0; i < assignments_.excludes.size(); ++i) {
      const auto& wanted = assignments_.excludes[i].assignments;
      const bool all = std::all_of(wanted.begin(), wanted.end(), [&](const Assignment& assignment) {
        const std::string have = text_at(point_, assignment.key);
        return std::any_of(
            assignment.values.begin(), assignment.values.end(),
            [&](const SettingValue& value) { return value_matches(to_text(value), have); });
      });
      if (all && !wanted.empty()) {
        any = true;
        exclude_hits_[i] = true;
      }
    }
    return any;
  }

  // The place of the setting that made a combination, for the message.
  Where where_of(std::string_view key) const {
    const auto at = assignments_.by_key.find(std::string(key));
    if (at == assignments_.by_key.end()) return "default";
    const std::string value = text_at(point_, key);
    for (std::size_t i = 0; i < at->second.values.size(); ++i) {
      if (to_text(at->second.values[i]) == value) return at->second.value_at[i];
    }
    return at->second.where;
  }

  // `first` or, when the plan leaves that at its default, `second` is blamed.
  void impossible(std::string_view first, std::string_view second, std::string_view because) {
    std::string_view blamed = first;
    if (where_of(first) == "default") blamed = second;
    std::string message =
        fmt::format("key '{}': expected a combination that can run, found {} = {} with {} = {}: {}",
                    blamed, short_key(first), text_at(point_, first), short_key(second),
                    text_at(point_, second), because);
    message += "; change one of them or add an [[exclude]]";
    if (reported_.insert(message).second) problems_.push_back({where_of(blamed), message});
  }

  bool possible() {
    const std::size_t before = reported_.size();
    const bool fine = check_powers() && check_conflicts();
    return fine && reported_.size() == before;
  }

  bool check_powers() {
    const auto entries = std::get<std::int64_t>(point_.at("axes.iotlb_entries"));
    const auto ways = std::get<std::int64_t>(point_.at("axes.iotlb_ways"));
    const auto ring = std::get<std::int64_t>(point_.at("axes.queue_size"));
    bool fine = true;
    const auto power = [&](std::string_view key, std::int64_t value) {
      if (std::has_single_bit(static_cast<std::uint64_t>(value))) return;
      fine = false;
      std::string message = fmt::format("key '{}': expected a power of two, found {}", key, value);
      if (reported_.insert(message).second) problems_.push_back({where_of(key), message});
    };
    power("axes.iotlb_entries", entries);
    power("axes.iotlb_ways", ways);
    if (text_at(point_, "axes.queue") == "split") power("axes.queue_size", ring);
    if (fine && ways > entries) {
      impossible("axes.iotlb_ways", "axes.iotlb_entries", "a set cannot be larger than the cache");
      fine = false;
    }
    return fine;
  }

  bool check_conflicts() {
    bool fine = true;
    if (text_at(point_, "axes.pace") == "paced" &&
        !text_at(point_, "axes.workload").starts_with("trace:")) {
      impossible("axes.pace", "axes.workload", "only a trace has times to keep");
      fine = false;
    }
    for (const Conflict& conflict : vocabulary_.conflicts) {
      const std::string a = schema_.full_path(conflict.axis_a),
                        b = schema_.full_path(conflict.axis_b);
      if (value_matches(conflict.value_a, text_at(point_, a)) &&
          value_matches(conflict.value_b, text_at(point_, b))) {
        impossible(a, b, conflict.because);
        fine = false;
      }
    }
    return fine;
  }

  std::string text(std::string_view key) const { return text_at(point_, key); }
  std::uint64_t integer(std::string_view key) const {
    return static_cast<std::uint64_t>(std::get<std::int64_t>(point_.find(key)->second));
  }
  bool boolean(std::string_view key) const { return std::get<bool>(point_.find(key)->second); }

  void fill(Cell& cell) const {
    cell.strategy = text("axes.strategy");
    cell.iova = text("axes.iova");
    cell.placement = text("axes.placement");
    cell.store = text("axes.store");
    cell.iotlb = text("axes.iotlb");
    cell.iotlb_replacement = text("axes.iotlb_replacement");
    cell.iotlb_indexing = text("axes.iotlb_indexing");
    cell.iotlb_entries = static_cast<std::uint32_t>(integer("axes.iotlb_entries"));
    cell.iotlb_ways = static_cast<std::uint32_t>(integer("axes.iotlb_ways"));
    cell.queue = text("axes.queue") == "packed" ? RingFormat::kPacked : RingFormat::kSplit;
    cell.queue_size = static_cast<std::uint32_t>(integer("axes.queue_size"));
    cell.indirect = boolean("axes.indirect");
    cell.event_idx = boolean("axes.event_idx");
    cell.cpus = static_cast<std::uint32_t>(integer("axes.cpus"));
    cell.workload = text("axes.workload");
    if (cell.workload.starts_with("trace:")) cell.dataset = cell.workload.substr(6);
    cell.pace = text("axes.pace") == "paced" ? Pace::kPaced : Pace::kClosed;
    if (cell.pace == Pace::kPaced) cell.pace_scale = std::get<double>(point_.at("axes.pace_scale"));
    if (text("axes.timers") == "workload") cell.timers = Timers::kWorkload;
    cell.costs = {.exit_ns = integer("costs.exit_ns"),
                  .entry_ns = integer("costs.entry_ns"),
                  .exit_pollution_kib = integer("costs.exit_pollution_kib"),
                  .wake_ns = integer("costs.wake_ns"),
                  .host_map_ns = integer("costs.host_map_ns"),
                  .host_unmap_ns = integer("costs.host_unmap_ns"),
                  .iotlb_miss_ns = integer("costs.iotlb_miss_ns"),
                  .packet_ns = integer("costs.packet_ns"),
                  .io_ns = integer("costs.io_ns")};
    cell.strategy_settings = settings_of("strategy." + cell.strategy);
    cell.workload_settings =
        settings_of("workload." + (cell.dataset.empty() ? cell.workload : "trace"));
  }

  // The settings of one strategy or workload, without their table's name.
  SettingValues settings_of(const std::string& table) const {
    SettingValues settings;
    const std::string prefix = table + ".";
    for (auto at = point_.lower_bound(prefix); at != point_.end(); ++at) {
      if (!at->first.starts_with(prefix)) break;
      settings.set(at->first.substr(prefix.size()), at->second);
    }
    return settings;
  }

  void report_unused_excludes() {
    for (std::size_t i = 0; i < exclude_hits_.size(); ++i) {
      if (exclude_hits_[i]) continue;
      plan_.notes.push_back(
          fmt::format("{}: [[exclude]] meets no cell", assignments_.excludes[i].where));
    }
  }

  void find_varying() {
    std::map<std::string, std::set<std::string>> values;
    for (const Cell& cell : plan_.cells) {
      for (const auto& [key, value] : cell.settings) values[key].insert(to_text(value));
    }
    for (const Key* key : dimensions_) {
      const std::string name = short_key(key->spec.name);
      if (values[name].size() > 1) plan_.varying.push_back(name);
    }
  }

  // The hash covers the cell's settings, and the readable part is two of them.
  void name_cells() {
    std::unordered_set<std::string> ids;
    for (Cell& cell : plan_.cells) {
      const std::uint64_t hash = stable_hash(canonical_text(cell.settings));
      cell.id = fmt::format("{}.{:012x}", file_name_part(cell), hash >> 16);
      if (!ids.insert(cell.id).second) {
        problems_.push_back({where_of("axes.strategy"),
                             fmt::format("two cells have the id {}; change any setting", cell.id)});
      }
      label(cell);
    }
  }

  static std::string file_name_part(const Cell& cell) {
    // Of a trace's path only the file: a cell names files of its own.
    const std::string trace = cell.dataset.substr(cell.dataset.rfind('/') + 1);
    std::string name = cell.strategy + "." + (trace.empty() ? cell.workload : trace.substr(0, 100));
    for (char& c : name) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
      if (!plain) c = '-';
    }
    return name;
  }

  void label(Cell& cell) const {
    for (const auto& [key, value] : cell.settings) {
      if (std::find(plan_.varying.begin(), plan_.varying.end(), key) == plan_.varying.end())
        continue;
      cell.label += fmt::format("{}{}={}", cell.label.empty() ? "" : " ", key, to_text(value));
    }
    if (cell.label.empty()) cell.label = fmt::format("{} {}", cell.strategy, cell.workload);
  }

  const Schema& schema_;
  const Vocabulary& vocabulary_;
  const Assignments& assignments_;
  Plan& plan_;
  Problems& problems_;
  std::vector<bool> exclude_hits_;
  std::vector<const Key*> dimensions_;
  Point point_;
  std::unordered_set<std::string> seen_;
  std::set<std::string> reported_;
  std::size_t visited_ = 0;
  bool overflowed_ = false;
};

}  // namespace

std::string short_key(std::string_view path) {
  return std::string(path.starts_with("axes.") ? path.substr(5) : path);
}

std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return hash;
}

std::string canonical_text(const SettingAssignments& settings) {
  std::string text;
  for (const auto& [key, value] : settings) text += fmt::format("{}={}\n", key, to_text(value));
  return text;
}

void resolve_cells(const Schema& schema, const Vocabulary& vocabulary,
                   const Assignments& assignments, Plan& plan, Problems& problems) {
  Matrix(schema, vocabulary, assignments, plan, problems).expand();
}

}  // namespace violet::plans
