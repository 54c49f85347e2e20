#include "experiments/linux_guest/intrusion.hpp"

#include <algorithm>
#include <array>

namespace violet::linux_guest {
namespace {

// Faults of one endpoint that the guest is sure to have buffers for.
constexpr std::size_t kMostAttempts = 16;

bool reaches(DmaPort& port, Iova iova) {
  std::array<std::byte, 4> word{};
  DmaOp op{iova, word.size(), Access::kRead, word.data(), DmaResult::kOk};
  return port.run(std::span(&op, 1)) == 1;
}

}  // namespace

std::map<std::string, std::uint64_t> intrude(const std::string& name, const Intruder& intruder) {
  std::uint64_t attempts = 1, denied = reaches(*intruder.port, kNobodys) ? 0 : 1;
  for (const std::uint64_t iova : intruder.others) {
    const bool own =
        std::find(intruder.own.begin(), intruder.own.end(), iova) != intruder.own.end();
    if (own || attempts == kMostAttempts) continue;
    ++attempts;
    denied += !reaches(*intruder.port, {iova});
  }
  return {{name + "_intrusions", attempts}, {name + "_intrusions_denied", denied}};
}

}  // namespace violet::linux_guest
