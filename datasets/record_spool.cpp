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
  spool.file_ = FileDescriptor(::mkostemp(path.data(), O_CLOEXEC));
  if (!spool.file_.valid()) return fail("{}: cannot write here: {}", dir, std::strerror(errno));
  ::unlink(path.c_str());
  return spool;
}

Status RecordSpool::map(std::size_t bytes) {
  if (!memory_.bytes().empty()) return memory_.resize(bytes);
  VIOLET_TRY(memory_, MappedMemory::map(bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get()));
  return {};
}

bool RecordSpool::grow() {
  const auto wanted = std::min(std::max(capacity_ * 2, kFirstCapacity), kMaxRecords);
  if (!status_ || wanted <= capacity_) {
    if (status_) status_ = fail("the log has more than {} records; cut it", kMaxRecords);
    return false;
  }
  const auto bytes = wanted * sizeof(TraceRecord);
  if (const int wrong = ::posix_fallocate(file_.get(), 0, static_cast<off_t>(bytes)); wrong != 0) {
    status_ = fail("no room for {} bytes of temporary records: {}", bytes, std::strerror(wrong));
    return false;
  }
  if (const Status mapped = map(bytes); !mapped) {
    status_ = fail("cannot map {} bytes of temporary records: {}", bytes, mapped.error().message);
    return false;
  }
  records_ = reinterpret_cast<TraceRecord*>(memory_.bytes().data());
  capacity_ = wanted;
  return true;
}

}  // namespace violet::datasets
