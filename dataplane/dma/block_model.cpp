#include "dataplane/dma/block_model.hpp"

#include <algorithm>

namespace violet {

BlockModel::BlockModel(DmaPort& port, std::uint64_t disk_bytes)
    : port_(port), disk_(static_cast<std::size_t>(disk_bytes)) {}

void BlockModel::set_rings(Iova submission, Iova completion, std::uint32_t entries) {
  submission_ = submission;
  completion_ = completion;
  entries_ = entries;
}

bool BlockModel::dma(Iova iova, std::uint32_t bytes, Access access, void* buffer) {
  DmaOp op{iova, bytes, access, static_cast<std::byte*>(buffer), DmaResult::kOk};
  const bool good = port_.run(std::span(&op, 1)) == 1;
  if (!good) dma_errors_.add();
  return good;
}

bool BlockModel::dma_on_ring(Iova iova, std::size_t bytes, Access access, void* buffer) {
  const bool good = dma(iova, static_cast<std::uint32_t>(bytes), access, buffer);
  if (!good) ring_errors_.add();
  return good;
}

unsigned BlockModel::poll(unsigned budget) {
  if (service_.limits()) {
    budget = std::min(budget, service_.served(tail_.read() - head_, now_ticks()));
  }
  const unsigned count = fetch(budget);
  for (unsigned i = 0; i < count; ++i) {
    completions_[i] = {};
    completions_[i].id = commands_[i].id;
    completions_[i].status = static_cast<std::uint16_t>(execute(commands_[i]));
  }
  if (count > 0) complete(count);
  if (service_.limits() && count > 0) service_.answered(count);
  return count;
}

unsigned BlockModel::fetch(unsigned budget) {
  const std::uint32_t posted = tail_.read() - head_;
  if (posted == 0) return 0;
  const std::uint32_t slot = head_ & (entries_ - 1);
  const std::uint32_t count =
      std::min({posted, entries_ - slot, std::uint32_t{budget}, std::uint32_t{kBurst}});
  const Iova at{submission_.value + slot * sizeof(BlockCommand)};
  const std::size_t bytes = count * sizeof(BlockCommand);
  return dma_on_ring(at, bytes, Access::kRead, commands_.data()) ? count : 0;
}

void BlockModel::complete(unsigned count) {
  const std::uint32_t slot = head_ & (entries_ - 1);
  const Iova at{completion_.value + slot * sizeof(BlockCompletion)};
  dma_on_ring(at, count * sizeof(BlockCompletion), Access::kWrite, completions_.data());
  head_ += count;
  completed_.write(head_);
}

bool BlockModel::valid(const BlockCommand& command) const {
  const std::uint64_t bytes = command.bytes;
  return bytes > 0 && bytes <= kMaxBytes && command.offset <= disk_.size() &&
         bytes <= disk_.size() - command.offset &&
         (command.opcode == static_cast<std::uint8_t>(BlockOpcode::kRead) ||
          command.opcode == static_cast<std::uint8_t>(BlockOpcode::kWrite));
}

bool BlockModel::gather(const BlockCommand& command, unsigned& ops) {
  const bool read = command.opcode == static_cast<std::uint8_t>(BlockOpcode::kRead);
  const Access access = read ? Access::kWrite : Access::kRead;
  const std::uint32_t in_first = kPage - static_cast<std::uint32_t>(command.prp1 % kPage);
  const std::uint32_t first = std::min<std::uint32_t>(command.bytes, in_first);
  std::byte* data = disk_.data() + command.offset;
  ops_[0] = {{command.prp1}, first, access, data, DmaResult::kOk};
  ops = 1;
  std::uint32_t left = command.bytes - first;
  const unsigned pages = (left + kPage - 1) / kPage;
  if (pages == 1) {
    list_[0] = command.prp2;
  } else if (pages > 1 && !dma({command.prp2}, pages * static_cast<std::uint32_t>(sizeof(list_[0])),
                               Access::kRead, list_.data())) {
    return false;
  }
  for (unsigned page = 0; page < pages; ++page, ++ops) {
    const std::uint32_t bytes = std::min(left, kPage);
    ops_[ops] = {{list_[page]}, bytes, access, data + (command.bytes - left), DmaResult::kOk};
    left -= bytes;
  }
  return true;
}

BlockStatus BlockModel::execute(const BlockCommand& command) {
  if (!valid(command)) return BlockStatus::kInvalidField;
  unsigned ops = 0;
  if (!gather(command, ops)) return BlockStatus::kDataTransferError;
  const std::size_t good = port_.run(std::span(ops_.data(), ops));
  dma_errors_.add(ops - good);
  return good == ops ? BlockStatus::kGood : BlockStatus::kDataTransferError;
}

}  // namespace violet
