#include "experiments/results/manifest.hpp"

#include <link.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "engine/base/clock_step.hpp"
#include "engine/base/counted.hpp"
#include "engine/base/files.hpp"
#include "engine/base/foreign_json.hpp"
#include "experiments/results/statistics.hpp"
#include "experiments/results/table.hpp"
#include "experiments/results/until_ci.hpp"

namespace violet::results {
namespace {

using Json = nlohmann::ordered_json;

Fact first_line_of(const char* path, const char* because) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line) || line.empty()) return {{}, because};
  return {line, {}};
}

// "model name : X" of /proc/cpuinfo and the like.
Fact field_of(const char* path, std::string_view field, const char* because) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(field)) continue;
    const std::size_t at = line.find_first_not_of(" \t", line.find(':') + 1);
    if (line.find(':') != std::string::npos && at != std::string::npos)
      return {line.substr(at), {}};
  }
  return {{}, because};
}

Fact hugepages() {
  const char* path = "/proc/meminfo";
  const Fact total = field_of(path, "HugePages_Total", "the kernel does not say");
  const Fact free = field_of(path, "HugePages_Free", "the kernel does not say");
  const Fact size = field_of(path, "Hugepagesize", "the kernel does not say");
  if (!total.known() || !size.known()) return total;
  return {fmt::format("{} of {} ({} free)", total.value, size.value, free.value), {}};
}

Fact clock_source() {
  const Fact flags = field_of("/proc/cpuinfo", "flags", "the kernel names no CPU flags");
  const Fact kernel =
      first_line_of("/sys/devices/system/clocksource/clocksource0/current_clocksource",
                    "the kernel names no clock");
  if (!flags.known()) return flags;
  const bool steady = flags.value.find("constant_tsc") != std::string::npos;
  const bool nonstop = flags.value.find("nonstop_tsc") != std::string::npos;
  return {fmt::format("tsc ({}, {}); kernel {}", steady ? "constant" : "not constant",
                      nonstop ? "nonstop" : "stops in idle", kernel.text()),
          {}};
}

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "g++ " __VERSION__;
#else
  return "unknown";
#endif
}

// The note that names this program, among those of one of its segments.
Fact build_id_in(const char* at, std::size_t bytes) {
  while (bytes >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, at, sizeof note);
    const std::size_t name = (note.n_namesz + 3u) & ~3u, body = (note.n_descsz + 3u) & ~3u;
    if (bytes < sizeof note + name + body) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4) {
      std::string hex;
      const char* id = at + sizeof note + name;
      for (std::size_t i = 0; i < note.n_descsz; ++i) {
        hex += fmt::format("{:02x}", static_cast<unsigned char>(id[i]));
      }
      return {hex, {}};
    }
    at += sizeof note + name + body;
    bytes -= sizeof note + name + body;
  }
  return {{}, "the linker left none"};
}

// dl_iterate_phdr() gives the program itself first.
int take_build_id(dl_phdr_info* info, std::size_t /*bytes*/, void* out) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_NOTE) continue;
    Fact found = build_id_in(reinterpret_cast<const char*>(info->dlpi_addr + segment.p_vaddr),
                             segment.p_memsz);
    if (!found.known()) continue;
    *static_cast<Fact*>(out) = std::move(found);
    break;
  }
  return 1;
}

std::string formatted_utc(double epoch_s, const char* format) {
  const auto seconds = static_cast<std::time_t>(epoch_s);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

Json fact_json(const Fact& fact) {
  if (fact.known()) return fact.value;
  return {{"value", nullptr}, {"because", fact.because}};
}

Fact fact_from(const Json& json, const char* key) {
  if (!json.contains(key)) return {{}, "the manifest does not say"};
  const Json& value = json.at(key);
  if (value.is_string()) return {value.get<std::string>(), {}};
  return {{}, value.at("because").get<std::string>()};
}

// JSON's own conversion would take -1 for 2^64 - 1.
std::uint64_t count_from(const Json& json, std::string_view what) {
  if (json.is_number_unsigned()) return json.get<std::uint64_t>();
  throw std::range_error(
      fmt::format("{}: expected a whole number from 0, found {}", what, json.dump()));
}

// Its texts go to terminals and pages; its depth is bounded.
Json without_controls(const Json& json) {
  if (json.is_string()) return printable_lines(json.get_ref<const std::string&>());
  if (!json.is_structured()) return json;
  Json clean = json.is_array() ? Json::array() : Json::object();
  for (const auto& [key, value] : json.items()) {
    if (json.is_array()) {
      clean.push_back(without_controls(value));
    } else {
      clean[printable(key)] = without_controls(value);
    }
  }
  return clean;
}

// The range of a plan. JSON's own conversion would take true for 1.
double percentage_from(const Json& json, std::string_view what) {
  const double value = json.is_number() ? json.get<double>() : -1;
  if (value >= 0 && value <= 1000) return value;
  throw std::range_error(
      fmt::format("{}: expected a number from 0 to 1000, found {}", what, json.dump()));
}

// Of a clock's step, which no clock has at a second.
double duration_from(const Json& json, std::string_view what) {
  const double value = json.is_number() ? json.get<double>() : 0;
  if (value > 0 && value < 1e9) return value;
  throw std::range_error(
      fmt::format("{}: expected nanoseconds above 0 and below 1e9, found {}", what, json.dump()));
}

Json until_ci_json(const UntilCi& rule) {
  Json json = {{"percent", rule.percent},
               {"metric", kUntilCiMetric},
               {"repetitions", rule.repetitions},
               {"most_repetitions", rule.most_repetitions},
               {"confidence", rule.confidence}};
  json["cells"] = Json::array();
  for (const auto& [id, one] : rule.cells) {
    Json cell = {{"cell", id}, {"repetitions", one.repetitions}, {"width_percent", nullptr}};
    if (one.width_percent) {
      cell["width_percent"] = *one.width_percent;
    } else {
      cell["because"] = one.because;
    }
    cell["is_narrow"] = one.narrow;
    json["cells"].push_back(std::move(cell));
  }
  return json;
}

std::uint32_t repetitions_from(const Json& json, std::string_view what) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(count_from(json, what), 1u << 31));
}

UntilCi until_ci_from(const Json& json) {
  UntilCi rule;
  rule.percent = percentage_from(json.at("percent"), "until_ci.percent");
  rule.repetitions = repetitions_from(json.at("repetitions"), "until_ci.repetitions");
  rule.most_repetitions =
      repetitions_from(json.at("most_repetitions"), "until_ci.most_repetitions");
  const Json& confidence = json.at("confidence");
  rule.confidence = confidence.is_number() ? confidence.get<double>() : 0;
  if (!(rule.confidence >= kConfidence && rule.confidence < 1)) {
    throw std::range_error(fmt::format("until_ci.confidence: expected {} to below 1, found {}",
                                       kConfidence, confidence.dump()));
  }
  for (const Json& cell : json.at("cells")) {
    CellPrecision& one = rule.cells[cell.at("cell").get<std::string>()];
    one.repetitions = repetitions_from(cell.at("repetitions"), "until_ci.cells.repetitions");
    if (cell.at("width_percent").is_null()) {
      one.because = cell.at("because").get<std::string>();
    } else {
      one.width_percent = cell["width_percent"].get<double>();
    }
    one.narrow = cell.at("is_narrow").get<bool>();
  }
  return rule;
}

Manifest manifest_of(const Json& json) {
  Manifest m;
  m.run_id = json.at("run_id").get<std::string>();
  m.plan_name = json.at("plan").at("name").get<std::string>();
  m.plan_hash = json.at("plan").at("hash").get<std::string>();
  m.started_utc = json.at("started_utc").get<std::string>();
  m.started_epoch_s = json.at("started_epoch_s").get<double>();
  m.finished_utc = json.at("finished_utc").get<std::string>();
  m.outcome = json.at("outcome").get<std::string>();
  m.host = fact_from(json, "host");
  m.cpu_model = fact_from(json, "cpu_model");
  m.kernel = fact_from(json, "kernel");
  m.governor = fact_from(json, "governor");
  m.hugepages = fact_from(json, "hugepages");
  m.git_revision = fact_from(json, "git_revision");
  m.build = fact_from(json, "build");
  m.clock_source = fact_from(json, "clock_source");
  m.compiler = json.at("compiler").get<std::string>();
  m.cpus_online = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(count_from(json.at("cpus_online"), "cpus_online"), 1u << 31));
  m.ns_per_tick = json.at("ns_per_tick").get<double>();
  if (json.contains("clock")) {
    m.clock_step_ns = duration_from(json["clock"].at("step_ns"), "clock.step_ns");
    m.clock_read_ns = duration_from(json["clock"].at("read_ns"), "clock.read_ns");
  }
  m.command_line = json.at("command_line").get<std::string>();
  m.seed = count_from(json.at("seed"), "seed");
  if (json.contains("repetition_seeds")) {
    const Json& seeds = json["repetition_seeds"];
    if (!seeds.is_array()) throw std::range_error("repetition_seeds: expected an array");
    for (const Json& seed : seeds) {
      m.repetition_seeds.push_back(count_from(seed, "repetition_seeds"));
    }
  }
  if (json.contains("until_ci") && !json["until_ci"].is_null())
    m.until_ci = until_ci_from(json["until_ci"]);
  m.threshold_percent = percentage_from(json.at("threshold_percent"), "threshold_percent");
  m.interleaved = json.at("interleaved").get<bool>();
  m.injected_costs = json.at("injected_costs").get<std::map<std::string, double>>();
  if (json.contains("injected") && !json["injected"].is_null()) {
    const Json& totals = json["injected"];
    m.injected = {count_from(totals.at("repetitions"), "injected.repetitions"),
                  totals.at("measured_s").get<double>(),
                  totals.at("spun_s").get<std::map<std::string, double>>()};
  }
  for (const auto& [name, count] : json.at("drop_counts").items()) {
    m.drop_counts[name] = count_from(count, "drop_counts");
  }
  if (json.contains("kept_trace")) {
    const Json& trace = json["kept_trace"];
    m.kept_trace = {count_from(trace.at("budget_mib"), "kept_trace.budget_mib"),
                    count_from(trace.at("repetitions"), "kept_trace.repetitions"),
                    count_from(trace.at("seen"), "kept_trace.seen"),
                    count_from(trace.at("kept"), "kept_trace.kept")};
  }
  if (json.contains("traces")) m.traces = json["traces"].get<std::map<std::string, std::string>>();
  m.oversubscribed = json.at("oversubscribed").get<std::vector<std::string>>();
  m.noise_floor = json.at("noise_floor").get<std::map<std::string, double>>();
  return m;
}

}  // namespace

void InjectedTotals::add(const RepetitionRecord& record) {
  constexpr std::string_view kPrefix = "injected_", kSuffix = "_share";
  ++repetitions;
  measured_s += record.duration_s;
  for (const Metric& metric : record.metrics) {
    const std::string_view name = metric.name;
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix) || !metric.value) continue;
    if (name.size() <= kPrefix.size() + kSuffix.size()) continue;  // The sum of all kinds.
    const auto kind = name.substr(kPrefix.size(), name.size() - kPrefix.size() - kSuffix.size());
    spun_s[std::string(kind)] += *metric.value / 100 * record.duration_s;
  }
}

std::string kept_text(const KeptTrace& trace) {
  if (trace.budget_mib == 0) return kNoTraceKept;
  if (trace.repetitions == 0) {
    return fmt::format("no repetition was traced (run.trace_mib = {})", trace.budget_mib);
  }
  const std::string whose =
      fmt::format("of {}, each cell's first", counted(trace.repetitions, "repetition"));
  if (trace.kept >= trace.seen) {
    return fmt::format("the trace has every event {} (run.trace_mib = {})", whose,
                       trace.budget_mib);
  }
  return fmt::format(
      "the trace has the whole early part {}: {} of {} events; of all that follows samples of the "
      "counters and a "
      "summary over time (run.trace_mib = {})",
      whose, with_unit(static_cast<double>(trace.kept), "1"),
      with_unit(static_cast<double>(trace.seen), "1"), trace.budget_mib);
}

Fact build_id() {
  Fact id{{}, "the linker left none"};
  ::dl_iterate_phdr(take_build_id, &id);
  return id;
}

Manifest host_manifest() {
  Manifest m;
  utsname names{};
  if (::uname(&names) == 0) {
    m.host = {names.nodename, {}};
    m.kernel = {fmt::format("{} {} {}", names.sysname, names.release, names.machine), {}};
  } else {
    m.host = m.kernel = {{}, "uname failed"};
  }
  m.cpu_model = field_of("/proc/cpuinfo", "model name", "the kernel does not name the model");
  m.governor = first_line_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
                             "there is no cpufreq here (a virtual machine, or it is switched off)");
  m.hugepages = hugepages();
  m.clock_source = clock_source();
  m.git_revision = {{}, "the build does not say"};
  m.build = build_id();
  m.compiler = compiler();
  m.cpus_online = std::max(1u, std::thread::hardware_concurrency());
  m.ns_per_tick = violet::ns_per_tick();
  if (const auto clock = measure_clock_step()) {
    m.clock_step_ns = static_cast<double>(clock->step) * m.ns_per_tick;
    m.clock_read_ns = static_cast<double>(clock->between) * m.ns_per_tick;
  }
  return m;
}

std::string to_json(const Manifest& m) {
  Json json = {{"schema", "violet.manifest"}, {"version", m.schema}};
  json["run_id"] = m.run_id;
  json["plan"] = {{"name", m.plan_name}, {"hash", m.plan_hash}};
  json["started_utc"] = m.started_utc;
  json["started_epoch_s"] = m.started_epoch_s;
  json["finished_utc"] = m.finished_utc;
  json["outcome"] = m.outcome;
  json["host"] = fact_json(m.host);
  json["cpu_model"] = fact_json(m.cpu_model);
  json["cpus_online"] = m.cpus_online;
  json["kernel"] = fact_json(m.kernel);
  json["governor"] = fact_json(m.governor);
  json["hugepages"] = fact_json(m.hugepages);
  json["git_revision"] = fact_json(m.git_revision);
  json["build"] = fact_json(m.build);
  json["compiler"] = m.compiler;
  json["clock_source"] = fact_json(m.clock_source);
  json["ns_per_tick"] = m.ns_per_tick;
  if (m.clock_step_ns && m.clock_read_ns) {
    json["clock"] = {{"step_ns", *m.clock_step_ns}, {"read_ns", *m.clock_read_ns}};
  }
  json["command_line"] = m.command_line;
  json["seed"] = m.seed;
  if (!m.repetition_seeds.empty()) json["repetition_seeds"] = m.repetition_seeds;
  if (m.until_ci) json["until_ci"] = until_ci_json(*m.until_ci);
  json["threshold_percent"] = m.threshold_percent;
  json["interleaved"] = m.interleaved;
  json["injected_costs"] = m.injected_costs;
  if (m.injected) {
    json["injected"] = {{"repetitions", m.injected->repetitions},
                        {"measured_s", m.injected->measured_s},
                        {"spun_s", m.injected->spun_s}};
  }
  json["drop_counts"] = m.drop_counts;
  if (m.kept_trace) {
    json["kept_trace"] = {{"budget_mib", m.kept_trace->budget_mib},
                          {"repetitions", m.kept_trace->repetitions},
                          {"seen", m.kept_trace->seen},
                          {"kept", m.kept_trace->kept},
                          {"how", kept_text(*m.kept_trace)}};
  }
  if (!m.traces.empty()) json["traces"] = m.traces;
  json["oversubscribed"] = m.oversubscribed;
  json["noise_floor"] = m.noise_floor;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Manifest> manifest_from_json(std::string_view text, std::string_view name) {
  Json json;
  VIOLET_TRY(parse_json(text, name, json));
  if (!json.is_object() || !json.contains("schema") || json["schema"] != "violet.manifest") {
    return fail("{}: not a manifest of a run", name);
  }
  if (!json.contains("version") || json["version"] != kRunSchema) {
    return fail("{}: schema version {}, this program reads {}; use the release that made the run",
                name, json.contains("version") ? json["version"].dump() : "missing", kRunSchema);
  }
  try {
    return manifest_of(without_controls(json));
  } catch (const std::exception& error) {
    return fail("{}: {}", name, error.what());
  }
}

Result<Manifest> read_manifest(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "manifest.json";
  const auto text = read_whole_file(path, kMostManifestBytes, Links::kRefused);
  if (!text) return fail(ErrorKind::kUsage, "{} (is this a run directory?)", text.error().message);
  return manifest_from_json(*text, path.string());
}

double epoch_now_s() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

std::string utc_text(double epoch_s) { return formatted_utc(epoch_s, "%Y-%m-%dT%H:%M:%SZ"); }
std::string utc_name(double epoch_s) { return formatted_utc(epoch_s, "%Y%m%dT%H%M%SZ"); }

}  // namespace violet::results
