#include "experiments/linux_guest/boot_files.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

#include "experiments/linux_guest/initramfs.hpp"

namespace violet::linux_guest {
namespace {

Status write_file(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) return fail(ErrorKind::kEnvironment, "cannot write {}", path);
  return {};
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf()))
    return fail(ErrorKind::kEnvironment, "cannot read {}", path);
  return text.str();
}

// The program that a job needs beyond busybox, or null.
const char* tools_for(const std::string& job) {
  if (job == "fio" || job == "soak") return "fio";
  if (job == "iperf3") return "iperf3";
  return job == "mapbench" ? "dma_map_benchmark" : nullptr;
}

// Everything below the folder that scripts/guest-kernel.sh makes.
Status add_tools(const std::string& folder, const char* needed, Initramfs& root) {
  namespace fs = std::filesystem;
  if (!fs::exists(fs::path(folder) / "bin" / needed)) {
    return fail(ErrorKind::kEnvironment,
                "no {} in {}/bin: apt install fio iperf3, and run "
                "scripts/guest-kernel.sh",
                needed, folder);
  }
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    const std::string name = fs::relative(entry.path(), folder, error).string();
    if (entry.is_directory()) {
      if (name != "bin") root.add_folder(name);
      continue;
    }
    VIOLET_TRY(const auto bytes, read_file(entry.path().string()));
    root.add_program(name, bytes);
  }
  if (error) return fail(ErrorKind::kEnvironment, "{}: {}", folder, error.message());
  return {};
}

}  // namespace

Status write_boot_files(const GuestSetup& setup) {
  VIOLET_TRY(const auto busybox, read_file(setup.busybox));
  VIOLET_TRY(const auto init, read_file(setup.init));
  Initramfs root;
  for (const char* folder : {"bin", "dev", "proc", "sys", "tmp"}) root.add_folder(folder);
  root.add_program("bin/busybox", busybox);
  if (const auto* needed = tools_for(setup.job)) {
    VIOLET_TRY(add_tools(setup.tools, needed, root));
  }
  root.add_program("init", init);
  return write_file(setup.folder + kInitramfs, root.finish());
}

Status write_viot(const std::string& folder, const protocol::ViotTable& viot) {
  const std::vector<std::byte> table = build_viot(viot);
  return write_file(folder + kViot, {reinterpret_cast<const char*>(table.data()), table.size()});
}

std::string kernel_line(const GuestSetup& setup) {
  const char* mode = setup.mode == "lazy"          ? "iommu.strict=0"
                     : setup.mode == "passthrough" ? "iommu.passthrough=1"
                                                   : "iommu.strict=1";
  return fmt::format(
      "console=ttyS0 panic=-1 {} violet.job={} violet.rounds={} violet.mib={} violet.seconds={} "
      "violet.wire={} violet.topology={:d}",
      mode, setup.console ? "shell" : setup.job, setup.rounds, setup.verify_mib, setup.seconds,
      setup.tap.empty() ? "mirror" : "tap", setup.topology);
}

}  // namespace violet::linux_guest
