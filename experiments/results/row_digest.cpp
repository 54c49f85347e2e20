#include "experiments/results/row_digest.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include "engine/base/check.hpp"

namespace violet::results {

struct RowDigest::State {
  XXH3_state_t* hash = XXH3_createState();
  ~State() { XXH3_freeState(hash); }
};

RowDigest::RowDigest() : state_(std::make_unique<State>()) {
  VIOLET_CHECK(state_->hash != nullptr && XXH3_128bits_reset(state_->hash) == XXH_OK);
}
RowDigest::~RowDigest() = default;

void RowDigest::add_bytes(char type, const void* bytes, std::size_t size) {
  const std::uint64_t length = size;
  XXH3_128bits_update(state_->hash, &type, sizeof type);
  XXH3_128bits_update(state_->hash, &length, sizeof length);
  if (size > 0) XXH3_128bits_update(state_->hash, bytes, size);
}

Status RowDigest::add(Statement& statement) {
  while (true) {
    VIOLET_TRY(const bool there_is_one, statement.step());
    if (!there_is_one) return {};
    add_bytes('r', nullptr, 0);
    for (int column = 0; column < statement.columns(); ++column) {
      switch (statement.type(column)) {
        case SQLITE_INTEGER: {
          const std::int64_t value = statement.integer(column);
          add_bytes('i', &value, sizeof value);
          break;
        }
        case SQLITE_FLOAT: {
          const double value = statement.real(column);
          add_bytes('f', &value, sizeof value);
          break;
        }
        case SQLITE_NULL:
          add_bytes('n', nullptr, 0);
          break;
        default: {
          const std::string value = statement.text(column);
          add_bytes('t', value.data(), value.size());
        }
      }
    }
  }
}

std::string RowDigest::text() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_->hash);
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace violet::results
