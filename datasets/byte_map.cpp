#include "datasets/byte_map.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace violet::datasets {
namespace {

constexpr std::array<unsigned char, 4> kZstdMagic = {0x28, 0xb5, 0x2f, 0xfd};

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

struct ContextFreer {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

Result<ByteMap> map_descriptor(int descriptor, const std::string& path,
                               ByteMap (*wrap)(void*, std::size_t)) {
  struct stat about {};
  if (::fstat(descriptor, &about) != 0) return fail("{}: {}", path, std::strerror(errno));
  if (!S_ISREG(about.st_mode)) return fail("{}: not a regular file", path);
  const auto size = static_cast<std::size_t>(about.st_size);
  if (size == 0) return ByteMap();
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (data == MAP_FAILED) return fail("{}: cannot map: {}", path, std::strerror(errno));
  return wrap(data, size);
}

}  // namespace

ByteMap::ByteMap(ByteMap&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

ByteMap& ByteMap::operator=(ByteMap&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

ByteMap::~ByteMap() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

Result<ByteMap> ByteMap::of_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(ErrorKind::kUsage, "{}: {}", path, std::strerror(errno));
  auto map = map_descriptor(descriptor, path, [](void* data, std::size_t size) {
    ByteMap made;
    made.data_ = static_cast<std::byte*>(data);
    made.size_ = size;
    return made;
  });
  ::close(descriptor);
  return map;
}

Result<ByteMap> ByteMap::of_size(std::size_t bytes) {
  ByteMap map;
  if (bytes == 0) return map;
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) return fail("cannot get {} bytes of memory", bytes);
  map.data_ = static_cast<std::byte*>(data);
  map.size_ = bytes;
  return map;
}

bool has_zstd_magic(std::span<const std::byte> bytes) {
  return bytes.size() >= kZstdMagic.size() &&
         std::memcmp(bytes.data(), kZstdMagic.data(), kZstdMagic.size()) == 0;
}

Result<ByteMap> unzstd(std::span<const std::byte> packed, const std::string& name,
                       std::uint64_t max_bytes) {
  const auto size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size == ZSTD_CONTENTSIZE_ERROR) return fail("{}: damaged zstd header at offset 0", name);
  if (size == ZSTD_CONTENTSIZE_UNKNOWN) {
    return fail("{}: its zstd header does not say the size; unpack it with `zstd -d` first", name);
  }
  if (size > max_bytes) {
    return fail("{}: unpacks to {} bytes, more than the limit of {}", name, size, max_bytes);
  }
  auto map = ByteMap::of_size(size);
  if (!map) return fail("{}: {}", name, map.error().message);
  const std::unique_ptr<ZSTD_DCtx, ContextFreer> context(ZSTD_createDCtx());
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  ZSTD_outBuffer out{map->writable().data(), size, 0};
  const auto left = ZSTD_decompressStream(context.get(), &out, &in);
  if (ZSTD_isError(left)) {
    return fail("{}: damaged zstd data at or before offset {} of {} ({})", name, in.pos, in.size,
                ZSTD_getErrorName(left));
  }
  if (left != 0) {
    return fail("{}: truncated zstd data: it ends at offset {} with {} of {} bytes unpacked", name,
                packed.size(), out.pos, size);
  }
  if (in.pos != in.size) {
    return fail("{}: {} unexpected bytes behind the zstd data at offset {}", name, in.size - in.pos,
                in.pos);
  }
  if (out.pos != size) return fail("{}: zstd promised {} bytes, gave {}", name, size, out.pos);
  return map;
}

Status zstd_file(const std::string& from, const std::string& to, int level) {
  VIOLET_TRY(auto source, ByteMap::of_file(from));
  const auto bytes = source.bytes();
  std::vector<char> packed(ZSTD_compressBound(bytes.size()));
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  const auto size =
      ZSTD_compress2(context.get(), packed.data(), packed.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(size)) return fail("{}: zstd: {}", from, ZSTD_getErrorName(size));
  std::unique_ptr<std::FILE, FileCloser> file(std::fopen(to.c_str(), "wb"));
  if (!file) return fail("{}: {}", to, std::strerror(errno));
  if (std::fwrite(packed.data(), 1, size, file.get()) != size || std::fflush(file.get()) != 0) {
    return fail("{}: cannot write: {}", to, std::strerror(errno));
  }
  return {};
}

}  // namespace violet::datasets
