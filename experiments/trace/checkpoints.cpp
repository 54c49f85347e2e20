#include "experiments/trace/checkpoints.hpp"

#include <algorithm>

namespace violet {
namespace {

std::size_t bytes_of_checkpoints(const Pyramid& pyramid) {
  return pyramid.lives.size() * sizeof(LifeRecord) + pyramid.pages.size() * sizeof(PageRecord) +
         pyramid.mappings.size() * sizeof(MappingRecord) +
         pyramid.attached.size() * sizeof(AttachRecord);
}

// Moves the slice's records down to the end of what is kept.
template <class Record>
void keep_slice(std::vector<Record>& records, Checkpoint::Slice& slice, std::size_t& kept) {
  const auto from = records.begin() + static_cast<std::ptrdiff_t>(slice.first);
  std::copy(from, from + static_cast<std::ptrdiff_t>(slice.count),
            records.begin() + static_cast<std::ptrdiff_t>(kept));
  slice.first = kept;
  kept += slice.count;
}

void drop_every_other(Pyramid& pyramid) {
  std::size_t kept = 0, lives = 0, pages = 0, flights = 0, mappings = 0, attached = 0;
  for (std::size_t i = 0; i < pyramid.checkpoints.size(); i += 2) {
    Checkpoint checkpoint = pyramid.checkpoints[i];
    keep_slice(pyramid.lives, checkpoint.lives, lives);
    keep_slice(pyramid.pages, checkpoint.pages, pages);
    keep_slice(pyramid.flights, checkpoint.flights, flights);
    keep_slice(pyramid.mappings, checkpoint.mappings, mappings);
    keep_slice(pyramid.attached, checkpoint.attached, attached);
    pyramid.checkpoints[kept++] = checkpoint;
  }
  pyramid.checkpoints.resize(kept);
  pyramid.lives.resize(lives);
  pyramid.pages.resize(pages);
  pyramid.flights.resize(flights);
  pyramid.mappings.resize(mappings);
  pyramid.attached.resize(attached);
}

}  // namespace

bool thin_checkpoints(Pyramid& pyramid) {
  if (pyramid.checkpoints.size() <= 1 || (pyramid.checkpoints.size() <= kMostCheckpoints &&
                                          bytes_of_checkpoints(pyramid) <= kMostCheckpointBytes)) {
    return false;
  }
  drop_every_other(pyramid);
  return true;
}

}  // namespace violet
