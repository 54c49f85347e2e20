// Makes one bundled trace out of a log: bundle_dataset LOG NAME DATASETS_DIR. For maintainers; users
// import with `./violet import`.
#include <cstdio>
#include <filesystem>

#include "datasets/importers.hpp"
#include "datasets/manifest.hpp"

int main(int argc, char** argv) {
  using namespace violet::datasets;
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s LOG NAME DATASETS_DIR\n", argv[0]);
    return 2;
  }
  const std::string log = argv[1], name = argv[2], dir = argv[3];
  const auto scratch = std::filesystem::temp_directory_path() / ("violet-bundle-" + name);
  ImportOptions options;
  options.name = name;
  options.max_broken = {0, 0};
  const auto report = import_trace(log, scratch.string(), options);
  if (!report) {
    std::fprintf(stderr, "%s\n", report.error().message.c_str());
    return static_cast<int>(report.error().kind);
  }
  std::printf("%s", report_text(*report).c_str());
  const auto bundled = bundle_dataset(dir, name, report->trace);
  std::filesystem::remove_all(scratch);
  if (!bundled) {
    std::fprintf(stderr, "%s\n", bundled.error().message.c_str());
    return static_cast<int>(bundled.error().kind);
  }
  return 0;
}
