#include "datasets/record_spool.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace violet::datasets {
namespace {

constexpr std::size_t kFirstCapacity = 1024;
constexpr std::size_t kMaxRecords = 0xfffffffe;

}  // namespace

Result<RecordSpool> RecordSpool::create(const std::string& dir) {
  std::string path = dir + "/.violet-import-XXXXXX";
  RecordSpool spool;
  spool.descriptor_ = ::mkostemp(path.data(), O_CLOEXEC);
  if (spool.descriptor_ < 0) return fail("{}: cannot write here: {}", dir, std::strerror(errno));
  ::unlink(path.c_str());
  return spool;
}

RecordSpool::RecordSpool(RecordSpool&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      records_(std::exchange(other.records_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      status_(std::move(other.status_)) {}

RecordSpool::~RecordSpool() {
  if (records_ != nullptr) ::munmap(records_, capacity_ * sizeof(TraceRecord));
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool RecordSpool::grow() {
  const auto wanted = std::min(std::max(capacity_ * 2, kFirstCapacity), kMaxRecords);
  if (!status_ || wanted <= capacity_) {
    if (status_) status_ = fail("the log has more than {} records; cut it", kMaxRecords);
    return false;
  }
  const auto bytes = wanted * sizeof(TraceRecord);
  if (const int wrong = ::posix_fallocate(descriptor_, 0, static_cast<off_t>(bytes)); wrong != 0) {
    status_ = fail("no room for {} bytes of temporary records: {}", bytes, std::strerror(wrong));
    return false;
  }
  void* data = records_ == nullptr
                   ? ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0)
                   : ::mremap(records_, capacity_ * sizeof(TraceRecord), bytes, MREMAP_MAYMOVE);
  if (data == MAP_FAILED) {
    status_ = fail("cannot map {} bytes of temporary records: {}", bytes, std::strerror(errno));
    return false;
  }
  records_ = static_cast<TraceRecord*>(data);
  capacity_ = wanted;
  return true;
}

}  // namespace violet::datasets
