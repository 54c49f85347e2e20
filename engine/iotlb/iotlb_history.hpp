// An IOTLB history plays calls that are given as bytes on one design and on an oracle of plain
// maps, with several readers and domains, and says what went wrong. Tests, properties and the
// fuzzer share it.
//
// A lookup may always miss. A hit must be what the domain maps now, or what an invalidation that is not
// complete() yet removed: never anything older (Iotlb.1, Iotlb.4), never a mix, never more rights (C3).
//
// Threading: one thread plays all parts, so every interleaving of whole calls can be written down; the
// interleavings inside calls are the canary test's.
// Invariants: the same bytes give the same history on every design.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/check.hpp"
#include "engine/base/quiescence.hpp"
#include "engine/iotlb/any_iotlb.hpp"
#include "engine/iotlb/iotlbs.hpp"

namespace violet {

class IotlbHistory {
 public:
  IotlbHistory(const IotlbInfo& kind, const IotlbConfig& config)
      : name_(kind.name),
        granule_(std::uint64_t{1} << config.granule_shift),
        owned_(kind.make(config, quiescence_)),
        iotlb_(*owned_) {
    for (auto& reader : readers_) {
      reader.id = quiescence_.add_reader("reader").value();
      reader.port = open_any_reader(iotlb_, reader.id).value();
    }
  }

  // What went wrong first, or nothing.
  std::optional<std::string> play(std::span<const std::uint8_t> bytes) {
    input_ = bytes;
    while (!input_.empty() && !failure_) step();
    if (!failure_) settle();
    return failure_;
  }

  std::uint64_t hits() const { return hits_; }

 private:
  struct Held {
    AnyIotlbReader::Ticket ticket;
    DomainTag tag;
    Iova at;
    Translation translation;
  };
  struct Player {
    ReaderId id{};
    std::unique_ptr<AnyIotlbReader> port;
    bool online = false;
    std::optional<Held> held;
  };
  struct Removed {
    InvalidationToken token;
    Quiescence::Token grace;
    DomainTag tag;
    std::vector<Translation> mappings;
  };
  // One domain slot of the guest; a new incarnation gets a new tag.
  struct Domain {
    DomainTag tag{};
    std::uint64_t base = 0;
    std::map<std::uint64_t, Translation> mappings;
  };

  static constexpr std::uint64_t kLarge = std::uint64_t{1} << 21;
  static constexpr std::uint64_t kSpan = 4 * kLarge;

  std::uint8_t next() {
    if (input_.empty()) return 0;
    const std::uint8_t byte = input_.front();
    input_ = input_.subspan(1);
    return byte;
  }
  Player& next_reader() { return readers_[next() % readers_.size()]; }
  Domain& next_domain() { return domains_[next() % domains_.size()]; }
  // Few distinct addresses, so that histories meet: the first granules of each 2 MiB, and single bytes.
  std::uint64_t next_offset() {
    const std::uint8_t byte = next();
    return (byte & 3) * kLarge + ((byte >> 2) & 15) * granule_;
  }

  void step() {
    switch (next() % 12) {
      case 0:
      case 1:
        return map(next_domain());
      case 2:
        return unmap(next_domain());
      case 3:
      case 4:
        return lookup(next_reader(), next_domain());
      case 5:
      case 6:
        return walk_and_fill(next_reader(), next_domain());
      case 7:
        return hold_ticket(next_reader(), next_domain());
      case 8:
        return finish_fill(next_reader());
      case 9:
        return change_state(next_reader());
      case 10:
        return invalidate_part(next_domain());
      default:
        return rare();
    }
  }

  void rare() {
    const std::uint8_t what = next();
    if (what < 32) return detach(next_domain());
    if (what < 40) return flood(next_domain());
    poll();
  }

  void map(Domain& domain) {
    const std::uint8_t shape = next();
    std::uint64_t offset = next_offset() % kSpan;
    std::uint64_t bytes = (1 + (shape & 3)) * granule_;
    if ((shape & 0x30) == 0x30) {
      offset &= ~(kLarge - 1);
      bytes = kLarge + ((shape & 4) != 0 ? granule_ : 0);
    }
    const Translation made{IovaRange::of(domain.base + offset, bytes),
                           {(++physical_ << 30) % (std::uint64_t{1} << 52)},
                           static_cast<Permissions>(shape >> 6)};
    if (offset + bytes > kSpan) return;
    for (const auto& [first, other] : domain.mappings) {
      if (other.extent.overlaps(made.extent)) return;
    }
    domain.mappings.emplace(made.extent.first.value, made);
  }

  void unmap(Domain& domain) {
    auto victim = domain.mappings.lower_bound(domain.base + next_offset());
    if (victim == domain.mappings.end()) victim = domain.mappings.begin();
    if (victim == domain.mappings.end()) return;
    const Translation gone = victim->second;
    domain.mappings.erase(victim);
    const auto token = iotlb_.invalidate(domain.tag, gone.extent);
    removed_.push_back({token, quiescence_.start(), domain.tag, {gone}});
  }

  void detach(Domain& domain) {
    std::vector<Translation> gone;
    for (const auto& [first, mapping] : domain.mappings) gone.push_back(mapping);
    domain.mappings.clear();
    const auto token = iotlb_.invalidate_domain(domain.tag);
    removed_.push_back({token, quiescence_.start(), domain.tag, std::move(gone)});
    // Steps that make the tables of contexts and generations collide, too.
    constexpr std::array<std::uint32_t, 4> kTagSteps{1, 256, 1024, 3};
    next_tag_ += kTagSteps[next() % kTagSteps.size()];
    domain.tag = {next_tag_};
  }

  // Overruns logs and pending lists.
  void flood(Domain& domain) {
    const std::uint64_t offset = next_offset();
    for (int i = 0; i < 1100; ++i) {
      iotlb_.invalidate(domain.tag, IovaRange::of(domain.base + offset, 1));
    }
  }

  // More than needs to be invalidated, and not aligned: costs hits, never correctness.
  void invalidate_part(Domain& domain) {
    const std::uint64_t first = domain.base + next_offset() + next();
    const std::uint64_t bytes = std::uint64_t{1} << (next() % 22);
    const std::uint64_t room = domain.base + (kSpan - 1) - first;
    iotlb_.invalidate(domain.tag, {{first}, {first + (bytes - 1 < room ? bytes - 1 : room)}});
  }

  void lookup(Player& reader, Domain& domain) {
    const Iova at{domain.base + next_offset() + next()};
    go_online(reader);
    check(domain.tag, at, reader.port->lookup(domain.tag, at));
  }

  void check(DomainTag tag, Iova at, const std::optional<IotlbHit>& hit) {
    if (!hit) return;
    ++hits_;
    const auto now = translate(tag, at);
    if (now && agrees(*now, at, *hit)) return;
    for (const auto& old : removed_) {
      if (old.tag != tag) continue;
      for (const auto& mapping : old.mappings) {
        if (mapping.extent.contains(at) && agrees(mapping, at, *hit)) return;
      }
    }
    failure_ = fmt::format("{}: domain {} address {:#x} gave {:#x} rights {}, which is {}", name_,
                           tag.value, at.value, hit->phys.value, static_cast<int>(hit->permissions),
                           now ? "not what is mapped" : "not mapped");
  }

  static bool agrees(const Translation& mapping, Iova at, const IotlbHit& hit) {
    return hit.phys == mapping.at(at) && hit.permissions == mapping.permissions &&
           hit.bytes_left >= 1 && hit.bytes_left - 1 <= mapping.extent.last.value - at.value;
  }

  std::optional<Translation> translate(DomainTag tag, Iova at) const {
    for (const auto& domain : domains_) {
      if (domain.tag != tag) continue;
      auto after = domain.mappings.upper_bound(at.value);
      if (after == domain.mappings.begin()) return std::nullopt;
      const auto& mapping = (--after)->second;
      if (mapping.extent.contains(at)) return mapping;
    }
    return std::nullopt;
  }

  void walk_and_fill(Player& reader, Domain& domain) {
    const Iova at{domain.base + next_offset()};
    go_online(reader);
    const auto ticket = reader.port->begin_fill(domain.tag, at);
    const auto found = translate(domain.tag, at);
    if (!found) return;
    reader.port->fill(ticket, domain.tag, at, *found);
    check(domain.tag, at, reader.port->lookup(domain.tag, at));
  }

  // The walk of a stale fill: what happens before finish_fill() may make it untrue.
  void hold_ticket(Player& reader, Domain& domain) {
    const Iova at{domain.base + next_offset()};
    go_online(reader);
    const auto ticket = reader.port->begin_fill(domain.tag, at);
    const auto found = translate(domain.tag, at);
    if (found) reader.held.emplace(Held{ticket, domain.tag, at, *found});
  }

  void finish_fill(Player& reader) {
    if (!reader.held) return;
    const Held held = *reader.held;
    reader.held.reset();
    reader.port->fill(held.ticket, held.tag, held.at, held.translation);
    check(held.tag, held.at, reader.port->lookup(held.tag, held.at));
  }

  void go_online(Player& reader) {
    if (!reader.online) quiescence_.online(reader.id);
    reader.online = true;
  }
  void change_state(Player& reader) {
    reader.held.reset();  // Iotlb.5: tickets do not outlive the section.
    if (!reader.online) return go_online(reader);
    if (next() % 2 == 0) {
      reader.port->quiescent();
      quiescence_.quiescent(reader.id);
    } else {
      quiescence_.offline(reader.id);
      reader.online = false;
    }
  }

  void poll() {
    std::erase_if(removed_, [&](const Removed& removed) {
      if (iotlb_.completed(removed.token)) return true;
      // Nobody holds a lock here, so once every reader was quiescent, nothing may be left to wait for.
      if (quiescence_.passed(removed.grace)) failure_ = "incomplete after the grace period";
      return false;
    });
  }

  // At the end everything completes, and then every reader is asked for everything.
  void settle() {
    for (auto& reader : readers_) {
      reader.held.reset();
      if (reader.online) quiescence_.offline(reader.id);
      reader.online = false;
    }
    poll();
    if (!failure_ && !removed_.empty()) failure_ = "incomplete although every reader is offline";
    for (auto& reader : readers_) ask_everything(reader);
  }

  void ask_everything(Player& reader) {
    go_online(reader);
    for (const auto& domain : domains_) {
      for (std::uint64_t i = 0; i < 64 && !failure_; ++i) {
        const Iova at{domain.base + (i & 3) * kLarge + (i >> 2) * granule_};
        check(domain.tag, at, reader.port->lookup(domain.tag, at));
      }
    }
  }

  std::string name_;
  std::uint64_t granule_;
  EpochQuiescence quiescence_;
  std::unique_ptr<IotlbControl> owned_;
  IotlbControl& iotlb_;
  std::array<Player, 3> readers_;
  std::array<Domain, 3> domains_{Domain{{0}, 0, {}}, Domain{{1}, std::uint64_t{0} - kSpan, {}},
                                 Domain{{257}, 0, {}}};
  std::uint32_t next_tag_ = 257;
  std::vector<Removed> removed_;
  std::uint64_t physical_ = 0;
  std::uint64_t hits_ = 0;
  std::span<const std::uint8_t> input_;
  std::optional<std::string> failure_;
};

// Small enough that every replacement, conflict and reuse happens; `which` picks one of the shapes.
inline IotlbConfig small_iotlb_config(std::size_t which) {
  constexpr std::array<unsigned, 5> kWays{1, 2, 4, 8, 16};
  IotlbConfig config;
  config.ways = kWays[which % 5];
  config.entries = std::size_t{config.ways} << (which / 5 % 3 * 2);
  config.replacement = static_cast<IotlbConfig::Replacement>(which / 15 % 3);
  config.indexing = static_cast<IotlbConfig::Indexing>(which / 45 % 2);
  config.granule_shift = which / 90 % 2 == 0 ? kGranuleShift4K : 16;
  config.max_readers = 3;
  return config;
}
inline constexpr std::size_t kSmallIotlbConfigs = 180;

}  // namespace violet
