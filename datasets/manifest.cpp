#include "datasets/manifest.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "datasets/sha256.hpp"
#include "engine/base/foreign_json.hpp"

namespace violet::datasets {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kPackLevel = 19;

std::string manifest_path(const std::string& dir) {
  return (std::filesystem::path(dir) / "manifest.json").string();
}

Result<Json> read_manifest(const std::string& dir) {
  const auto path = manifest_path(dir);
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(ErrorKind::kUsage, "{}: cannot read", path);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  Json json;
  VIOLET_TRY(parse_json(text, path, json));
  if (!json.is_object() || !json.contains("datasets") || !json["datasets"].is_array()) {
    return fail("{}: no list `datasets`", path);
  }
  return json;
}

// Typed fields of one entry; the first that is missing or of another type is kept as the error.
class Fields {
 public:
  explicit Fields(const Json& entry) : entry_(entry) {}
  std::string text(const char* key) {
    const auto* value = get(key);
    if (value != nullptr && value->is_string()) return value->get<std::string>();
    return wrong(key), std::string();
  }
  std::uint64_t number(const char* key) {
    const auto* value = get(key);
    if (value != nullptr && value->is_number_unsigned()) return value->get<std::uint64_t>();
    return wrong(key), 0;
  }
  std::vector<std::string> texts(const char* key) {
    std::vector<std::string> all;
    const auto* value = get(key);
    if (value == nullptr || !value->is_array()) return wrong(key), all;
    for (const auto& one : *value) {
      if (!one.is_string()) return wrong(key), all;
      all.push_back(one.get<std::string>());
    }
    return all;
  }
  const std::string& missing() const { return missing_; }

 private:
  const Json* get(const char* key) const {
    const auto found = entry_.find(key);
    return entry_.is_object() && found != entry_.end() ? &*found : nullptr;
  }
  void wrong(const char* key) {
    if (missing_.empty()) missing_ = key;
  }

  const Json& entry_;
  std::string missing_;
};

DatasetInfo read_entry(Fields& fields, const std::string& dir) {
  DatasetInfo info;
  info.name = fields.text("name");
  info.path = (std::filesystem::path(dir) / fields.text("file")).string();
  info.kind = fields.text("kind");
  info.title = fields.text("title");
  info.source = fields.text("source");
  info.guest = fields.text("guest");
  info.workload = fields.text("workload");
  info.mode = fields.text("mode");
  info.licence = fields.text("licence");
  info.sha256 = fields.text("sha256");
  info.bytes = fields.number("bytes");
  info.map_calls = fields.number("map_calls");
  info.unmap_calls = fields.number("unmap_calls");
  info.accesses = fields.number("accesses");
  info.assumed = fields.texts("assumed");
  return info;
}

Json& entry_of(Json& manifest, const std::string& name) {
  for (auto& entry : manifest["datasets"]) {
    if (entry.is_object() && entry.value("name", "") == name) return entry;
  }
  return manifest["datasets"].emplace_back(Json{{"name", name}});
}

void renew_entry(Json& entry, const Trace& trace, const std::string& file, const ByteMap& packed) {
  const auto& header = trace.header();
  Json metadata;
  if (!parse_json(trace.metadata_json(), file, metadata)) metadata = Json::object();
  entry["file"] = file;
  entry["mode"] = to_string(header.mode);
  entry["bytes"] = packed.bytes().size();
  entry["sha256"] = sha256_hex(packed.bytes());
  entry["records"] = header.record_count;
  entry["map_calls"] = header.map_calls;
  entry["unmap_calls"] = header.unmap_calls;
  entry["accesses"] = header.access_records;
  entry["live_at_end"] = header.live_at_end;
  entry["covered_pages"] = header.covered_pages;
  entry["time_span_ns"] = header.time_span_ns;
  entry["known"] = Json::array();
  entry["assumed"] = Json::array();
  if (!metadata.is_object()) return;
  for (const char* key : {"known", "assumed"}) {
    if (metadata.contains(key)) entry[key] = metadata[key];
  }
}

}  // namespace

Result<std::vector<DatasetInfo>> list_datasets(const std::string& dir) {
  VIOLET_TRY(auto manifest, read_manifest(dir));
  std::vector<DatasetInfo> all;
  for (const auto& entry : manifest["datasets"]) {
    Fields fields(entry);
    all.push_back(read_entry(fields, dir));
    if (!fields.missing().empty()) {
      return fail("{}: entry {} (`{}`): `{}` is missing or of the wrong type", manifest_path(dir),
                  all.size(), all.back().name, fields.missing());
    }
  }
  return all;
}

Result<DatasetInfo> find_dataset(const std::string& dir, const std::string& name) {
  VIOLET_TRY(auto all, list_datasets(dir));
  std::string names;
  for (auto& dataset : all) {
    if (dataset.name == name) return std::move(dataset);
    names += (names.empty() ? "" : ", ") + dataset.name;
  }
  return fail(ErrorKind::kUsage, "no dataset `{}`; there are: {}", name, names);
}

Result<Trace> open_dataset(const DatasetInfo& dataset) {
  VIOLET_TRY(auto bytes, ByteMap::of_file(dataset.path));
  const auto sum = sha256_hex(bytes.bytes());
  if (sum != dataset.sha256) {
    return fail("{}: sha256 {}, the manifest says {}; restore the file", dataset.path, sum,
                dataset.sha256);
  }
  return trace_of_bytes(std::move(bytes), dataset.path);
}

bool is_trace_path(std::string_view name) {
  return name.ends_with(".vtrace") || name.ends_with(".vtrace.zst");
}

Result<Trace> open_by_name(const std::string& dir, const std::string& name) {
  if (!is_trace_path(name)) {
    VIOLET_TRY(const auto dataset, find_dataset(dir, name));
    return open_dataset(dataset);
  }
  VIOLET_TRY(auto trace, open_trace(name));
  VIOLET_TRY(validate_trace(trace));
  return trace;
}

Status bundle_dataset(const std::string& dir, const std::string& name,
                      const std::string& trace_path) {
  VIOLET_TRY(auto manifest, read_manifest(dir));
  VIOLET_TRY(auto trace, open_trace(trace_path));
  VIOLET_TRY(validate_trace(trace));
  const auto file = "bundled/" + name + ".vtrace.zst";
  const auto packed_path = (std::filesystem::path(dir) / file).string();
  VIOLET_TRY(zstd_file(trace_path, packed_path, kPackLevel));
  VIOLET_TRY(auto packed, ByteMap::of_file(packed_path));
  renew_entry(entry_of(manifest, name), trace, file, packed);
  std::ofstream out(manifest_path(dir), std::ios::binary);
  out << manifest.dump(1) << "\n";
  out.close();
  if (!out) return fail("{}: cannot write", manifest_path(dir));
  return {};
}

}  // namespace violet::datasets
