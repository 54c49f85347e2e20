#include "datasets/byte_map.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <zstd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "engine/base/file_descriptor.hpp"
#include "engine/base/files.hpp"

namespace violet::datasets {
namespace {

constexpr std::array<unsigned char, 4> kZstdMagic = {0x28, 0xb5, 0x2f, 0xfd};

struct ContextFreer {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

}  // namespace

Result<ByteMap> ByteMap::of_file(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid()) return fail(ErrorKind::kUsage, "{}: {}", path, std::strerror(errno));
  struct stat about {};
  if (::fstat(file.get(), &about) != 0) return fail("{}: {}", path, std::strerror(errno));
  if (!S_ISREG(about.st_mode)) return fail("{}: not a regular file", path);
  const auto size = static_cast<std::size_t>(about.st_size);
  if (size > kMostReadBytes) {
    auto memory = MappedMemory::map(size, PROT_READ, MAP_PRIVATE, file.get());
    if (!memory) return fail("{}: cannot map: {}", path, memory.error().message);
    return ByteMap(*std::move(memory));
  }
  auto map = of_size(size);
  if (!map) return fail("{}: {}", path, map.error().message);
  const std::size_t got = read_at(file.get(), 0, map->writable());
  if (got == size) return map;
  return fail("{}: only {} of its {} bytes could be read: it was cut meanwhile, or its disk failed",
              path, got, size);
}

Result<ByteMap> ByteMap::of_size(std::size_t bytes) {
  auto memory = MappedMemory::map(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
  if (!memory) return fail("cannot get {} bytes of memory", bytes);
  return ByteMap(*std::move(memory));
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
  return replace_file(to, std::string_view(packed.data(), size));
}

}  // namespace violet::datasets
