#include "datasets/sha256.hpp"

#include <glib.h>

#include <memory>

namespace violet::datasets {

std::string sha256_hex(std::span<const std::byte> bytes) {
  const std::unique_ptr<gchar, decltype(&g_free)> hex(
      g_compute_checksum_for_data(G_CHECKSUM_SHA256, reinterpret_cast<const guchar*>(bytes.data()),
                                  bytes.size()),
      &g_free);
  return hex.get();
}

}  // namespace violet::datasets
